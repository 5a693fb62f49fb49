"""Offsets of others: what quotes wrongly is refused with what fits, what looks wrong is counted."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.mapping import Setting
from chinchilla.corpus.offsets import OffsetRuler, fitting, suspicion
from chinchilla.errors import ChinchillaError
from chinchilla.schema import Record
from chinchilla.tally import Tally

CARD = (
    'title = "x"\ntask = "ner"\n[[editions]]\nsplits.train = ["train.json"]\n'
    '[labels]\nPER = {{ name = "人" }}\n[mapping]\ntext = "text"\n{offsets}\n'
    'entities = {{ list = "ents", type = "l", start = "s", end = "e"{more} }}\n'
)


def read(
    raw: Path, rows: list[dict[str, Any]], offsets: str, more: str = ""
) -> tuple[list[Record], Tally]:
    (raw / "mine").mkdir(parents=True)
    (raw / "mine/card.toml").write_text(CARD.format(offsets=offsets, more=more), encoding="utf-8")
    (raw / "mine/train.json").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    found = catalogue.find(catalogue.load_card("mine", raw), raw)
    assert found is not None
    tally = Tally()
    records = list(catalogue.records(found, "train", tally))
    tally.merge(found.tally)
    return records, tally


def row(text: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    return {"text": text, "ents": [{"l": "PER", "s": start, "e": end, **more}]}


EXCLUSIVE, INCLUSIVE = 'offsets = "end-exclusive"', 'offsets = "end-inclusive"'
QUOTED = [
    (
        row("王小明来了", 0, 2, w="王小明"),
        EXCLUSIVE,
        'set offsets = "end-inclusive" in [mapping] of',
    ),
    (
        row("王小明来了", 0, 3, w="王小明"),
        INCLUSIVE,
        'set offsets = "end-exclusive" in [mapping] of',
    ),
    (
        row("🎉王小明来了", 2, 5, w="王小明"),
        EXCLUSIVE,
        'set offsets_unit = "utf-16" in [mapping] of',
    ),
    (
        row("🎉王小明来了", 2, 4, w="王小明"),
        EXCLUSIVE,
        'set offsets = "end-inclusive" and offsets_unit = "utf-16" in [mapping] of',
    ),
    (row("我王小明来了", 1, 3, w="王小明"), EXCLUSIVE, 'set offsets = "end-inclusive"'),
    (row("我王小明来了", 2, 5, w="王小明"), EXCLUSIVE, "the offsets are one too large"),
    (row("我们王小明来了", 1, 4, w="王小明"), EXCLUSIVE, "the offsets are one too small"),
    (
        row("一\n二\n王小明来了", 6, 9, w="王小明"),
        EXCLUSIVE,
        "the offsets count a line break as two",
    ),
    (row("王小明来了", 3, 5, w="王小明"), EXCLUSIVE, "correct the line or leave it out"),
]


@pytest.mark.parametrize(("line", "offsets", "todo"), QUOTED)
def test_offsets_that_do_not_quote_are_refused_with_the_setting_that_fits(
    tmp_path, line, offsets, todo
) -> None:
    with pytest.raises(ChinchillaError) as caught:
        read(tmp_path, [line], offsets, ', text = "w"')
    assert str(caught.value).startswith(f"{tmp_path / 'mine/train.json'}:1: offset ")
    assert caught.value.todo.startswith(todo)


@given(st.text("王明🎉a", min_size=1), st.data())
def test_offsets_in_utf_16_units_are_read_as_the_same_characters(text, data) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    units = [len(text[:at].encode("utf-16-le")) // 2 for at in (start, end)]
    ruler = OffsetRuler(text)
    assert [ruler.at(one, "utf-16") for one in units] == [start, end]
    now = Setting("end-exclusive", "code-point")
    if text[units[0] : units[1]] != text[start:end]:
        assert fitting(ruler, text[start:end], *units, now)


def test_offsets_in_utf_16_units_are_read_where_the_card_says_so(tmp_path) -> None:
    offsets = f'{EXCLUSIVE}\noffsets_unit = "utf-16"'
    [record], tally = read(tmp_path, [row("🎉王小明来了🎉", 2, 5)], offsets)
    assert [(one.text, one.start, one.end) for one in record.entities] == [("王小明", 1, 4)]
    assert not tally.warned


SUSPECTS = [
    (row("看Windows了", 1, 7), EXCLUSIVE, "span-cuts-a-word", 'set offsets = "end-inclusive"'),
    (row("有2020年", 1, 4), EXCLUSIVE, "span-cuts-a-word", 'set offsets = "end-inclusive"'),
    (row("读《红楼》了", 1, 4), EXCLUSIVE, "span-cuts-brackets", 'set offsets = "end-inclusive"'),
    (row("读《红楼》了", 2, 4), INCLUSIVE, "span-cuts-brackets", 'set offsets = "end-exclusive"'),
    (row("🎉王小明来了", 2, 5), EXCLUSIVE, "offsets-after-wide-characters", "say offsets_unit"),
]


@pytest.mark.parametrize(("line", "offsets", "reason", "todo"), SUSPECTS)
def test_spans_that_look_misread_are_counted_with_the_setting_that_fits(
    tmp_path, line, offsets, reason, todo
) -> None:
    records, tally = read(tmp_path, [line, row("王小明来了", 0, 2)], offsets)
    assert len(records) == 2
    assert tally.warned[reason].places == (f"{tmp_path / 'mine/train.json'}:1",)
    assert tally.warned[reason].todo.startswith(todo)


CONTEXTS = ["{}来了", "今天{}说话", "他见{}时", "请{}坐下", "和{}一起"]


@pytest.mark.parametrize(
    ("offsets", "more", "fits"),
    [(EXCLUSIVE, -1, "end-inclusive"), (INCLUSIVE, 0, "end-exclusive"), (EXCLUSIVE, 0, "")],
)
def test_names_that_are_always_one_character_off_are_counted(tmp_path, offsets, more, fits) -> None:
    rows = []
    for name in ("王小明", "李四", "赵云飞"):
        for context in CONTEXTS:
            at = context.index("{")
            rows.append(row(context.format(name), at, at + len(name) + more))
    records, tally = read(tmp_path, rows, offsets)
    assert len(records) == 15
    if fits:
        assert tally.warned["surfaces-one-character-off"].times == 15
        assert f'"{fits}"' in tally.warned["surfaces-one-character-off"].todo
    else:
        assert not tally.warned


@given(st.text("ab1《》王", min_size=1, max_size=8), st.data())
def test_a_whole_text_is_cut_nowhere_in_a_word(text, data) -> None:
    assert suspicion(text, 0, len(text)) != "span-cuts-a-word"


UNREAD = [
    ("", 'entities.start is mapped and offsets is not; say offsets = "end-exclusive"'),
    ('offsets = "start"', "entities.end is mapped and would not be read; say offsets = "),
]


@pytest.mark.parametrize(("offsets", "message"), UNREAD)
def test_offsets_that_are_mapped_and_would_not_be_read_are_refused(
    tmp_path, offsets, message
) -> None:
    with pytest.raises(ChinchillaError) as caught:
        read(tmp_path, [row("王小明来了", 0, 2, w="王小")], offsets, ', text = "w"')
    assert f"mapping: {message}" in str(caught.value)


def test_where_a_start_alone_is_given_no_setting_with_an_end_is_advised() -> None:
    ruler = OffsetRuler("👍见王小明")
    now, wide = Setting("start", "code-point"), 'set offsets_unit = "utf-16"'
    assert fitting(ruler, "王小明", 3, None, now) == wide
    assert fitting(ruler, "王小明", 3, 9, now._replace(offsets="end-exclusive")) != wide
