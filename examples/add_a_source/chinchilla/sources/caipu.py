"""Caipu (invented): ingredients, tools and durations in recipes; a sentence a line.

https://example.org/caipu

    编号<TAB>句子<TAB>实体
    0001<TAB>锅中倒油，放入葱段炒两分钟。<TAB>1-1:TOOL;4-4:ING;8-9:ING;11-13:TIME
    0003<TAB>关火，盛出装盘。<TAB>无

Its quirks: a heading, characters counted from 1 with the last one included, a word for "no
entity", and the label ING now and then misspelt as IGN (`[repairs]` of the card).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers import tsv
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Boundary
from chinchilla.spans import Tagged, entities

NUMBER = "编号"
NO_ENTITY = "无"


class Row(NamedTuple):
    """A sentence, and its entities as published."""

    text: str
    marks: str


def boundary(_: Path) -> Boundary:
    """Cut a file after any line."""
    return "lines"


def rows(part: SplitSlice) -> Iterator[tuple[int, Row]]:
    """Yield the sentences of a slice, without the heading of the file."""
    for line, (number, text, marks) in tsv.rows(part.slice, 3, part.line_tally):
        if (line, number) != (1, NUMBER):
            yield line, Row(text, marks)


def to_fields(row: Row, context: RowContext) -> Fields:
    """Return the text of a sentence and its entities."""
    marks = [] if row.marks == NO_ENTITY else row.marks.split(";")
    spans = [_span(mark, row.text, context) for mark in marks]
    return {"text": row.text, "entities": entities(row.text, spans)}


def _span(mark: str, text: str, context: RowContext) -> Tagged:
    """Return the span of `4-4:ING`; raise InputError where it is not written so."""
    stretch, _, label = mark.partition(":")
    first, _, last = stretch.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= len(text)):
        what = f"the entity {mark!r} is not FIRST-LAST:LABEL within {len(text)} characters"
        raise InputError(context.where(), what, "correct the line or leave it out", "bad-entity")
    repairs = context.part.repairs
    if label in repairs:
        context.fix(f"label-{label}")
    return Tagged(repairs.get(label, label), int(first) - 1, int(last))
