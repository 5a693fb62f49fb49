"""What is asked of a text (Query), what an answer says (Content), and the gold of a query.

query = Query("ner", (Label(key="PER", name="人名"),))
target(record, query)      Content(entities=(Entity(type="PER", text="张三"),))
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar, cast, get_args

from chinchilla.errors import ConfigError
from chinchilla.schema import Argument, Entity, Event, Label, Record, Relation

Subtask = Literal["ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"]
SUBTASKS: tuple[Subtask, ...] = get_args(Subtask)
Item = TypeVar("Item")


class Content(NamedTuple):
    """What an answer says: the gold of a record for a query, or a prediction.

    A negative pair (re-pair) is a relation whose predicate is the key of the query's `na`.
    """

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Query:
    """The sub-task, the labels in the order asked, and what is given beside the text.

    `na` is the label for "no relation" where it is among the candidates; `empty` the words for
    "nothing found"; `head` and `tail` the pair of re-pair; `event` and `trigger` the event of
    ee-argument, whose roles are those asked. Raises ConfigError where a part is missing.
    """

    subtask: Subtask
    labels: tuple[Label, ...]
    na: Label | None = None
    empty: str = ""
    head: str | None = None
    tail: str | None = None
    event: Label | None = None
    trigger: str | None = None

    def __post_init__(self) -> None:
        """Refuse a query that lacks what its sub-task gives."""
        if self.subtask not in SUBTASKS:
            todo = f"use {', '.join(SUBTASKS)}"
            raise ConfigError("question", f"no sub-task {self.subtask!r}", todo)
        if self.subtask == "re-pair" and not (self.head and self.tail):
            raise ConfigError("question", "re-pair without its pair", "give head and tail")
        if self.subtask == "ee-argument" and self.event is None:
            raise ConfigError("question", "ee-argument without its type", "give event")

    @cached_property
    def by_name(self) -> dict[str, Label]:
        """Map each Chinese name that may be in the answer to its label."""
        return {label.name: label for label in self.known}

    @cached_property
    def by_key(self) -> dict[str, Label]:
        """Map each raw label that may be in the answer to its label, in the order asked."""
        return {label.key: label for label in self.known}

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Map each raw label that may be in the answer to its place in the order asked."""
        return {key: rank for rank, key in enumerate(self.by_key)}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the raw names of the labels asked, in the order asked."""
        return tuple([label.key for label in self.labels])

    @property
    def known(self) -> tuple[Label, ...]:
        """Return the labels asked, and after them the one for "no relation" if it is offered."""
        return self.labels if self.na is None else (*self.labels, self.na)

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names under which items may be: of labels, of roles in ee-argument."""
        if self.subtask == "ee-argument" and self.event is not None:
            return frozenset(role.name for role in self.event.roles)
        return frozenset(self.by_name)

    def with_empty(self, empty: str) -> "Query":
        """Return the query with the words for "nothing found"; itself where it has them."""
        return self if empty == self.empty else replace(self, empty=empty)

    def label(self, name: str) -> Label:
        """Return the label of a name; a name that was not asked is its own label."""
        return self.by_name.get(name) or Label(key=name, name=name)


def target(record: Record, query: Query) -> Content:
    """Return what the answer to a query about a record should hold.

    Items are in the order of the text where all of them have offsets, else as annotated.
    re-pair: the labels of the pair, negative ones where `na` is offered, and `na` itself where
    no label asked holds; no slots. ee-trigger: events without arguments. ee-argument: one event
    with the arguments of every event of that type and trigger, for the roles asked.
    """
    return _TARGETS[query.subtask](record, query)


def _entities(record: Record, query: Query) -> Content:
    entities = [entity for entity in record.entities if entity.type in query.by_key]
    return Content(entities=_in_text_order(entities, lambda entity: (entity.start, entity.end)))


def _relations(record: Record, query: Query) -> Content:
    relations = [item for item in record.relations if item.predicate in query.by_key]
    return Content((), _in_text_order(relations, lambda item: (item.head_start, item.tail_start)))


def _pair(record: Record, query: Query) -> Content:
    pair = (query.head, query.tail)
    known = [item for item in record.relations + record.na_pairs if (item.head, item.tail) == pair]
    # the answer is a list of names: a label that holds twice, with other slots, is named once
    by_label = {item.predicate: item for item in known if item.predicate in query.by_key}
    if not by_label and query.na is not None:
        negative = {"predicate": query.na.key, "head": query.head, "tail": query.tail}
        return Content(relations=(Relation.model_validate(negative),))
    bare: dict[str, dict[str, str]] = {"tail_slots": {}, "tail_slot_types": {}}
    return Content(relations=tuple(item.model_copy(update=bare) for item in by_label.values()))


def _events(record: Record, query: Query) -> Content:
    labels = query.by_key
    events = [
        event.model_copy(update={"arguments": _arguments([event], labels[event.event_type])})
        for event in record.events
        if event.event_type in labels
    ]
    return Content(events=_in_text_order(events, lambda event: (event.trigger_start,)))


def _triggers(record: Record, query: Query) -> Content:
    events = _events(record, query).events
    return Content(events=tuple(event.model_copy(update={"arguments": ()}) for event in events))


def _event_arguments(record: Record, query: Query) -> Content:
    label = cast(Label, query.event)
    wanted = (label.key, query.trigger)
    events = [event for event in record.events if (event.event_type, event.trigger) == wanted]
    arguments = _arguments(events, label)
    if not arguments:
        return Content()
    event = Event(event_type=label.key, trigger=query.trigger, arguments=arguments)
    return Content(events=(event,))


def _arguments(events: Iterable[Event], label: Label) -> tuple[Argument, ...]:
    roles = {role.key for role in label.roles}
    arguments = [item for event in events for item in event.arguments if item.role in roles]
    return _in_text_order(arguments, lambda item: (item.start, item.end))


def _in_text_order(
    items: Sequence[Item], offsets: Callable[[Item], tuple[int | None, ...]]
) -> tuple[Item, ...]:
    """Return the items by offset where every one has its own, else as annotated."""
    if len(items) < 2 or any(None in offsets(item) for item in items):
        return tuple(items)
    return tuple(sorted(items, key=lambda item: cast(tuple[int, ...], offsets(item))))


_TARGETS: dict[str, Callable[[Record, Query], Content]] = {
    "ner": _entities,
    "re": _relations,
    "re-pair": _pair,
    "ee": _events,
    "ee-trigger": _triggers,
    "ee-argument": _event_arguments,
}
