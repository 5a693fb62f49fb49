"""Two systems on the same documents: is the difference more than chance?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chinchilla.errors import ConfigError
from chinchilla.score.bootstrap import LEVEL, resampled
from chinchilla.score.counts import Array, Tallied
from chinchilla.score.evaluate import (
    Request,
    aligned,
    check_names,
    chosen,
    collector_off,
    read_options,
    tally,
)
from chinchilla.score.pairing import Names, Pair, Pairing
from chinchilla.score.rows import Gold, Row, iter_rows
from chinchilla.score.signature import sha256_of, short, signature

LEAST_SHUFFLES = 5_000
_CHUNK = 2_000_000


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


def compare(a: Tallied, b: Tallied, chance: Resampling) -> Comparison:
    """Compare B with A by paired bootstrap and by approximate randomisation.

    The interval is the percentile interval of F1(B) - F1(A) over documents drawn alike for both
    (Berg-Kirkpatrick et al. 2012, D12-1091). p is (c + 1) / (R + 1): c of R random swaps of
    whole documents between the systems give a difference at least as large, in absolute value
    (Noreen 1989; Yeh 2000, C00-2137). Raises ConfigError where the corpora differ in size.
    """
    if len(a.columns) != len(b.columns):
        what = f"{len(a.columns)} documents on one side, {len(b.columns)} on the other"
        raise ConfigError("compare", what, "score both systems on the same documents")
    if chance.shuffles < LEAST_SHUFFLES:
        what = f"{chance.shuffles} shuffles are too few"
        raise ConfigError("--shuffles", what, f"use {LEAST_SHUFFLES} or more")
    rng = np.random.default_rng(chance.seed)
    # one generator state for both, so that both are drawn alike
    state = rng.bit_generator.state
    first = resampled([a], chance.folds, rng)[0][:, 2]
    rng.bit_generator.state = state
    second = resampled([b], chance.folds, rng)[0][:, 2]
    low, high = np.quantile(second - first, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    f1_a, f1_b = _f1(a, a.columns.sum(axis=0)), _f1(b, b.columns.sum(axis=0))
    difference = float(f1_b - f1_a)
    p = _p_value(a, b, abs(difference), chance.shuffles, rng)
    return Comparison(float(f1_a), float(f1_b), difference, float(low), float(high), p)


def _p_value(a: Tallied, b: Tallied, seen: float, shuffles: int, rng: np.random.Generator) -> float:
    gap = b.columns - a.columns
    moved = gap[gap.any(axis=1)]
    sum_a, sum_b = a.columns.sum(axis=0), b.columns.sum(axis=0)
    size, as_large = max(1, _CHUNK // max(1, len(moved))), 0
    for start in range(0, shuffles, size):
        count = min(size, shuffles - start)
        swaps = rng.integers(0, 2, size=(count, len(moved))).astype(np.float64) @ moved
        found = np.abs(_f1(b, sum_b - swaps) - _f1(a, sum_a + swaps))
        # a sum of the same counts in another order may differ in its last digits
        as_large += int((found >= seen - 1e-12).sum())
    return (as_large + 1) / (shuffles + 1)


def _f1(one: Tallied, sums: Array) -> Array:
    return one.rate(sums)[..., 2]


class PairedComparison(NamedTuple):
    """The comparison of each metric, how many documents it rests on, and the signature."""

    metrics: Mapping[str, Comparison]
    documents: int
    signature: str

    def result(self) -> dict[str, Any]:
        """Return the one JSON object that machines read."""
        return {
            "signature": self.signature,
            "documents": self.documents,
            "metrics": {name: one._asdict() for name, one in self.metrics.items()},
        }


def versus(request: Request, other: Path, chance: Resampling) -> PairedComparison:
    """Compare the predictions of `other` with those of the request.

    Raises ConfigError for a metric of another task, and where the two do not hold the same
    documents, or others than gold.
    """
    if request.pred is None:
        raise ConfigError("compare", "no predictions", "pass two files of predictions")
    check_names(request)
    with collector_off():
        options = read_options(request)
        a, b = (_side(request, path) for path in (request.pred, other))
        names = chosen(request, a)
        first, second = (tally(names, side, options) for side in (a, b))
    found = {name: compare(first[name], second[name], chance) for name in names}
    return PairedComparison(found, len(a), _signed(request, other, chance, names))


def _side(request: Request, path: Path) -> list[Pair]:
    """Return the documents of one system; raise ConfigError unless they are those of gold."""
    task = request.task
    gold, pred = iter_rows(request.gold, task, Gold), iter_rows(path, task, Row)
    pairing = Pairing(gold, pred, True, Names(str(request.gold), str(path)))
    pairs = list(aligned(pairing, task))
    for names, words in ((pairing.missing, "not predicted"), (pairing.extra, "not in gold")):
        if names:
            what = f"{len(names)} documents are {words}, the first is {names[0]!r}"
            raise ConfigError(str(path), what, "compare systems on the same documents")
    return pairs


def _signed(request: Request, other: Path, chance: Resampling, names: tuple[str, ...]) -> str:
    files = {"gold": request.gold, "a": request.pred, "b": other, "alias": request.alias}
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    parts.update({k: short(sha256_of(path)) for k, path in files.items() if path is not None})
    parts.update({name: str(value) for name, value in chance._asdict().items()})
    return signature(parts)
