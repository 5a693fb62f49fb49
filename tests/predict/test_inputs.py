"""Texts to predict on: what makes a record, and what is refused."""

import pytest

from chinchilla.errors import InputError
from chinchilla.predict.inputs import Defaults, read_inputs
from chinchilla.schema import Label, LabelSet, Record
from chinchilla.tally import Tally

LABELS = LabelSet(source="finre", task="re", labels=(Label(key="own", name="own"),))


def read(*lines: str, tally: Tally | None = None) -> list[Record]:
    encoded = [line.encode("utf-8") for line in lines]
    defaults = Defaults(None, {"finre": LABELS})
    return list(read_inputs(encoded, "texts.jsonl", defaults, tally or Tally()))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ('{"id": "x", "text": "one"}\n', "\n", '{"id": "x", "text": "two"}\n'),
            "texts.jsonl:3: the id 'x' is that of line 1 too; give each record an id of its own",
        ),
        (
            ('{"id": "line-000002", "text": "one"}\n', '{"text": "two"}\n'),
            "texts.jsonl:2: the id 'line-000002' is that of line 1 too; "
            "give each record an id of its own",
        ),
    ],
)
def test_two_records_of_one_id_are_refused(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(*lines)
    assert str(caught.value) == message


def test_a_byte_order_mark_before_the_first_record_is_no_part_of_it() -> None:
    assert [one.text for one in read('\ufeff{"text": "one"}\n', '{"text": "two"}')] == [
        *("one", "two")
    ]


def test_bad_lines_are_counted_where_the_user_asked_to_go_on() -> None:
    tally = Tally(forgiving=True)
    lines = ('{"text": "one"}', "{", '{"id": "line-000001", "text": "two"}', '{"text": "three"}')
    assert [one.text for one in read(*lines, tally=tally)] == ["one", "three"]
    assert tally.refused["bad-line"].times == 2
    assert tally.refused["bad-line"].example.startswith("texts.jsonl:2: not JSON (")
