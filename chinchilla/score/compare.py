"""Two systems on the same documents: is the difference more than chance?"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.counts import LEVEL, Array, ScoreOptions, Tallied, resampled
from chinchilla.score.evaluate import (
    aligned,
    chosen,
    collector_off,
    input_of_alias,
    shortened,
    signature,
    tally,
)
from chinchilla.score.metrics import check_metrics
from chinchilla.score.pairing import Names, Pair, Pairing
from chinchilla.score.rows import Rows, RowSet, row_set

LEAST_SHUFFLES = 5_000
_CHUNK = 2_000_000
_USUAL = ScoreOptions()


class Comparison(NamedTuple):
    """F1 of both systems, B minus A with its 95 % interval, and the p-value."""

    f1_a: float
    f1_b: float
    difference: float
    low: float
    high: float
    p: float


class Resampling(NamedTuple):
    """How often to resample and to shuffle, and the seed of both."""

    folds: int = 1_000
    shuffles: int = LEAST_SHUFFLES
    seed: int = 0


_OFTEN = Resampling()


class PairedComparison(NamedTuple):
    """The comparison of each metric, how many documents it rests on, and the signature."""

    metrics: Mapping[str, Comparison]
    documents: int
    signature: str

    def to_dict(self) -> dict[str, Any]:
        """Return the one JSON object that machines read."""
        return {
            "signature": self.signature,
            "documents": self.documents,
            "metrics": {name: one._asdict() for name, one in self.metrics.items()},
        }


def compare_systems(
    gold: Rows,
    a: Rows,
    b: Rows,
    options: ScoreOptions = _USUAL,
    resampling: Resampling = _OFTEN,
) -> PairedComparison:
    """Return the comparison of the predictions of B with those of A.

    Raises InputError for a row that does not have the shape of a record, ConfigError for a
    metric of another task, and where the two do not hold the documents of gold.
    """
    gold = row_set(gold, "gold", options.task)
    task = gold.task
    check_metrics(options.metrics, task)
    sides = {"a": row_set(a, "predictions A", task), "b": row_set(b, "predictions B", task)}
    with collector_off():
        rows = list(gold.rows)
        pairs_a, pairs_b = (_pairs(gold._replace(rows=rows), side, task) for side in sides.values())
        names = chosen(options.metrics, task, pairs_a)
        first, second = (tally(names, pairs, options) for pairs in (pairs_a, pairs_b))
    metrics = {name: paired_test(first[name], second[name], resampling) for name in names}
    hashes = {name: rows.sha256 for name, rows in {"gold": gold, **sides}.items()}
    parts = {"metrics": "+".join(names), "task": task, "na": options.na}
    parts |= shortened({**hashes, **input_of_alias(options)})
    parts |= {name: str(value) for name, value in resampling._asdict().items()}
    return PairedComparison(metrics, len(rows), signature(parts))


def _pairs(gold: RowSet, side: RowSet, task: Task) -> list[Pair]:
    """Return the documents of one system; raise ConfigError unless they are those of gold."""
    pairing = Pairing(gold.rows, side.rows, True, Names(gold.name, side.name))
    pairs = list(aligned(pairing, task))
    for ids, problem in ((pairing.missing, "not predicted"), (pairing.extra, "not in gold")):
        if ids:
            what = f"{len(ids)} documents are {problem}, the first is {ids[0]!r}"
            raise ConfigError(side.name, what, "compare systems on the same documents")
    return pairs


def paired_test(a: Tallied, b: Tallied, resampling: Resampling) -> Comparison:
    """Compare B with A by paired bootstrap and by approximate randomisation.

    The interval is the percentile interval of F1(B) - F1(A) over documents drawn alike for both
    (Berg-Kirkpatrick et al. 2012, D12-1091). p is (c + 1) / (R + 1): c of R random swaps of
    whole documents between the systems give a difference at least as large, in absolute value
    (Noreen 1989; Yeh 2000, C00-2137). Raises ConfigError where the corpora differ in size.
    """
    if len(a.columns) != len(b.columns):
        what = f"{len(a.columns)} documents on one side, {len(b.columns)} on the other"
        raise ConfigError("compare", what, "score both systems on the same documents")
    if resampling.shuffles < LEAST_SHUFFLES:
        what = f"{resampling.shuffles} shuffles are too few"
        raise ConfigError("--shuffles", what, f"use {LEAST_SHUFFLES} or more")
    rng = np.random.default_rng(resampling.seed)
    # one generator state for both, so that both are drawn alike
    state = rng.bit_generator.state
    first = resampled([a], resampling.folds, rng)[0][:, 2]
    rng.bit_generator.state = state
    second = resampled([b], resampling.folds, rng)[0][:, 2]
    low, high = np.quantile(second - first, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    f1_a, f1_b = _f1(a, a.columns.sum(axis=0)), _f1(b, b.columns.sum(axis=0))
    difference = float(f1_b - f1_a)
    p = _p_value(a, b, abs(difference), resampling.shuffles, rng)
    return Comparison(float(f1_a), float(f1_b), difference, float(low), float(high), p)


def _p_value(
    a: Tallied, b: Tallied, observed: float, shuffles: int, rng: np.random.Generator
) -> float:
    gap = b.columns - a.columns
    moved = gap[gap.any(axis=1)]
    sum_a, sum_b = a.columns.sum(axis=0), b.columns.sum(axis=0)
    size, as_large = max(1, _CHUNK // max(1, len(moved))), 0
    for start in range(0, shuffles, size):
        count = min(size, shuffles - start)
        swaps = rng.integers(0, 2, size=(count, len(moved))).astype(np.float64) @ moved
        differences = np.abs(_f1(b, sum_b - swaps) - _f1(a, sum_a + swaps))
        # a sum of the same counts in another order may differ in its last digits
        as_large += int((differences >= observed - 1e-12).sum())
    return (as_large + 1) / (shuffles + 1)


def _f1(tallied: Tallied, sums: Array) -> Array:
    return tallied.rate(sums)[..., 2]
