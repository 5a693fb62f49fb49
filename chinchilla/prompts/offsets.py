"""Move the offsets of items between a text and a window of it; null offsets stay null."""

from chinchilla.schema import Argument, Entity, Event, Relation


def move_entity(entity: Entity, by: int) -> Entity:
    """Add to the offsets of an entity, where it has any."""
    fields = {"start": _add(entity.start, by), "end": _add(entity.end, by)}
    return Entity.model_validate({**dict(entity), **fields})


def move_relation(relation: Relation, by: int) -> Relation:
    """Add to the offsets of a relation, where it has any."""
    starts = {
        "head_start": _add(relation.head_start, by),
        "tail_start": _add(relation.tail_start, by),
    }
    return Relation.model_validate({**dict(relation), **starts})


def move_event(event: Event, by: int) -> Event:
    """Add to the offsets of an event and its arguments, where they have any."""
    arguments = tuple(
        Argument.model_validate(
            {**dict(one), "start": _add(one.start, by), "end": _add(one.end, by)}
        )
        for one in event.arguments
    )
    fields = {"trigger_start": _add(event.trigger_start, by), "arguments": arguments}
    return Event.model_validate({**dict(event), **fields})


def _add(offset: int | None, by: int) -> int | None:
    return None if offset is None else offset + by
