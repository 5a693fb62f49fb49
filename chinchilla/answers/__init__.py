"""One module an answer form: `dump` and its inverse `parse`, side by side.

A form is found by its name: `json` is `chinchilla.answers.json`. No list is kept by hand.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from chinchilla.errors import ConfigError
from chinchilla.schema import Entity, Event, Label, Record, Relation


class Content(NamedTuple):
    """What an answer says: the gold of a record for the labels asked, or a prediction."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()


class Form(Protocol):
    """An answer form: a way to write content down and to read it back."""

    def dump(self, content: Content, labels: Sequence[Label]) -> str:
        """Write the content under the labels asked, in the order asked."""

    def parse(self, answer: str, labels: Sequence[Label]) -> Content:
        """Read an answer; raise AnswerError where it is not of the form."""


def forms() -> tuple[str, ...]:
    """List the names of the answer forms."""
    here = Path(__file__).resolve().parent
    return tuple(sorted(path.stem for path in here.glob("*.py") if path.stem[0] != "_"))


def form(name: str) -> Form:
    """Return an answer form; raise ConfigError where there is none of that name."""
    if name not in forms():
        raise ConfigError(f"form {name!r}", "no such answer form", f"use {', '.join(forms())}")
    return cast(Form, import_module(f"chinchilla.answers.{name}"))


def asked(record: Record, labels: Sequence[Label]) -> Content:
    """Take from a record what the labels ask for, located items by place in the text.

    Items without offsets keep the order in which they were annotated.
    """
    keys = {label.key for label in labels}
    entities = [entity for entity in record.entities if entity.type in keys]
    if all(entity.start is not None for entity in entities):
        entities.sort(key=lambda entity: (entity.start, entity.end))
    events = [event for event in record.events if event.event_type in keys]
    if all(event.trigger_start is not None for event in events):
        events.sort(key=lambda event: event.trigger_start or 0)
    relations = tuple(item for item in record.relations if item.predicate in keys)
    return Content(tuple(entities), relations, tuple(events))
