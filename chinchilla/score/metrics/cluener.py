"""The metric of the CLUENER leaderboard."""

from collections.abc import Iterable

import numpy as np

from chinchilla.score.counts import Array, Counts, Prf, ScoreOptions, Tallied, divide, harmonic
from chinchilla.score.metrics.ner import strings
from chinchilla.score.pairing import Pair


def cluener(pairs: Iterable[Pair], options: ScoreOptions) -> Tallied:
    """Take the mean over the labels of gold of F1 over sets of strings.

    CLUEbenchmark/CLUENER2020 score.py: for each label, a set of strings a sentence, offsets
    ignored; counts are added over the corpus, then F1 is averaged over the labels. The script
    stops with ZeroDivisionError for a label without a right prediction; here its F1 is 0. It
    rounds to four places; here nothing is rounded.
    """
    pairs = list(pairs)
    names = sorted({item.type for pair in pairs for item in pair.gold.entities})
    column_of = {name: at for at, name in enumerate(names)}
    columns = np.zeros((len(pairs), 3, len(names)))
    for document, pair in enumerate(pairs):
        gold, pred = set(strings(pair.gold, options)), set(strings(pair.pred, options))
        for column, keys in enumerate((gold & pred, pred, gold)):
            for label, _ in keys:
                if label in column_of:
                    columns[document, column, column_of[str(label)]] += 1
    sums = columns.sum(axis=0)
    labels = {name: Counts(*map(float, sums[:, at])) for name, at in column_of.items()}
    totals = Counts(*map(float, sums.sum(axis=1)))
    flat = columns.reshape(len(pairs), 3 * len(names))
    macro = Prf(*map(float, mean_rate(flat.sum(axis=0))))
    return Tallied(flat, labels, totals, mean_rate, macro)


def mean_rate(sums: Array) -> Array:
    """Return the mean P, R, F1 of sums of (tp, n_pred, n_gold) for each label."""
    parts = sums.reshape(*sums.shape[:-1], 3, -1)
    tp, n_pred, n_gold = parts[..., 0, :], parts[..., 1, :], parts[..., 2, :]
    precision, recall = divide(tp, n_pred), divide(tp, n_gold)
    scores = np.stack([precision, recall, harmonic(precision, recall)], axis=-2)
    return scores.mean(axis=-1) if scores.shape[-1] else np.zeros(scores.shape[:-1])
