"""The evaluation page: what was scored, where the mistakes are, examples to look at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
    Finding,
    PredictedItem,
    confusion,
)
from chinchilla.score.result import Result, Score

TEMPLATE = "evaluation.html"
EXAMPLES_A_KIND = 60
MOST_LABELS = 24
MOST_BARS = 300
"""Labels of the bars and of the filter."""
MOST_MISTAKES = 50
"""Mistakes listed of one document."""
MOST_DRAWN = 1_500_000
"""Characters of all examples, markup included, after which no more documents are listed."""
_MARKUP = 200
"""Characters that the markup of a mark or of a listed mistake takes."""


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
        labels=_label_rows(head)[:MOST_BARS],
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
    """Return the labels of a metric, most frequent in gold first."""
    labels = score.labels
    order = sorted(labels, key=lambda name: (-labels[name].n_gold, name))
    return [
        {"name": brief(name), "score": prf(labels[name]), "counts": labels[name]} for name in order
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
        kinds = _kinds(document)
        if any(listed[kind] < EXAMPLES_A_KIND for kind in kinds):
            listed.update(kinds)
            chosen.append(_example(document, kinds))
            drawn += chosen[-1].drawn
        if drawn > MOST_DRAWN:
            break
    return chosen


def _kinds(document: ExaminedDocument) -> tuple[str, ...]:
    seen = {one.kind for one in document.findings}
    return tuple(kind for kind in KINDS if kind in seen)


def _example(document: ExaminedDocument, kinds: Sequence[str]) -> PageExample:
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
        tuple(kinds),
        tuple(labels),
        gold_pieces(gold.text, marked),
        pred_pieces(gold.text, marked),
        [(one.kind, _shown(one.gold), _shown(one.pred)) for one in listed],
        len(mistakes) - len(listed),
    )


def _shown(item: PredictedItem | None) -> str:
    if item is None:
        return ""
    return f"{brief(item.name)}: {' → '.join(brief(string, 120) for string in item.strings)}"


_ITEMS = 200
"""Items of a document that are marked in its text."""
_WHOLE = 3_000
"""Characters of a text up to which all of it is drawn."""
_MARGIN = 100
"""Characters of a longer text that are drawn before and after a mark."""


def brief(string: str, most: int = 60) -> str:
    """Return a name or an item as a page shows it: on one line, shortened."""
    return shown(string if len(string) <= most else f"{string[: most - 1]}…")


class _Mark(NamedTuple):
    start: int
    end: int
    kind: str
    label: str


def gold_pieces(text: str, findings: Iterable[Finding]) -> list[TextPiece]:
    """Return the text with its gold items marked, of a long text what is around them."""
    marked = ((one.kind, one.gold) for one in findings if one.gold)
    return list(_shortened(text, _cut(text, islice(marked, _ITEMS))))


def pred_pieces(text: str, findings: Iterable[Finding]) -> list[TextPiece]:
    """Return the text with its predicted items marked, of a long text what is around them."""
    marked = ((one.kind, one.pred) for one in findings if one.pred)
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
    marks = sorted(
        (mark for kind, item in items for mark in _marks(text, kind, item)),
        key=lambda mark: (mark.start, -mark.end, mark.kind == "right"),
    )
    at = 0
    for mark in marks:
        if mark.start < at:
            continue
        if mark.start > at:
            yield TextPiece(text[at : mark.start])
        yield TextPiece(text[mark.start : mark.end], mark.kind, brief(mark.label))
        at = mark.end
    if at < len(text):
        yield TextPiece(text[at:])


def _marks(text: str, kind: str, item: PredictedItem) -> Iterator[_Mark]:
    """Yield where an item is drawn: at its offsets, else at the first occurrence of a string."""
    if item.start is not None and item.end is not None:
        yield _Mark(item.start, item.end, kind, item.name)
        return
    for string in item.strings:
        start = text.find(string) if string else -1
        if start >= 0:
            yield _Mark(start, start + len(string), kind, item.name)
