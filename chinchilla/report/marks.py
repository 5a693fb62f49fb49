"""Text cut into plain and marked pieces, as a page shows it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chinchilla.score.faults import Finding
from chinchilla.score.health import Item


class Piece(NamedTuple):
    """A stretch of text; `kind` and `label` are empty where it is not marked."""

    text: str
    kind: str = ""
    label: str = ""


class _Mark(NamedTuple):
    start: int
    end: int
    kind: str
    label: str


def gold_pieces(text: str, findings: Iterable[Finding]) -> list[Piece]:
    """Return the text with its gold items marked."""
    return list(_cut(text, [(one.kind, one.gold) for one in findings if one.gold]))


def pred_pieces(text: str, findings: Iterable[Finding]) -> list[Piece]:
    """Return the text with its predicted items marked."""
    return list(_cut(text, [(one.kind, one.pred) for one in findings if one.pred]))


def _cut(text: str, found: Iterable[tuple[str, Item]]) -> Iterator[Piece]:
    """Yield the pieces; of overlapping marks the first and longest is drawn."""
    marks = sorted(
        (mark for kind, item in found for mark in _places(text, kind, item)),
        key=lambda mark: (mark.start, -mark.end, mark.kind == "right"),
    )
    at = 0
    for mark in marks:
        if mark.start < at:
            continue
        if mark.start > at:
            yield Piece(text[at : mark.start])
        yield Piece(text[mark.start : mark.end], mark.kind, mark.label)
        at = mark.end
    if at < len(text):
        yield Piece(text[at:])


def _places(text: str, kind: str, item: Item) -> Iterator[_Mark]:
    """Yield where an item is drawn: at its offsets, else at the first occurrence of a string."""
    if item.start is not None and item.end is not None:
        yield _Mark(item.start, item.end, kind, item.name)
        return
    for words in item.strings:
        start = text.find(words) if words else -1
        if start >= 0:
            yield _Mark(start, start + len(words), kind, item.name)
