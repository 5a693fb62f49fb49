"""Metrics of equal keys: the rule that most share, and the keys of relations and events.

Equal keys match, each gold key once. Metrics of this kind differ only in their keys: a function
from a row to a list of tuples whose first part is the label. Counting is free of order by
construction.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from chinchilla.score.counts import Counts, Key, ScoreOptions, Tallied, micro_tally
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Keys = Callable[[Row, ScoreOptions], list[Key]]
Rule = Callable[[Iterable[Pair], ScoreOptions], Tallied]

Item = TypeVar("Item", bound=Hashable)
_FEW = 32
"""Up to so many items a list is searched faster than a Counter is built."""


def multiset(keys: Keys) -> Rule:
    """Return the metric that keeps duplicates: a further copy of a right item is wrong."""

    def tally(pairs: Iterable[Pair], options: ScoreOptions) -> Tallied:
        return _tally(pairs, keys, options)

    return tally


def unique(keys: Keys) -> Rule:
    """Return the metric that drops duplicates on both sides, inside each document."""

    def tally(pairs: Iterable[Pair], options: ScoreOptions) -> Tallied:
        # dict.fromkeys and not set: the order stays that of the row
        def distinct(row: Row, options: ScoreOptions) -> list[Key]:
            return list(dict.fromkeys(keys(row, options)))

        return _tally(pairs, distinct, options)

    return tally


def _tally(pairs: Iterable[Pair], keys: Keys, options: ScoreOptions) -> Tallied:
    documents: list[tuple[int, int, int]] = []
    # labels are listed and counted at the end, in a third of the time of counting each
    gold_labels: list[object] = []
    missed: list[object] = []
    wrong: list[object] = []
    for pair in pairs:
        gold, pred = keys(pair.gold, options), keys(pair.pred, options)
        gold_labels += [key[0] for key in gold]
        hits = len(pred)
        if pred != gold:
            misses, left = surplus(pred, gold)
            wrong += [key[0] for key in misses]
            missed += [key[0] for key in left]
            hits -= len(misses)
        documents.append((hits, len(pred), len(gold)))
    return micro_tally(documents, label_counts(gold_labels, missed, wrong))


def label_counts(
    gold: Iterable[object], missed: Iterable[object], wrong: Iterable[object]
) -> dict[str, Counts]:
    """Return the counts of each label from the labels of all gold, missed and wrong items."""
    n_gold, n_missed, n_wrong = Counter(gold), Counter(missed), Counter(wrong)
    labels = {}
    for name in {**n_gold, **n_wrong}:
        right = n_gold[name] - n_missed[name]
        labels[str(name)] = Counts(right, right + n_wrong[name], n_gold[name])
    return dict(sorted(labels.items()))


def surplus(pred: Sequence[Item], gold: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Return the predicted items that match no gold one, and the gold ones that none matches."""
    if len(gold) > _FEW:
        n_pred, n_gold = Counter(pred), Counter(gold)
        return list((n_pred - n_gold).elements()), list((n_gold - n_pred).elements())
    left, misses = list(gold), []
    for item in pred:
        if item in left:
            left.remove(item)
        else:
            misses.append(item)
    return misses, left


def relation_boundary(row: Row, options: ScoreOptions) -> list[Key]:
    """Return (predicate, head, tail) of each relation that is not NA.

    UIE's rel-boundary in `string` form (universal-ie/UIE, uie/extraction/scorer.py) and IEPile's
    RE metric (ie2instruction/eval/metric/re_metric.py): types and further slots are ignored,
    strings are compared as they are.
    """
    na = options.na
    return [
        (item.predicate, item.head, item.tail) for item in row.relations if item.predicate != na
    ]


def relation_strict(row: Row, options: ScoreOptions) -> list[Key]:
    """Return predicate, head, tail and both types of each relation that is not NA.

    UIE's rel-strict in `string` form; on why it must be kept apart from the boundary form see
    Taillé et al. 2020 (arXiv 2009.10684).
    """
    na = options.na
    return [
        (item.predicate, item.head, item.tail, item.head_type, item.tail_type)
        for item in row.relations
        if item.predicate != na
    ]


def trigger(row: Row, _: ScoreOptions) -> list[Key]:
    """Return (event type, trigger) of each event; a missing trigger is empty.

    UIE's evt trigger in `string` form (uie/extraction/scorer.py) and IEPile's event metric
    (ie2instruction/eval/metric/ee_metric.py).
    """
    return [(event.event_type, event.trigger or "") for event in row.events]


def argument(row: Row, _: ScoreOptions) -> list[Key]:
    """Return (event type, role, text) of each argument, whichever event it belongs to.

    UIE's evt role in `string` form and IEPile's argument metric: the trigger need not be right.
    """
    return [
        (event.event_type, item.role, item.text) for event in row.events for item in event.arguments
    ]


def event_type(row: Row, _: ScoreOptions) -> list[Key]:
    """Return (event type,) of each event; as a set, the classification of the document."""
    return [(event.event_type,) for event in row.events]
