"""Counts to precision, recall and F1 with intervals, and what a metric hands back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chinchilla.schema import Task

By = Literal["label", "source", "length", "template"]
"""Parts of a corpus that are scored apart."""
LEVEL = 0.95
"""Confidence level of the intervals."""
_CHUNK = 2_000_000
Array = NDArray[np.float64]
Key = tuple[str | int | None, ...]
"""A hashable item of an exact metric; its first part is its label."""


class Counts(NamedTuple):
    """What was right, predicted and gold, over a corpus or for one label."""

    tp: float
    n_pred: float
    n_gold: float

    @property
    def undefined(self) -> bool:
        """Tell whether a denominator is 0, so that 0 is no measurement."""
        return not (self.n_pred and self.n_gold)


class Prf(NamedTuple):
    """Precision, recall and F1 as fractions, unrounded."""

    precision: float
    recall: float
    f1: float


class ScoreOptions(NamedTuple):
    """What is counted, and how; a metric looks at `na` and `alias` alone.

    Attributes:
        task: That of the gold rows where it is not given.
        metrics: Ids of metrics; none are all of the task.
        na: The label of no relation.
        alias: Other names for a name (duie_official).
        alias_sha256: The hash of the file of aliases, for the signature.
        allow_extra: Leave out predicted ids that gold lacks, which are an error otherwise.
        bootstrap: Resamples for the intervals; 0 for none.
        seed: Seed of the resamples.
        by: Groups of documents that are scored apart.
        keep: Keep the documents for the error analysis and the page; without them, `re_boundary`
            of files of any size is counted in little memory.
    """

    task: Task | None = None
    metrics: tuple[str, ...] = ()
    na: str = "unknown"
    alias: Mapping[str, frozenset[str]] = {}
    alias_sha256: str = ""
    allow_extra: bool = False
    bootstrap: int = 0
    seed: int = 0
    by: By | None = None
    keep: bool = True


class Tallied(NamedTuple):
    """The counts of one metric.

    `columns` has one row a document and one column a count; `rate` turns sums of them, of
    shape (..., columns), into P, R and F1 of shape (..., 3), so that a resampled corpus is
    scored by adding counts. `macro` is given where a metric has a macro of its own; `more`
    holds what else its reference reports.
    """

    columns: Array
    labels: dict[str, Counts]
    totals: Counts
    rate: "Rate"
    macro: Prf | None = None
    more: Mapping[str, float | None] = {}


Rate = Callable[[Array], Array]


def divide(top: Array, bottom: Array) -> Array:
    """Divide element by element; 0 where the denominator is 0, never an exception."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom != 0)


def harmonic(precision: Array, recall: Array) -> Array:
    """Return F1 = 2PR / (P + R), 0 where both are 0."""
    return divide(2 * precision * recall, precision + recall)


def micro(sums: Array) -> Array:
    """Return P, R, F1 of sums of (credit for P, credit for R, n_pred, n_gold)."""
    precision = divide(sums[..., 0], sums[..., 2])
    recall = divide(sums[..., 1], sums[..., 3])
    return np.stack([precision, recall, harmonic(precision, recall)], axis=-1)


def prf(counts: Counts) -> Prf:
    """Return P, R and F1 of counts: P = tp / n_pred, R = tp / n_gold."""
    precision = counts.tp / counts.n_pred if counts.n_pred else 0.0
    recall = counts.tp / counts.n_gold if counts.n_gold else 0.0
    both = precision + recall
    return Prf(precision, recall, 2 * precision * recall / both if both else 0.0)


def mean_prf(labels: Mapping[str, Counts]) -> Prf:
    """Return the unweighted mean of P, R and F1 over the labels that gold has."""
    scores = [prf(counts) for counts in labels.values() if counts.n_gold]
    if not scores:
        return Prf(0.0, 0.0, 0.0)
    return Prf(*(sum(column) / len(scores) for column in zip(*scores, strict=True)))


def micro_tally(
    documents: Sequence[tuple[float, float, float]],
    labels: dict[str, Counts],
    more: Mapping[str, float | None] = {},
) -> Tallied:
    """Return the counts of a metric from (tp, n_pred, n_gold) of each document."""
    hits, n_pred, n_gold = np.array(documents, dtype=np.float64).reshape(-1, 3).T
    columns = np.stack([hits, hits, n_pred, n_gold], axis=1)
    totals = Counts(*map(float, columns.sum(axis=0)[1:]))
    return Tallied(columns, labels, totals, micro, more=more)


def sum_labels(documents: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Return the counts of each label added up over documents, labels sorted."""
    sums: dict[str, Counts] = {}
    for document in documents:
        for name, counts in document.items():
            known = sums.get(name, Counts(0, 0, 0))
            sums[name] = Counts(*(a + b for a, b in zip(known, counts, strict=True)))
    return dict(sorted(sums.items()))


def intervals(tallies: Sequence[Tallied], folds: int, rng: np.random.Generator) -> list[Array]:
    """Return the 95 % interval of P, R and F1 for each metric: an array (low/high, P/R/F1).

    Percentile bootstrap: documents are drawn with replacement, as many as there are, `folds`
    times, the same draws for every metric (Efron and Tibshirani 1993, chapter 13).
    """
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    samples = resampled(tallies, folds, rng)
    return [np.quantile(each, edges, axis=0) for each in samples]


def resampled(tallies: Sequence[Tallied], folds: int, rng: np.random.Generator) -> list[Array]:
    """Return P, R and F1 of each resampled corpus for each metric: arrays (folds, 3)."""
    documents = len(tallies[0].columns)
    if not documents:
        return [np.zeros((folds, 3)) for _ in tallies]
    parts: list[list[Array]] = [[] for _ in tallies]
    for weights in _weights(documents, folds, rng):
        for part, each in zip(parts, tallies, strict=True):
            part.append(each.rate(weights @ each.columns))
    return [np.concatenate(part) for part in parts]


def _weights(documents: int, folds: int, rng: np.random.Generator) -> Iterator[Array]:
    """Yield, in chunks (draws, documents), how often each document is drawn."""
    size = max(1, _CHUNK // documents)
    for start in range(0, folds, size):
        count = min(size, folds - start)
        drawn = rng.integers(0, documents, size=(count, documents))
        drawn += np.arange(count)[:, None] * documents
        times = np.bincount(drawn.ravel(), minlength=count * documents)
        yield times.reshape(count, documents).astype(np.float64)
