"""Metrics of named entities: by span, by string, and by overlap."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from chinchilla.score.counts import Counts, Key, ScoreOptions, Tallied, micro, tallied, totals_of
from chinchilla.score.metrics.matching import common
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredEntity

Credit = tuple[int, int]
"""How many predicted entities are right, and how many are half right."""
Match = Callable[[Sequence[ScoredEntity], Sequence[ScoredEntity]], Credit]
_NONE: Credit = (0, 0)


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
    return len(common(_bounds(gold), _bounds(pred))), 0


def partial(gold: Sequence[ScoredEntity], pred: Sequence[ScoredEntity]) -> Credit:
    """Count right boundaries, and overlaps of what is left as half right.

    nervaluate's `partial`: type is ignored, P = (right + 0.5 * overlapping) / n_pred. Here the
    overlaps are a maximum one-to-one matching, so that the order of the lists is without effect.
    """
    hits = common(_bounds(gold), _bounds(pred))
    return len(hits), _overlaps(_without(_bounds(gold), hits), _without(_bounds(pred), hits))


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
        documents = [_credit(pair, match) for pair in pairs]
        right = [one.credit[0] for one in documents]
        half = [one.credit[1] for one in documents]
        n_pred = [len(one.pred.entities) for one in pairs]
        n_gold = [len(one.gold.entities) for one in pairs]
        credit = [whole + 0.5 * part for whole, part in zip(right, half, strict=True)]
        columns = tallied(credit, n_pred, n_gold)
        totals = totals_of(columns)._replace(tp=float(sum(right)))
        more = {"partial": float(sum(half))} if match is partial else {}
        return Tallied(columns, _labels(documents), totals, micro, more=more)

    return tally


class _Document(NamedTuple):
    credit: Credit
    labels: dict[str, Counts]


def _credit(pair: Pair, match: Match) -> _Document:
    gold, pred = pair.gold.entities, pair.pred.entities
    gold_by_type, pred_by_type = _by_type(gold), _by_type(pred)
    labels = {}
    for name in {**gold_by_type, **pred_by_type}:
        own_gold, own_pred = gold_by_type.get(name, []), pred_by_type.get(name, [])
        whole, half = match(own_gold, own_pred) if own_gold and own_pred else _NONE
        labels[name] = Counts(whole + 0.5 * half, len(own_pred), len(own_gold))
    return _Document(match(gold, pred) if gold and pred else _NONE, labels)


def _labels(documents: Sequence[_Document]) -> dict[str, Counts]:
    sums: dict[str, Counts] = {}
    for document in documents:
        for name, counts in document.labels.items():
            known = sums.get(name, Counts(0, 0, 0))
            sums[name] = Counts(*(a + b for a, b in zip(known, counts, strict=True)))
    return dict(sorted(sums.items()))


def _by_type(items: Iterable[ScoredEntity]) -> dict[str, list[ScoredEntity]]:
    by_type: dict[str, list[ScoredEntity]] = {}
    for item in items:
        by_type.setdefault(item.type, []).append(item)
    return by_type


def _bounds(items: Iterable[ScoredEntity]) -> list[Key]:
    """Return the boundaries of the located entities; others can match nothing."""
    return [(item.start, item.end) for item in items if item.start is not None]


def _without(items: list[Key], taken: list[Key]) -> list[Key]:
    return list((Counter(items) - Counter(taken)).elements())


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
