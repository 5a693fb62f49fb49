"""The evaluation page: what was scored, where the mistakes are, examples to look at."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from chinchilla.errors import shown
from chinchilla.files import write_whole
from chinchilla.resources import RESOURCES
from chinchilla.score.counts import prf
from chinchilla.score.error_analysis import (
    KINDS,
    Confusion,
    ExaminedDocument,
    PredictedItem,
    confusion,
)
from chinchilla.score.result import Result, Score

TEMPLATE = "evaluation.html"
EXAMPLES_A_KIND = 60
MOST_LABELS, MOST_BARS = 24, 300
"""Labels of the matrix; of the bars and the filter."""
MOST_MISTAKES = 50
"""Mistakes listed of one document."""
MOST_DRAWN = 1_500_000
"""Characters of all examples, markup included, after which no more documents are listed."""
_MARKUP = 200
"""Characters that the markup of a mark or of a listed mistake takes."""
_ITEMS = 200
"""Items of a document that are marked in its text."""
_WHOLE, _MARGIN = 3_000, 100
"""Characters of a text that is drawn whole; of a longer one, those before and after a mark."""


class TextPiece(NamedTuple):
    """A stretch of text; `kind` and `label` are empty where it is not marked.

    `left_out` characters after the text are not drawn.
    """

    text: str
    kind: str = ""
    label: str = ""
    left_out: int = 0


class PageExample(NamedTuple):
    """A document with mistakes, as the page lists it; `left_out` mistakes are not listed."""

    id: str
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    gold: list[TextPiece]
    pred: list[TextPiece]
    mistakes: list[tuple[str, str, str]]
    left_out: int = 0

    @property
    def drawn(self) -> int:
        """Return how many characters the page holds of it."""
        pieces = (*self.gold, *self.pred)
        strings = [*self.labels, *("".join(one) for one in self.mistakes)]
        text = sum(len(one.text) + len(one.label) for one in pieces) + sum(map(len, strings))
        return text + _MARKUP * (len(pieces) + len(self.mistakes))


class Matrix(NamedTuple):
    """The confusion matrix: gold labels down, predicted ones across, nothing last."""

    labels: list[str]
    rows: list[list[int]]
    left_out: int


def write_page(result: Result, path: Path) -> None:
    """Write the page whole or not at all; raise ConfigError where it cannot be written."""
    write_whole(path, [evaluation_page(result).encode("utf-8")])


def evaluation_page(result: Result) -> str:
    """Return one self-contained HTML page, which loads nothing from the network."""
    documents = result.errors()
    kinds = Counter(finding.kind for document in documents for finding in document.findings)
    head = result.scores[result.headline]
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    source = (RESOURCES / "pages" / TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        result=result,
        gold=Path(result.names.gold).name,
        head=head,
        labels=_label_rows(head),
        more_labels=max(0, len(head.labels) - MOST_BARS),
        kinds=[(kind, kinds[kind]) for kind in KINDS],
        right=kinds["right"],
        matrix=matrix(confusion(documents)),
        examples=examples(documents),
        uncompared=sum(document.uncompared for document in documents),
        wrong=sum(any(each.kind != "right" for each in one.findings) for one in documents),
    )


def _visible(value: object) -> object:
    """Show control characters as escapes, but for the line ends of a text."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(shown, value.split("\n")))
    return value


def _label_rows(score: Score) -> list[dict[str, Any]]:
    """Return the labels of a metric that are most frequent in gold, these first."""
    order = sorted(score.labels.items(), key=lambda label: (-label[1].n_gold, label[0]))
    return [
        {"name": brief(name), "score": prf(counts), "counts": counts}
        for name, counts in order[:MOST_BARS]
    ]


def matrix(pairs: Confusion) -> Matrix:
    """Return the matrix of the labels met most often; pairs of other labels are counted."""
    met: Counter[str] = Counter()
    for (gold, pred), times in pairs.items():
        for name in {gold, pred} - {None}:
            met[str(name)] += times
    names = sorted(sorted(met, key=lambda name: (-met[name], name))[:MOST_LABELS])
    axis: list[str | None] = [*names, None]
    rows = [[pairs[gold, pred] for pred in axis] for gold in axis]
    total = sum(sum(row) for row in rows)
    return Matrix([brief(name) for name in names], rows, pairs.total() - total)


def examples(documents: Iterable[ExaminedDocument]) -> list[PageExample]:
    """Return documents with mistakes, in order, until kinds have their share or it is enough."""
    listed: Counter[str] = Counter()
    chosen: list[PageExample] = []
    drawn = 0
    for document in documents:
        seen = {finding.kind for finding in document.findings}
        kinds = tuple(kind for kind in KINDS if kind in seen)
        if any(listed[kind] < EXAMPLES_A_KIND for kind in kinds):
            listed.update(kinds)
            chosen.append(_example(document, kinds))
            drawn += chosen[-1].drawn
        if drawn > MOST_DRAWN:
            break
    return chosen


def _example(document: ExaminedDocument, kinds: tuple[str, ...]) -> PageExample:
    gold = document.pair.gold
    mistakes = [one for one in document.findings if one.kind != "right"]
    listed = mistakes[:MOST_MISTAKES]
    labels = dict.fromkeys(
        brief(item.name) for one in listed for item in (one.gold, one.pred) if item is not None
    )
    # the listed ones first: not every item of a long answer is marked
    marked = [*listed, *(one for one in document.findings if one.kind == "right")]
    return PageExample(
        brief(gold.id, 120),
        kinds,
        tuple(labels),
        pieces_of(gold.text, ((one.kind, one.gold) for one in marked)),
        pieces_of(gold.text, ((one.kind, one.pred) for one in marked)),
        [(one.kind, _shown(one.gold), _shown(one.pred)) for one in listed],
        len(mistakes) - len(listed),
    )


def _shown(item: PredictedItem | None) -> str:
    if item is None:
        return ""
    return f"{brief(item.name)}: {' → '.join(brief(string, 120) for string in item.strings)}"


def brief(string: str, most: int = 60) -> str:
    """Return a name or an item as a page shows it: on one line, shortened."""
    return shown(string if len(string) <= most else f"{string[: most - 1]}…")


def pieces_of(text: str, items: Iterable[tuple[str, PredictedItem | None]]) -> list[TextPiece]:
    """Return the text with items marked by their kinds, of a long text what is around them."""
    marked = ((kind, item) for kind, item in items if item)
    return list(_shortened(text, _cut(text, islice(marked, _ITEMS))))


def _shortened(text: str, pieces: Iterable[TextPiece]) -> Iterator[TextPiece]:
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
            yield TextPiece("", left_out=len(text) - at)
            return


def _cut(text: str, items: Iterable[tuple[str, PredictedItem]]) -> Iterator[TextPiece]:
    """Yield the pieces; of overlapping marks the first and longest is drawn."""
    marks = [(*offsets, kind, item) for kind, item in items for offsets in _offsets(text, item)]
    at = 0
    for start, end, kind, item in sorted(marks, key=lambda m: (m[0], -m[1], m[2] == "right")):
        if start < at:
            continue
        if start > at:
            yield TextPiece(text[at:start])
        yield TextPiece(text[start:end], kind, brief(item.name))
        at = end
    if at < len(text):
        yield TextPiece(text[at:])


def _offsets(text: str, item: PredictedItem) -> Iterator[tuple[int, int]]:
    """Yield where an item is drawn: at its offsets, else at the first occurrence of a string."""
    if item.start is not None and item.end is not None:
        yield item.start, item.end
        return
    for string in item.strings:
        start = text.find(string) if string else -1
        if start >= 0:
            yield start, start + len(string)
