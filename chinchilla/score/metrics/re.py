"""Metrics of triples: what counts as the same relation."""

from chinchilla.score.counts import Key, Options
from chinchilla.score.rows import Row


def boundary(row: Row, options: Options) -> list[Key]:
    """Return (predicate, head, tail) of each relation that is not NA.

    UIE's rel-boundary in `string` form (universal-ie/UIE, uie/extraction/scorer.py) and IEPile's
    RE metric (ie2instruction/eval/metric/re_metric.py): types and further slots are ignored,
    strings are compared as they stand.
    """
    na = options.na
    return [
        (item.predicate, item.head, item.tail) for item in row.relations if item.predicate != na
    ]


def strict(row: Row, options: Options) -> list[Key]:
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
