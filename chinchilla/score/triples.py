"""Triples of large files, counted while they are read: `re_boundary` and nothing else.

A second model of the row and a second way to count, for files of relations are large: it takes
half the CPU of the general way (`benchmarks/score.py`), as no key is built, a document is looked
at once, and what equals a gold triple is not looked up in the text. A property test holds the
numbers of both equal.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from chinchilla.score.counts import ScoreOptions, Tallied, micro_tally
from chinchilla.score.error_analysis import PredictionStats
from chinchilla.score.metrics.matching import label_counts, surplus
from chinchilla.score.pairing import Pair, contains
from chinchilla.score.rows import Row, RowSet, rows_in


class Triple(Struct, frozen=True, gc=False):
    """A relation as far as the metric looks at it."""

    predicate: str
    head: str
    tail: str


class TripleRow(Row, frozen=True, gc=False):
    """A row whose relations are read as far as a triple goes."""

    relations: tuple[Triple, ...] = ()  # type: ignore[assignment]


def triple_rows(
    gold: RowSet, pred: RowSet, options: ScoreOptions
) -> tuple[Iterable[Row], Iterable[Row]] | None:
    """Return rows of triples where this way will do: two files, one metric, no document kept."""
    usual = options.metrics == ("re_boundary",) and options.by in (None, "label")
    if not usual or options.keep or gold.path is None or pred.path is None:
        return None
    return (
        rows_in(gold.path, gold.task, gold.digest, TripleRow),
        rows_in(pred.path, pred.task, pred.digest, TripleRow),
    )


def count_triples(pairs: Iterable[Pair], na: str) -> tuple[Tallied, PredictionStats]:
    """Count triples as a multiset, NA ones left out, and what is wrong with the predicted ones."""
    documents: list[tuple[int, int, int]] = []
    labels: list[str] = []
    missed: list[str] = []
    wrong: list[str] = []
    hallucinated = duplicates = 0
    for pair in pairs:
        row = pair.gold
        gold: Sequence[Triple] = row.relations  # type: ignore[assignment]
        pred: Sequence[Triple] = pair.pred.relations  # type: ignore[assignment]
        names = [item.predicate for item in gold]
        if na in names:
            gold = _without(gold, na)
            names = [item.predicate for item in gold]
        labels += names
        hits = len(pred)
        if pred != gold:
            pred = _without(pred, na)
            misses, left = surplus(pred, gold)
            missed += [item.predicate for item in left]
            wrong += [item.predicate for item in misses]
            hits = len(pred) - len(misses)
            for item in misses:
                hallucinated += not (contains(row, item.head) and contains(row, item.tail))
        # equal triples have equal tails: where all tails differ there is nothing to compare
        if len(pred) > 1 and len({item.tail for item in pred}) < len(pred):
            duplicates += len(pred) - len(set(pred))
        documents.append((hits, len(pred), len(gold)))
    tallied, known = micro_tally(documents, label_counts(labels, missed, wrong)), set(labels)
    not_asked = sum(name not in known for name in wrong)
    n_pred = int(tallied.totals.n_pred)
    return tallied, PredictionStats(n_pred, hallucinated, duplicates, not_asked)


def _without(items: Sequence[Triple], na: str) -> Sequence[Triple]:
    return tuple([item for item in items if item.predicate != na])
