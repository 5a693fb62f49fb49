"""What is asked and what an answer says: the two things every answer form is about."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from chinchilla.errors import ConfigError
from chinchilla.schema import Entity, Event, Label, Relation

Subtask = Literal["ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"]
SUBTASKS: tuple[Subtask, ...] = get_args(Subtask)
_KEPT = ("by_key", "keys", "known", "places")
"""Look-ups that a question shares with the same one under other words for nothing found."""


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

    def with_empty(self, empty: str) -> "Question":
        """Return the question with other words for nothing found, its look-ups kept."""
        if empty == self.empty:
            return self
        if empty not in self._emptied:
            again = replace(self, empty=empty)
            again.__dict__.update({name: getattr(self, name) for name in _KEPT})
            self._emptied[empty] = again
        return self._emptied[empty]

    @cached_property
    def _emptied(self) -> "dict[str, Question]":
        return {}

    @cached_property
    def by_name(self) -> dict[str, Label]:
        """Map each Chinese name that may stand in the answer to its label."""
        return {label.name: label for label in self.known}

    @cached_property
    def by_key(self) -> dict[str, Label]:
        """Map each raw label that may stand in the answer to its label."""
        return {label.key: label for label in self.known}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the raw names of the labels asked, in the order asked."""
        return tuple(label.key for label in self.labels)

    @cached_property
    def places(self) -> dict[str, int]:
        """Map each raw label that may stand in the answer to its place in the order asked."""
        return {label.key: place for place, label in enumerate(self.known)}

    @cached_property
    def known(self) -> tuple[Label, ...]:
        """Return the labels asked, and after them the one for "no relation" if it is offered."""
        return self.labels if self.na is None else (*self.labels, self.na)

    @cached_property
    def asked(self) -> frozenset[str]:
        """Return the names under which items may stand: of labels, of roles in ee-argument."""
        if self.subtask == "ee-argument" and self.event is not None:
            return frozenset(role.name for role in self.event.roles)
        return frozenset(self.by_name)

    def label(self, name: str) -> Label:
        """Return the label of a name; a name that was not asked is its own label."""
        return self.by_name.get(name) or Label(key=name, name=name)
