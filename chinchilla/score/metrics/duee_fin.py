"""The official formula of DuEE-fin: events are paired first, then arguments must be equal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from chinchilla.score.counts import Counts, ScoreOptions, Tallied, micro, tallied, totals_of
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Arguments = frozenset[tuple[str, str]]
"""The arguments of one event as (role, text), each once."""
Assign = Callable[[Sequence[Arguments], Sequence[Arguments]], int]
"""From the gold and the predicted events of one type to the number of right arguments."""


def hungarian(gold: Sequence[Arguments], pred: Sequence[Arguments]) -> int:
    """Count right arguments under the best one-to-one pairing of events.

    duee_fin: the formula of the DuEE-fin task of LIC2021 (DuEE README of PaddleNLP): each gold
    event is given, without replacement, the most similar predicted event of its type; an
    argument is right if type, role and text are equal. P and R are over all arguments, those of
    unpaired events included. The README leaves the order open; here the pairing is the optimal
    one, which no order can change.
    """
    if len(gold) == len(pred) == 1:
        return len(gold[0] & pred[0])
    if not gold or not pred:
        return 0
    alike = np.array([[len(one & other) for other in pred] for one in gold])
    return int(alike[linear_sum_assignment(alike, maximize=True)].sum())


def greedy(gold: Sequence[Arguments], pred: Sequence[Arguments]) -> int:
    """Count right arguments when gold events choose in their order.

    duee_fin_greedy: the same formula read literally. Each gold event takes the most similar
    predicted event that is left, the first among equals, even one that shares nothing: an event
    that was missed takes away the partner of the next one.
    """
    left, right = list(pred), 0
    for event in gold:
        if not left:
            break
        best = max(range(len(left)), key=lambda at: len(event & left[at]))
        right += len(event & left.pop(best))
    return right


def paired_events(assign: Assign) -> Callable[[Iterable[Pair], ScoreOptions], Tallied]:
    """Return the metric of a way to pair events."""

    def tally(pairs: Iterable[Pair], _: ScoreOptions) -> Tallied:
        labels: dict[str, Counts] = {}
        documents = []
        for pair in pairs:
            parts = list(_by_type(pair, assign))
            for name, counts in parts:
                known = labels.get(name, Counts(0, 0, 0))
                labels[name] = Counts(*(a + b for a, b in zip(known, counts, strict=True)))
            sums = [sum(column) for column in zip(*(part.counts for part in parts), strict=True)]
            documents.append(sums or [0, 0, 0])
        tp, n_pred, n_gold = ([each[at] for each in documents] for at in range(3))
        columns = tallied(tp, [int(n) for n in n_pred], [int(n) for n in n_gold])
        return Tallied(columns, dict(sorted(labels.items())), totals_of(columns), micro)

    return tally


class _TypeCounts(NamedTuple):
    event_type: str
    counts: Counts


def _by_type(pair: Pair, assign: Assign) -> Iterator[_TypeCounts]:
    gold, pred = _events(pair.gold), _events(pair.pred)
    for name in dict.fromkeys([*gold, *pred]):
        own_gold, own_pred = gold.get(name, []), pred.get(name, [])
        n_pred, n_gold = sum(map(len, own_pred)), sum(map(len, own_gold))
        yield _TypeCounts(name, Counts(assign(own_gold, own_pred), n_pred, n_gold))


def _events(row: Row) -> dict[str, list[Arguments]]:
    events: dict[str, list[Arguments]] = {}
    for event in row.events:
        arguments = frozenset((item.role, item.text) for item in event.arguments)
        events.setdefault(event.event_type, []).append(arguments)
    return events
