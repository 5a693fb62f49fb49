"""The metric of Doc2EDAG: a table of roles for each event type, one filler a cell."""

from collections.abc import Iterable, Mapping
from operator import eq

import numpy as np

from chinchilla.score.counts import Array, Counts, Prf, ScoreOptions, Tallied, micro_tally, prf
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Filler = tuple[str, ...] | None
"""The distinct texts of a role in an event, sorted: the convention for several values."""
Cells = tuple[Filler, ...]
Tables = Mapping[str, tuple[str, ...]]


def doc2edag(pairs: Iterable[Pair], _: ScoreOptions) -> Tallied:
    """Count the cells of the event tables that are filled alike.

    dolphin-zs/Doc2EDAG dee/dee_metric.py: predicted events of a type, those with most filled
    roles first, each take the gold event left that agrees with them in most cells, empty ones
    included, the first among equals. A wrong filler is one false positive and one false
    negative. Macro is the mean over roles, then over types; a type without any role counts 0.
    A role's filler is the sorted tuple of its distinct texts, so that roles with several values
    fit; the table of a type holds the roles seen with it on either side.
    """
    pairs = list(pairs)
    tables = role_tables(pairs)
    cells = {name: np.zeros((len(roles), 3)) for name, roles in tables.items()}
    documents = []
    for pair in pairs:
        sums = np.zeros(3)
        gold, pred = _cells(pair.gold, tables), _cells(pair.pred, tables)
        for name in dict.fromkeys([*gold, *pred]):
            counts = _fill(gold.get(name, []), pred.get(name, []), len(tables[name]))
            cells[name] += counts
            sums += counts.sum(axis=0)
        documents.append((sums[0], sums[1], sums[2]))
    labels = {name: Counts(*map(float, each.sum(axis=0))) for name, each in cells.items()}
    return micro_tally(documents, labels)._replace(macro=_macro(cells))


def role_tables(pairs: Iterable[Pair]) -> Tables:
    """Return the roles of each event type, in sorted order."""
    roles: dict[str, set[str]] = {}
    for pair in pairs:
        for event in (*pair.gold.events, *pair.pred.events):
            roles.setdefault(event.event_type, set()).update(a.role for a in event.arguments)
    return {name: tuple(sorted(roles[name])) for name in sorted(roles)}


def _cells(row: Row, tables: Tables) -> dict[str, list[Cells]]:
    """Return the cells of each event, by event type."""
    by_type: dict[str, list[Cells]] = {}
    for event in row.events:
        texts: dict[str, set[str]] = {}
        for item in event.arguments:
            texts.setdefault(item.role, set()).add(item.text)
        cells = tuple(
            tuple(sorted(texts[role])) if role in texts else None
            for role in tables[event.event_type]
        )
        by_type.setdefault(event.event_type, []).append(cells)
    return by_type


def _fill(gold: list[Cells], pred: list[Cells], width: int) -> Array:
    """Return (tp, n_pred, n_gold) of each role of one event type in one document."""
    counts = np.zeros((width, 3))
    left = list(gold)
    for cells in sorted(pred, key=lambda one: -sum(cell is not None for cell in one)):
        if left:
            best = max(range(len(left)), key=lambda at: sum(map(eq, cells, left[at])))
            other = left.pop(best)
            counts[:, 0] += [a is not None and a == b for a, b in zip(cells, other, strict=True)]
    for column, records in ((1, pred), (2, gold)):
        for cells in records:
            counts[:, column] += [cell is not None for cell in cells]
    return counts


def _macro(cells: Mapping[str, Array]) -> Prf:
    """Return the mean over types of the mean over roles of P, R and F1."""
    types = [
        np.mean([prf(Counts(*map(float, role))) for role in each], axis=0)
        if len(each)
        else np.zeros(3)
        for each in cells.values()
    ]
    return Prf(*map(float, np.mean(types, axis=0))) if types else Prf(0.0, 0.0, 0.0)
