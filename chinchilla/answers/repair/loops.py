"""Cut answers that say the same over and over until the token budget ends them."""

from collections.abc import Sequence
from typing import Any

from chinchilla.answers.question import Content
from chinchilla.schema import Event

CUT_OFF = 5
"""Repeats that make a loop where the answer was cut off."""
OPEN_END = 20
"""Repeats that make a loop where a form has no closing mark; gold never comes near."""
_LONGEST = 16


def cut_loops(content: Content, least: int) -> Content | None:
    """Leave one round of a loop at the end; null where there is no such loop."""
    if content.entities:
        keys = [(item.type, item.text) for item in content.entities]
        keep = _keep(keys, least)
        return None if keep is None else content._replace(entities=content.entities[:keep])
    if content.relations:
        triples = [(item.predicate, item.head, item.tail) for item in content.relations]
        keep = _keep(triples, least)
        return None if keep is None else content._replace(relations=content.relations[:keep])
    return _cut_events(content, least) if content.events else None


def _cut_events(content: Content, least: int) -> Content | None:
    keep = _keep([_event_key(event) for event in content.events], least)
    if keep is not None:
        return content._replace(events=content.events[:keep])
    last = content.events[-1]
    inner = _keep([(item.role, item.text) for item in last.arguments], least)
    if inner is None:
        return None
    shorter = last.model_copy(update={"arguments": last.arguments[:inner]})
    return content._replace(events=(*content.events[:-1], shorter))


def _event_key(event: Event) -> tuple[Any, ...]:
    return event.event_type, event.trigger, *((item.role, item.text) for item in event.arguments)


def _keep(keys: Sequence[Any], least: int) -> int | None:
    """Return how many items to keep; the last one may be a round broken off."""
    for end in (len(keys), len(keys) - 1):
        for period in range(1, min(_LONGEST, end // least) + 1):
            start = end - 1
            while start >= period and keys[start] == keys[start - period]:
                start -= 1
            if (end - 1 - start) // period + 1 >= least:
                return start + 1
    return None
