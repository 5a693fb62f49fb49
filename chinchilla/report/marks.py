"""Text cut into plain and marked pieces, as a page shows it."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from chinchilla.errors import shown
from chinchilla.score.faults import Finding
from chinchilla.score.health import Item

_ITEMS = 200
"""Items of a document that are marked in its text."""
_WHOLE = 3_000
"""Characters of a text up to which all of it is drawn."""
_MARGIN = 100
"""Characters of a longer text that are drawn before and after a mark."""


class Piece(NamedTuple):
    """A stretch of text; `kind` and `label` are empty where it is not marked.

    `left_out` characters after the text are not drawn.
    """

    text: str
    kind: str = ""
    label: str = ""
    left_out: int = 0


def brief(words: str, most: int = 60) -> str:
    """Return a name or an item as a page shows it: on one line, shortened."""
    return shown(words if len(words) <= most else f"{words[: most - 1]}…")


class _Mark(NamedTuple):
    start: int
    end: int
    kind: str
    label: str


def gold_pieces(text: str, findings: Iterable[Finding]) -> list[Piece]:
    """Return the text with its gold items marked, of a long text what stands around them."""
    marked = ((one.kind, one.gold) for one in findings if one.gold)
    return list(_shortened(text, _cut(text, islice(marked, _ITEMS))))


def pred_pieces(text: str, findings: Iterable[Finding]) -> list[Piece]:
    """Return the text with its predicted items marked, of a long text what stands around them."""
    marked = ((one.kind, one.pred) for one in findings if one.pred)
    return list(_shortened(text, _cut(text, islice(marked, _ITEMS))))


def _shortened(text: str, pieces: Iterable[Piece]) -> Iterator[Piece]:
    if len(text) <= _WHOLE:
        yield from pieces
        return
    drawn = at = 0
    for piece in pieces:
        at += len(piece.text)
        more = len(piece.text) - 2 * _MARGIN
        if more <= 0:
            yield piece
        else:
            yield piece._replace(text=piece.text[:_MARGIN], left_out=more)
            yield piece._replace(text=piece.text[-_MARGIN:])
        drawn += min(len(piece.text), 2 * _MARGIN)
        if drawn > _WHOLE and at < len(text):
            yield Piece("", left_out=len(text) - at)
            return


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
        yield Piece(text[mark.start : mark.end], mark.kind, brief(mark.label))
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
