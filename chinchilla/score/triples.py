"""Triples of large files, counted while they are read: `re_boundary` and nothing else.

A second model of the row and a second way to count, for files of relations are large: of 220,000
rows they save a fifth of the CPU of the whole command (`benchmarks/score.py`). The numbers are
those of the general way; a property test holds the two equal. What costs time in plain Python is
left out: no key is built, a document is looked at once, and what equals a gold triple is neither
counted by label again nor looked up in the text.
"""

from collections import Counter
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


def is_fast(gold: RowSet, pred: RowSet, options: ScoreOptions) -> bool:
    """Tell whether this way will do: for one metric of two files, no document kept."""
    usual = options.metrics == ("re_boundary",) and options.by in (None, "label")
    return usual and not options.keep and gold.path is not None and pred.path is not None


def as_triples(rows: RowSet) -> RowSet:
    """Return the rows of a file as triples, nothing of which was read before."""
    if rows.path is None:
        return rows
    return rows._replace(rows=rows_in(rows.path, rows.task, rows.digest, TripleRow))


class Triples:
    """Count triples as a multiset, and what is wrong with the predicted ones."""

    def __init__(self, options: ScoreOptions) -> None:
        self._na = options.na
        self._gold: dict[str, int] = {}
        self._wrong: Counter[str] = Counter()
        self._missed: Counter[str] = Counter()
        self._items = self._hallucinated = self._duplicates = 0

    def tally(self, pairs: Iterable[Pair]) -> Tallied:
        """Count the triples of all documents, NA ones left out on both sides."""
        documents: list[tuple[int, int, int]] = []
        na, labels = self._na, self._gold
        for pair in pairs:
            gold: Sequence[Triple] = pair.gold.relations  # type: ignore[assignment]
            pred: Sequence[Triple] = pair.pred.relations  # type: ignore[assignment]
            for item in gold:
                name = item.predicate
                labels[name] = labels.get(name, 0) + 1
            if na in labels:
                del labels[na]
                gold = _without(gold, na)
            hits = len(pred)
            if pred != gold:
                pred = _without(pred, na)
                hits = len(pred) - self._miss(pair.gold, gold, pred)
            # equal triples have equal tails: where all tails differ there is nothing to compare
            if len(pred) > 1 and len({item.tail for item in pred}) < len(pred):
                self._duplicates += len(pred) - len(set(pred))
            self._items += len(pred)
            documents.append((hits, len(pred), len(gold)))
        return micro_tally(documents, label_counts(labels, self._missed, self._wrong))

    def stats(self) -> PredictionStats:
        """Return what is wrong with the predicted triples, further slots left aside."""
        known = self._gold
        not_asked = sum(times for name, times in self._wrong.items() if name not in known)
        return PredictionStats(self._items, self._hallucinated, self._duplicates, not_asked)

    def _miss(self, row: Row, gold: Sequence[Triple], pred: Sequence[Triple]) -> int:
        """Count the predicted triples that match no gold one, each gold one matching once."""
        misses, left = surplus(pred, gold)
        self._missed.update([item.predicate for item in left])
        self._wrong.update([item.predicate for item in misses])
        for item in misses:
            if not (contains(row, item.head) and contains(row, item.tail)):
                self._hallucinated += 1
        return len(misses)


def _without(items: Sequence[Triple], na: str) -> Sequence[Triple]:
    return tuple([item for item in items if item.predicate != na])
