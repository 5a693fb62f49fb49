"""Bootstrap over documents: counts are resampled, nothing is scored again."""

from collections.abc import Iterator, Sequence

import numpy as np

from chinchilla.score.counts import Array, Tallied

LEVEL = 0.95
_CHUNK = 2_000_000


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
        for part, one in zip(parts, tallies, strict=True):
            part.append(one.rate(weights @ one.columns))
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
