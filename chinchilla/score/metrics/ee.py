"""Metrics of events that compare keys: triggers, arguments, event types."""

from chinchilla.score.counts import Key, Options
from chinchilla.score.rows import Row


def trigger(row: Row, _: Options) -> list[Key]:
    """Return (event type, trigger) of each event; a trigger not given is empty.

    UIE's evt trigger in `string` form (uie/extraction/scorer.py) and IEPile's event metric
    (ie2instruction/eval/metric/ee_metric.py).
    """
    return [(item.event_type, item.trigger or "") for item in row.events]


def argument(row: Row, _: Options) -> list[Key]:
    """Return (event type, role, text) of each argument, whichever event it belongs to.

    UIE's evt role in `string` form and IEPile's argument metric: the trigger need not be right.
    """
    return [(item.event_type, one.role, one.text) for item in row.events for one in item.arguments]


def event_type(row: Row, _: Options) -> list[Key]:
    """Return (event type,) of each event; as a set, the classification of the document."""
    return [(item.event_type,) for item in row.events]
