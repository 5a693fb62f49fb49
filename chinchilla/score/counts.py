"""Counts to precision, recall and F1, and what a metric hands back."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Key = tuple[str | int | None, ...]
"""A hashable item of an exact metric; its first part is its label."""


class Counts(NamedTuple):
    """What was right, predicted and gold, over a corpus or for one label."""

    tp: float
    n_pred: float
    n_gold: float


class Prf(NamedTuple):
    """Precision, recall and F1 as fractions, unrounded."""

    precision: float
    recall: float
    f1: float


class Options(NamedTuple):
    """What a metric may depend on beside the rows."""

    na: str = "unknown"
    alias: Mapping[str, frozenset[str]] = {}


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


def tallied(tp: list[float], n_pred: list[int], n_gold: list[int]) -> Array:
    """Return the columns of `micro` for a metric whose credit is the same for P and R."""
    hits = np.array(tp, dtype=np.float64)
    return np.stack([hits, hits, np.array(n_pred, np.float64), np.array(n_gold, np.float64)], 1)


def totals_of(columns: Array) -> Counts:
    """Add up the columns of `micro`."""
    sums = columns.sum(axis=0)
    return Counts(float(sums[0]), float(sums[2]), float(sums[3]))
