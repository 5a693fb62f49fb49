"""Metrics of named entities: by span, by string, by overlap, and that of CLUENER."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush

import numpy as np

from chinchilla.score.counts import (
    Array,
    Counts,
    Key,
    Prf,
    ScoreOptions,
    Tallied,
    divide,
    harmonic,
    micro_tally,
    sum_labels,
)
from chinchilla.score.metrics.matching import surplus
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredEntity

Credit = tuple[int, int]
"""How many predicted entities are right, and how many are half right."""
Match = Callable[[Sequence[ScoredEntity], Sequence[ScoredEntity]], Credit]


def spans(row: Row, _: ScoreOptions) -> list[Key]:
    """Return (type, start, end) of each entity.

    As a multiset this is UIE's `offset` form (universal-ie/UIE, uie/extraction/scorer.py, mode
    normal); as a set it is seqeval's default and conlleval on flat data. A string that is
    not in the text keeps null offsets: it is wrong and stays in the denominator; in the set,
    such strings of one type are one item.
    """
    return [(item.type, item.start, item.end) for item in row.entities]


def strings(row: Row, _: ScoreOptions) -> list[Key]:
    """Return (type, text) of each entity, offsets ignored.

    UIE's `string` form and IEPile's NER metric (zjunlp/IEPile,
    ie2instruction/eval/metric/ner_metric.py): both count a multiset unless told otherwise.
    """
    return [(item.type, item.text) for item in row.entities]


def exact(gold: Sequence[ScoredEntity], pred: Sequence[ScoredEntity]) -> Credit:
    """Count predicted entities whose boundaries are right, whatever their type.

    nervaluate's `exact` (MantisAI/nervaluate 1.2.1, after SemEval 2013 task 9.1).
    """
    bounds = _bounds(pred)
    return len(bounds) - len(surplus(bounds, _bounds(gold))[0]), 0


def partial(gold: Sequence[ScoredEntity], pred: Sequence[ScoredEntity]) -> Credit:
    """Count right boundaries, and overlaps of what is left as half right.

    nervaluate's `partial`: type is ignored, P = (right + 0.5 * overlapping) / n_pred. Here the
    overlaps are a maximum one-to-one matching, so that the order of the lists is without effect.
    """
    bounds = _bounds(pred)
    misses, left = surplus(bounds, _bounds(gold))
    return len(bounds) - len(misses), _overlaps(left, misses)


def same_type(gold: Sequence[ScoredEntity], pred: Sequence[ScoredEntity]) -> Credit:
    """Count predicted entities that overlap a gold one of their type.

    nervaluate's `ent_type`, by a maximum one-to-one matching inside each type.
    """
    own_gold, own_pred = _by_type(gold), _by_type(pred)
    hits = [
        _overlaps(_bounds(own_gold.get(name, [])), _bounds(own_pred[name])) for name in own_pred
    ]
    return sum(hits), 0


def overlapping(match: Match) -> Callable[[Iterable[Pair], ScoreOptions], Tallied]:
    """Return the metric of a way to match; a label is scored with both sides cut down to it."""

    def tally(pairs: Iterable[Pair], _: ScoreOptions) -> Tallied:
        pairs = list(pairs)
        matches = [match(pair.gold.entities, pair.pred.entities) for pair in pairs]
        documents = [
            (right + 0.5 * half, len(pair.pred.entities), len(pair.gold.entities))
            for (right, half), pair in zip(matches, pairs, strict=True)
        ]
        half = float(sum(half for _, half in matches))
        more = {"partial": half} if match is partial else {}
        counted = micro_tally(documents, sum_labels(_labels(pair, match) for pair in pairs), more)
        right = float(sum(right for right, _ in matches))
        return counted._replace(totals=counted.totals._replace(tp=right))

    return tally


def _labels(pair: Pair, match: Match) -> dict[str, Counts]:
    gold, pred = _by_type(pair.gold.entities), _by_type(pair.pred.entities)
    labels = {}
    for name in {**gold, **pred}:
        own_gold, own_pred = gold.get(name, []), pred.get(name, [])
        right, half = match(own_gold, own_pred)
        labels[name] = Counts(right + 0.5 * half, len(own_pred), len(own_gold))
    return labels


def _by_type(items: Iterable[ScoredEntity]) -> dict[str, list[ScoredEntity]]:
    by_type: dict[str, list[ScoredEntity]] = {}
    for item in items:
        by_type.setdefault(item.type, []).append(item)
    return by_type


def _bounds(items: Iterable[ScoredEntity]) -> list[Key]:
    """Return the boundaries of the located entities; others can match nothing."""
    return [(item.start, item.end) for item in items if item.start is not None]


def _overlaps(gold: list[Key], pred: list[Key]) -> int:
    """Return the size of a maximum one-to-one matching of overlapping spans.

    Of all spans left, the one that ends first takes, of the other side, the one that ends first
    among those it overlaps: what that one overlaps later, each of the others does too. An empty
    span overlaps nothing.
    """
    sides = [sorted(_stretches(side)) for side in (gold, pred)]
    order = sorted((span[1], side, at) for side in (0, 1) for at, span in enumerate(sides[side]))
    begun = [0, 0]
    waiting: list[list[tuple[int, int]]] = [[], []]
    gone: set[tuple[int, int]] = set()
    matched = 0
    for end, side, at in order:
        if (side, at) in gone:
            continue
        gone.add((side, at))
        other = 1 - side
        spans, queue = sides[other], waiting[other]
        while begun[other] < len(spans) and spans[begun[other]][0] < end:
            heappush(queue, (spans[begun[other]][1], begun[other]))
            begun[other] += 1
        while queue and (other, queue[0][1]) in gone:
            heappop(queue)
        if queue:
            gone.add((other, heappop(queue)[1]))
            matched += 1
    return matched


def _stretches(items: Iterable[Key]) -> Iterator[tuple[int, int]]:
    for start, end in items:
        if isinstance(start, int) and isinstance(end, int) and start < end:
            yield start, end


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
