"""The evaluation page: what was scored, where the mistakes are, examples to look at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from chinchilla.outputs import write_whole
from chinchilla.report.marks import Piece, gold_pieces, pred_pieces
from chinchilla.score.counts import prf
from chinchilla.score.evaluation import Evaluation
from chinchilla.score.faults import KINDS, Confusion, Document, confusion, examine
from chinchilla.shipped import shipped

TEMPLATE = "pages/evaluation.html"
EXAMPLES_A_KIND = 60
MOST_LABELS = 24


class Example(NamedTuple):
    """A document with mistakes, as the page lists it."""

    id: str
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    gold: list[Piece]
    pred: list[Piece]
    faults: list[tuple[str, str, str]]


class Matrix(NamedTuple):
    """The confusion matrix: gold labels down, predicted ones across, nothing last."""

    labels: list[str]
    rows: list[list[int]]
    left_out: int


def write_page(found: Evaluation, path: Path) -> None:
    """Write the page whole or not at all; raise ConfigError where it cannot be written."""
    write_whole(path, [evaluation_page(found).encode("utf-8")])


def evaluation_page(found: Evaluation) -> str:
    """Render one self-contained HTML page; it asks for nothing from the network."""
    unread = found.answers.unread if found.answers else frozenset()
    documents = list(examine(found.pairs, found.request.na, unread))
    kinds = Counter(one.kind for document in documents for one in document.findings)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = (shipped("templates") / TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        found=found,
        head=found.scores[found.headline],
        labels=_label_rows(found),
        kinds=[(kind, kinds[kind]) for kind in KINDS],
        right=kinds["right"],
        matrix=matrix(confusion(documents)),
        examples=examples(documents),
        wrong=sum(any(one.kind != "right" for one in each.findings) for each in documents),
    )


def _label_rows(found: Evaluation) -> list[dict[str, Any]]:
    """Return the labels of the headline metric, most frequent in gold first."""
    labels = found.scores[found.headline].labels
    order = sorted(labels, key=lambda name: (-labels[name].n_gold, name))
    return [{"name": name, "score": prf(labels[name]), "counts": labels[name]} for name in order]


def matrix(pairs: Confusion) -> Matrix:
    """Return the matrix of the labels met most often; pairs of other labels are counted."""
    met: Counter[str] = Counter()
    for (gold, pred), times in pairs.items():
        for name in {gold, pred} - {None}:
            met[str(name)] += times
    shown = sorted(sorted(met, key=lambda name: (-met[name], name))[:MOST_LABELS])
    axis: list[str | None] = [*shown, None]
    rows = [[pairs[gold, pred] for pred in axis] for gold in axis]
    total = sum(sum(row) for row in rows)
    return Matrix(shown, rows, pairs.total() - total)


def examples(documents: Iterable[Document]) -> list[Example]:
    """Choose documents with mistakes, in order, until each kind has its share."""
    shown: Counter[str] = Counter()
    chosen = []
    for document in documents:
        kinds = _kinds(document)
        if any(shown[kind] < EXAMPLES_A_KIND for kind in kinds):
            shown.update(kinds)
            chosen.append(_example(document, kinds))
    return chosen


def _kinds(document: Document) -> tuple[str, ...]:
    seen = {one.kind for one in document.findings}
    return tuple(kind for kind in KINDS if kind in seen)


def _example(document: Document, kinds: Sequence[str]) -> Example:
    gold = document.pair.gold
    faults = [one for one in document.findings if one.kind != "right"]
    labels = dict.fromkeys(
        item.name for one in faults for item in (one.gold, one.pred) if item is not None
    )
    return Example(
        gold.id,
        tuple(kinds),
        tuple(labels),
        gold_pieces(gold.text, document.findings),
        pred_pieces(gold.text, document.findings),
        [(one.kind, _words(one.gold), _words(one.pred)) for one in faults],
    )


def _words(item: Any) -> str:
    return "" if item is None else f"{item.name}: {' → '.join(item.strings)}"
