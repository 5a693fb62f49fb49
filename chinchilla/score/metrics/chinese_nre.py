"""The metric of FinRE and SanWen when head and tail are given: one label an instance."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from chinchilla.score.counts import Counts, ScoreOptions, Tallied, micro_tally
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredRelation


class Instance(NamedTuple):
    """A head and a tail in one document: gold labels, the predicted one, its confidence."""

    gold: tuple[str, ...]
    pred: str
    score: float | None


def chinese_nre_official(pairs: Iterable[Pair], options: ScoreOptions) -> Tallied:
    """Score one predicted label for each (head, tail) of a document against its gold labels.

    thunlp/Chinese_NRE utils/metric.py and utils/functions.py: gold rows with the same head, tail
    and sentence are one instance with a set of labels. A prediction other than NA is right if it
    is in the set; n_gold counts the instances whose set is more than NA alone, so that several
    labels count once. Precision, recall and F1 are those at the end of the P/R curve, `auc` is
    the area under it by trapezoids, from its first point on, predictions sorted by `score`
    (of equal scores the later one first); it is null where a score is missing. `accuracy`
    counts NA as a label like any other. Where nothing but NA is predicted the script stops
    with IndexError; here everything is 0.
    """
    na = options.na
    documents = [list(instances(pair, na)) for pair in pairs]
    counts = []
    for document in documents:
        guessed = [one for one in document if one.pred != na]
        n_gold = sum(any(name != na for name in one.gold) for one in document)
        counts.append((sum(one.pred in one.gold for one in guessed), len(guessed), n_gold))
    every = [one for document in documents for one in document]
    accuracy = sum(one.pred in one.gold for one in every) / len(every) if every else None
    area = _area(every, na, sum(n_gold for _, _, n_gold in counts))
    return micro_tally(counts, _labels(every, na), {"auc": area, "accuracy": accuracy})


def instances(pair: Pair, na: str) -> Iterator[Instance]:
    """Yield the instances of a document; a pair without a prediction is predicted NA.

    A pair that is only predicted has NA as its gold label. Of several labels predicted for a
    pair the one with the highest score counts, the first one among equals.
    """
    gold: dict[tuple[str, str], dict[str, None]] = {}
    for item in (*pair.gold.relations, *pair.gold.na_pairs):
        gold.setdefault((item.head, item.tail), {})[item.predicate] = None
    pred = _best(pair.pred)
    for ends in dict.fromkeys([*gold, *pred]):
        chosen = pred.get(ends)
        labels = tuple(gold.get(ends, {na: None}))
        if chosen is None:
            yield Instance(labels, na, None)
        else:
            yield Instance(labels, chosen.predicate, chosen.score)


def _best(row: Row) -> dict[tuple[str, str], ScoredRelation]:
    best: dict[tuple[str, str], ScoredRelation] = {}
    for item in (*row.relations, *row.na_pairs):
        known = best.get((item.head, item.tail))
        if known is None or (item.score or 0.0) > (known.score or 0.0):
            best[item.head, item.tail] = item
    return best


def _area(every: Sequence[Instance], na: str, n_gold: float) -> float | None:
    """Return the area under the P/R curve, null where a prediction has no score."""
    guessed = [one for one in every if one.pred != na]
    scores = [one.score for one in guessed if one.score is not None]
    if len(scores) < len(guessed) or not guessed or not n_gold:
        return None
    order = np.argsort(np.array(scores), kind="stable")[::-1]
    right = np.cumsum(np.array([one.pred in one.gold for one in guessed], np.float64)[order])
    precision, recall = right / np.arange(1, len(right) + 1), right / n_gold
    return float(np.sum((precision[1:] + precision[:-1]) / 2 * np.diff(recall)))


def _labels(every: Sequence[Instance], na: str) -> dict[str, Counts]:
    """Count each label; an instance with several gold labels is gold for each of them."""
    counts: dict[str, list[int]] = {}
    for instance in every:
        for name in instance.gold:
            counts.setdefault(name, [0, 0, 0])[2] += 1
        column = counts.setdefault(instance.pred, [0, 0, 0])
        column[0] += instance.pred in instance.gold
        column[1] += 1
    return {name: Counts(*counts[name]) for name in sorted(counts) if name != na}
