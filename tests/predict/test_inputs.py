"""Texts to predict on: what makes a record, and what is refused."""

import pytest

from chinchilla.errors import InputError
from chinchilla.predict.inputs import Defaults, read_inputs
from chinchilla.schema import Label, LabelSet, Record

LABELS = LabelSet(source="finre", task="re", labels=(Label(key="own", name="own"),))


def read(*lines: str) -> list[Record]:
    found = [line.encode("utf-8") for line in lines]
    return list(read_inputs(found, "texts.jsonl", Defaults(None, {"finre": LABELS})))


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
    with pytest.raises(InputError) as found:
        read(*lines)
    assert str(found.value) == message


def test_a_byte_order_mark_before_the_first_record_is_no_part_of_it() -> None:
    assert [one.text for one in read('\ufeff{"text": "one"}\n', '{"text": "two"}')] == [
        *("one", "two")
    ]
