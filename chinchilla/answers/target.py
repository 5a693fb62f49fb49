"""From a record to what the answer to a question should hold."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

from chinchilla.answers.query import Content, Question
from chinchilla.schema import Argument, Event, Label, Record, Relation

Item = TypeVar("Item")


def ordered(record: Record, question: Question) -> Content:
    """Take from a record what the answer to a question should hold.

    Items stand by place in the text where all of them are located, else as annotated. re-pair:
    the labels of the pair, negative ones where `na` is offered, and `na` itself where no label
    asked holds; no slots. ee-trigger: events without arguments. ee-argument: one event with the
    arguments of every event of that type and trigger, for the roles asked.
    """
    return _TAKE[question.subtask](record, question)


def _entities(record: Record, question: Question) -> Content:
    found = [entity for entity in record.entities if entity.type in question.by_key]
    return Content(entities=_placed(found, lambda entity: (entity.start, entity.end)))


def _relations(record: Record, question: Question) -> Content:
    known = question.by_key
    found = tuple([item for item in record.relations if item.predicate in known])
    if not found or found[0].head_start is None:
        # most relations have no offsets: nothing is looked at twice
        return Content((), found)
    return Content((), _placed(found, lambda item: (item.head_start, item.tail_start)))


def _pair(record: Record, question: Question) -> Content:
    pair = (question.head, question.tail)
    known = [item for item in record.relations + record.na_pairs if (item.head, item.tail) == pair]
    # the answer is a list of names: a label that holds twice, with other slots, stands once
    found = {item.predicate: item for item in known if item.predicate in question.by_key}
    if not found and question.na is not None:
        negative = {"predicate": question.na.key, "head": question.head, "tail": question.tail}
        return Content(relations=(Relation.model_validate(negative),))
    bare: dict[str, dict[str, str]] = {"tail_slots": {}, "tail_slot_types": {}}
    return Content(relations=tuple(item.model_copy(update=bare) for item in found.values()))


def _events(record: Record, question: Question) -> Content:
    found = [event for event in record.events if event.event_type in question.by_key]
    labels = question.by_key
    events = [
        event.model_copy(update={"arguments": _arguments([event], labels[event.event_type])})
        for event in found
    ]
    return Content(events=_placed(events, lambda event: (event.trigger_start,)))


def _triggers(record: Record, question: Question) -> Content:
    events = _events(record, question).events
    return Content(events=tuple(event.model_copy(update={"arguments": ()}) for event in events))


def _event_arguments(record: Record, question: Question) -> Content:
    label = cast(Label, question.event)
    wanted = (label.key, question.trigger)
    events = [event for event in record.events if (event.event_type, event.trigger) == wanted]
    arguments = _arguments(events, label)
    if not arguments:
        return Content()
    event = Event(event_type=label.key, trigger=question.trigger, arguments=arguments)
    return Content(events=(event,))


def _arguments(events: Iterable[Event], label: Label) -> tuple[Argument, ...]:
    roles = {role.key for role in label.roles}
    found = [item for event in events for item in event.arguments if item.role in roles]
    return _placed(found, lambda item: (item.start, item.end))


def _placed(
    items: Sequence[Item], place: Callable[[Item], tuple[int | None, ...]]
) -> tuple[Item, ...]:
    """Sort by place where every item has one, else keep the order of the annotation."""
    if not items or None in place(items[0]):
        return tuple(items)
    places = [place(item) for item in items]
    if any(offset is None for offsets in places for offset in offsets):
        return tuple(items)
    order = sorted(range(len(items)), key=lambda at: cast(tuple[int, ...], places[at]))
    return tuple(items[at] for at in order)


_TAKE: dict[str, Callable[[Record, Question], Content]] = {
    "ner": _entities,
    "re": _relations,
    "re-pair": _pair,
    "ee": _events,
    "ee-trigger": _triggers,
    "ee-argument": _event_arguments,
}
