"""The official formulas of DuEE 1.0 and DuEE-fin.

DuEE scores arguments by the characters they share; DuEE-fin pairs events first, then arguments
must be equal.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from chinchilla.score.counts import Counts, ScoreOptions, Tallied, micro_tally, sum_labels
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Arguments = dict[tuple[str, str, str], tuple[str, ...]]
"""The arguments of a document: event type, role, text in lower case to its aliases."""


def duee_official(pairs: Iterable[Pair], _: ScoreOptions) -> Tallied:
    """Add up, over predicted arguments, the best character F1 with a gold one of its type and role.

    The formula of the DuEE README of PaddleNLP (the code of the site is not public): score =
    type right x role right x character F1, case ignored, the best of several gold expressions;
    P = sum / predicted arguments, R = sum / gold arguments. The README leaves open, and this
    id fixes: shared characters are counted as a multiset; both sides lose duplicates of
    (type, role, text in lower case) inside a text; a gold argument may serve several
    predicted ones. Events are pooled and triggers are not scored.
    """
    documents = []
    labels: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for pair in pairs:
        gold, pred = distinct_arguments(pair.gold), distinct_arguments(pair.pred)
        texts: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (kind, role, text), aliases in gold.items():
            texts[kind, role] += (text, *aliases)
        credit = [_best(text, texts.get((kind, role), ())) for kind, role, text in pred]
        for (kind, _role, _text), value in zip(pred, credit, strict=True):
            labels[kind][0] += value
            labels[kind][1] += 1
        for kind, _role, _text in gold:
            labels[kind][2] += 1
        documents.append((sum(credit), len(pred), len(gold)))
    return micro_tally(documents, {name: Counts(*labels[name]) for name in sorted(labels)})


def distinct_arguments(row: Row) -> Arguments:
    """Return the distinct arguments of a row; the aliases of equal ones are joined."""
    arguments: Arguments = {}
    for event in row.events:
        for item in event.arguments:
            key = (event.event_type, item.role, item.text.lower())
            aliases = tuple(name.lower() for name in item.alias)
            arguments[key] = arguments.get(key, ()) + aliases
    return arguments


def _best(text: str, golds: Sequence[str]) -> float:
    if text in golds:
        return 1.0
    return max((shared(text, gold) for gold in golds), default=0.0)


def shared(pred: str, gold: str) -> float:
    """Return the F1 of the characters two strings share, counted as multisets."""
    both = (Counter(pred) & Counter(gold)).total()
    return 2 * both / (len(pred) + len(gold)) if both else 0.0


EventArguments = frozenset[tuple[str, str]]
"""The arguments of one event as (role, text), each once."""
Assign = Callable[[Sequence[EventArguments], Sequence[EventArguments]], int]
"""From the gold and the predicted events of one type to the number of right arguments."""


def hungarian(gold: Sequence[EventArguments], pred: Sequence[EventArguments]) -> int:
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


def greedy(gold: Sequence[EventArguments], pred: Sequence[EventArguments]) -> int:
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
        labels = [_by_type(pair, assign) for pair in pairs]
        documents = [Counts(*np.sum([(0, 0, 0), *each.values()], axis=0)) for each in labels]
        return micro_tally(documents, sum_labels(labels))

    return tally


def _by_type(pair: Pair, assign: Assign) -> dict[str, Counts]:
    gold, pred = _events(pair.gold), _events(pair.pred)
    counts = {}
    for name in dict.fromkeys([*gold, *pred]):
        own_gold, own_pred = gold.get(name, []), pred.get(name, [])
        n_pred, n_gold = sum(map(len, own_pred)), sum(map(len, own_gold))
        counts[name] = Counts(assign(own_gold, own_pred), n_pred, n_gold)
    return counts


def _events(row: Row) -> dict[str, list[EventArguments]]:
    events: dict[str, list[EventArguments]] = {}
    for event in row.events:
        arguments = frozenset((item.role, item.text) for item in event.arguments)
        events.setdefault(event.event_type, []).append(arguments)
    return events
