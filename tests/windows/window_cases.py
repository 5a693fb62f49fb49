"""The gold of windows joined again by place in the record: the inverse that tests compare with."""

from collections.abc import Iterable
from typing import TypeVar

from chinchilla.answers import Content
from chinchilla.schema import Argument, Entity, Event, Relation
from chinchilla.windows.project import Window, move_entity, move_event, move_relation

Item = TypeVar("Item", Entity, Relation, Event)


def merge_windows(windows: Iterable[Window]) -> Content:
    """Join the gold of the windows of one record: the inverse of `window_records`.

    Items are told apart by their place in the record, so the result is the gold of the record
    in its order, offsets and repeats included, less what the counts say. The parts of a split
    event are joined by its place too.
    """
    entities: dict[int, Entity] = {}
    relations: dict[int, Relation] = {}
    events: dict[int, list[tuple[Event, tuple[int, ...]]]] = {}
    for window in windows:
        record, origins, by = window.record, window.origins, window.start
        for place, entity in zip(origins.entities, record.entities, strict=True):
            entities[place] = move_entity(entity, by)
        for place, relation in zip(origins.relations, record.relations, strict=True):
            relations[place] = move_relation(relation, by)
        parts = zip(origins.events, record.events, origins.arguments, strict=True)
        for place, event, held in parts:
            events.setdefault(place, []).append((move_event(event, by), held))
    joined = tuple(_joined(events[place]) for place in sorted(events))
    return Content(_in_order(entities), _in_order(relations), joined)


def _in_order(items: dict[int, Item]) -> tuple[Item, ...]:
    return tuple(items[place] for place in sorted(items))


def _joined(parts: list[tuple[Event, tuple[int, ...]]]) -> Event:
    """Join the parts of an event; any that has the trigger has the right one."""
    arguments: dict[int, Argument] = {}
    for event, places in parts:
        arguments.update(zip(places, event.arguments, strict=True))
    named = next((event for event, _ in parts if event.trigger is not None), parts[0][0])
    fields = {"arguments": tuple(arguments[place] for place in sorted(arguments))}
    return Event.model_validate({**dict(named), **fields})
