"""The rule that most metrics share: equal keys match, each gold key once.

Metrics of this kind differ only in their keys: a function from a row to a list of tuples whose
first part is the label. Counting is free of order by construction.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from chinchilla.score.counts import Counts, Key, Options, Tallied, micro, tallied, totals_of
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Keys = Callable[[Row, Options], list[Key]]
Rule = Callable[[Sequence[Pair], Options], Tallied]

_FEW = 32
"""Up to so many keys a list is searched faster than a Counter is built."""


def multiset(keys: Keys) -> Rule:
    """Return the metric that keeps duplicates: a further copy of a right item is wrong."""

    def tally(pairs: Sequence[Pair], options: Options) -> Tallied:
        return _tally((keys(gold, options), keys(pred, options)) for gold, pred in pairs)

    return tally


def unique(keys: Keys) -> Rule:
    """Return the metric that drops duplicates on both sides, inside each document."""

    def tally(pairs: Sequence[Pair], options: Options) -> Tallied:
        # dict.fromkeys and not set: the order stays that of the row
        return _tally(
            (list(dict.fromkeys(keys(gold, options))), list(dict.fromkeys(keys(pred, options))))
            for gold, pred in pairs
        )

    return tally


def _tally(documents: Iterable[tuple[list[Key], list[Key]]]) -> Tallied:
    tp: list[float] = []
    n_pred: list[int] = []
    n_gold: list[int] = []
    hit_labels: list[object] = []
    pred_labels: list[object] = []
    gold_labels: list[object] = []
    for gold, pred in documents:
        hits = pred if gold == pred else common(gold, pred)
        tp.append(len(hits))
        n_pred.append(len(pred))
        n_gold.append(len(gold))
        hit_labels += [key[0] for key in hits]
        pred_labels += [key[0] for key in pred]
        gold_labels += [key[0] for key in gold]
    columns = tallied(tp, n_pred, n_gold)
    labels = label_counts(hit_labels, pred_labels, gold_labels)
    return Tallied(columns, labels, totals_of(columns), micro)


def common(gold: list[Key], pred: list[Key]) -> list[Key]:
    """Return the predicted keys that match a gold key, each gold key matching once."""
    if len(gold) > _FEW:
        return list((Counter(pred) & Counter(gold)).elements())
    left = gold.copy()
    hits = []
    for key in pred:
        if key in left:
            left.remove(key)
            hits.append(key)
    return hits


def label_counts(
    hits: Iterable[object], pred: Iterable[object], gold: Iterable[object]
) -> dict[str, Counts]:
    """Count labels of right, predicted and gold items; the labels come out sorted."""
    right, found, wanted = Counter(hits), Counter(pred), Counter(gold)
    names = sorted(str(name) for name in found.keys() | wanted.keys())
    return {name: Counts(right[name], found[name], wanted[name]) for name in names}
