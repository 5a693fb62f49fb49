"""One module an answer form: `dump` and its inverse `parse`, side by side, with repair.

A form is found by its name: `json` is `chinchilla.answers.json`. No list is kept by hand: every
module of this package that has a `dump` and a `parse` is a form.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast, get_args

from chinchilla.errors import ConfigError
from chinchilla.schema import Argument, Entity, Event, Label, Record, Relation

Subtask = Literal["ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"]
SUBTASKS: tuple[Subtask, ...] = get_args(Subtask)

Item = TypeVar("Item")


class Content(NamedTuple):
    """What an answer says: the gold of a record for a question, or a prediction.

    A negative pair (re-pair) is a relation whose predicate is the key of the question's `na`.
    """

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked: the sub-task, the labels in the order asked, and what is given.

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
        """Refuse a question that lacks what its sub-task gives."""
        if self.subtask not in SUBTASKS:
            todo = f"use {', '.join(SUBTASKS)}"
            raise ConfigError("question", f"no sub-task {self.subtask!r}", todo)
        if self.subtask == "re-pair" and not (self.head and self.tail):
            raise ConfigError("question", "re-pair without its pair", "give head and tail")
        if self.subtask == "ee-argument" and self.event is None:
            raise ConfigError("question", "ee-argument without its type", "give event")

    @cached_property
    def by_name(self) -> dict[str, Label]:
        """Map each Chinese name that may stand in the answer to its label."""
        return {label.name: label for label in self.known}

    @cached_property
    def by_key(self) -> dict[str, Label]:
        """Map each raw label that may stand in the answer to its label."""
        return {label.key: label for label in self.known}

    @cached_property
    def known(self) -> tuple[Label, ...]:
        """Return the labels asked, and after them the one for "no relation" if it is offered."""
        return self.labels if self.na is None else (*self.labels, self.na)

    def label(self, name: str) -> Label:
        """Return the label of a name; a name that was not asked is its own label."""
        return self.by_name.get(name) or Label(key=name, name=name)


class Form(Protocol):
    """An answer form: a way to write content down and to read it back."""

    def dump(self, content: Content, question: Question) -> str:
        """Write the content, labels in the order asked; raise AnswerError for one not asked."""

    def parse(self, answer: str, question: Question) -> Content:
        """Read an answer; raise AnswerError where it is not of the form."""


def forms() -> tuple[str, ...]:
    """List the names of the answer forms."""
    return tuple(_forms())


def form(name: str) -> Form:
    """Return an answer form; raise ConfigError where there is none of that name."""
    if name not in _forms():
        raise ConfigError(f"form {name!r}", "no such answer form", f"use {', '.join(forms())}")
    return cast(Form, _forms()[name])


@cache
def _forms() -> dict[str, Any]:
    names = sorted(found.name for found in iter_modules(__path__) if not found.ispkg)
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return {
        name: module
        for name, module in modules.items()
        if hasattr(module, "dump") and hasattr(module, "parse")
    }


def ordered(record: Record, question: Question) -> Content:
    """Take from a record what the answer to a question should hold.

    Items stand by place in the text where all of them are located, else as annotated. re-pair:
    the labels of the pair, negative ones where `na` is offered, and `na` itself where no label
    asked holds. ee-trigger: events without arguments. ee-argument: one event with the arguments
    of every event of that type and trigger, for the roles asked.
    """
    return _TAKE[question.subtask](record, question)


def _entities(record: Record, question: Question) -> Content:
    found = [entity for entity in record.entities if entity.type in question.by_key]
    return Content(entities=_placed(found, lambda entity: (entity.start, entity.end)))


def _relations(record: Record, question: Question) -> Content:
    found = [item for item in record.relations if item.predicate in question.by_key]
    return Content(relations=_placed(found, lambda item: (item.head_start, item.tail_start)))


def _pair(record: Record, question: Question) -> Content:
    pair = (question.head, question.tail)
    known = [item for item in record.relations + record.na_pairs if (item.head, item.tail) == pair]
    found = tuple(item for item in known if item.predicate in question.by_key)
    if not found and question.na is not None:
        negative = {"predicate": question.na.key, "head": question.head, "tail": question.tail}
        found = (Relation.model_validate(negative),)
    return Content(relations=found)


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


def _placed(items: list[Item], place: Callable[[Item], tuple[int | None, ...]]) -> tuple[Item, ...]:
    """Sort by place where every item has one, else keep the order of the annotation."""
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
