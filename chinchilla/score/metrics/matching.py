"""The rule that most metrics share: equal keys match, each gold key once.

Metrics of this kind differ only in their keys: a function from a row to a list of tuples whose
first part is the label. Counting is free of order by construction.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from chinchilla.score.counts import Counts, Key, Options, Tallied, micro, tallied, totals_of
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Keys = Callable[[Row, Options], list[Key]]
Rule = Callable[[Iterable[Pair], Options], Tallied]

_FEW = 32
"""Up to so many keys a list is searched faster than a Counter is built."""


def multiset(keys: Keys) -> Rule:
    """Return the metric that keeps duplicates: a further copy of a right item is wrong."""

    def tally(pairs: Iterable[Pair], options: Options) -> Tallied:
        return _tally(pairs, keys, options)

    return tally


def unique(keys: Keys) -> Rule:
    """Return the metric that drops duplicates on both sides, inside each document."""

    def tally(pairs: Iterable[Pair], options: Options) -> Tallied:
        # dict.fromkeys and not set: the order stays that of the row
        def distinct(row: Row, options: Options) -> list[Key]:
            return list(dict.fromkeys(keys(row, options)))

        return _tally(pairs, distinct, options)

    return tally


def _tally(pairs: Iterable[Pair], keys: Keys, options: Options) -> Tallied:
    tp: list[float] = []
    n_pred: list[int] = []
    n_gold: list[int] = []
    # plain dictionaries: a Counter that is fed one key at a time takes twice as long
    wrong: dict[object, int] = {}
    found: dict[object, int] = {}
    wanted: dict[object, int] = {}
    for one in pairs:
        gold, pred = keys(one.gold, options), keys(one.pred, options)
        n_pred.append(len(pred))
        n_gold.append(len(gold))
        for key in gold:
            wanted[key[0]] = wanted.get(key[0], 0) + 1
        for key in pred:
            found[key[0]] = found.get(key[0], 0) + 1
        if pred == gold:
            tp.append(len(pred))
            continue
        misses = surplus(pred, gold)
        for key in misses:
            wrong[key[0]] = wrong.get(key[0], 0) + 1
        tp.append(len(pred) - len(misses))
    columns = tallied(tp, n_pred, n_gold)
    labels = {
        str(name): Counts(
            found.get(name, 0) - wrong.get(name, 0), found.get(name, 0), wanted.get(name, 0)
        )
        for name in {**wanted, **found}
    }
    return Tallied(columns, dict(sorted(labels.items())), totals_of(columns), micro)


def surplus(pred: list[Key], gold: list[Key]) -> list[Key]:
    """Return the predicted keys that match no gold key, each gold key matching once.

    Takes the matched keys out of a short `gold`.
    """
    if len(gold) > _FEW:
        return list((Counter(pred) - Counter(gold)).elements())
    # `gold` is not wanted afterwards: it is used up
    left, misses = gold, []
    for key in pred:
        if key in left:
            left.remove(key)
        else:
            misses.append(key)
    return misses


def common(gold: list[Key], pred: list[Key]) -> list[Key]:
    """Return the predicted keys that match a gold key, each gold key matching once."""
    return list((Counter(pred) & Counter(gold)).elements())


def label_counts(
    hits: Iterable[object], pred: Iterable[object], gold: Iterable[object]
) -> dict[str, Counts]:
    """Count labels of right, predicted and gold items; the labels come out sorted."""
    right, found, wanted = Counter(hits), Counter(pred), Counter(gold)
    names = sorted(str(name) for name in found.keys() | wanted.keys())
    return {name: Counts(right[name], found[name], wanted[name]) for name in names}
