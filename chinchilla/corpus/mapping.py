"""Any JSON data set by a field mapping alone: where the text is, where the annotations are.

A path is keys with dots between them: `text`, `span.begin`, `0` for an item of a list. In the
path of a list a `*` goes over every item of a list or entry of an object; `$1`, `$2` name the
keys the stars met. CLUENER's {"label": {"address": {"台湾": [[15, 16]]}}} is

    list = "label.*.*.*"   type = "$1"   text = "$2"   start = "0"   end = "1"

Items of several kinds in one list are told apart by `where`: paths and the strings they lead to.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from chinchilla.schema import Frozen

Offsets = Literal["none", "start", "end-inclusive", "end-exclusive"]
Unit = Literal["code-point", "utf-16"]


class Setting(NamedTuple):
    """How a mapping says that offsets are counted."""

    offsets: Offsets
    unit: Unit

    def differs(self, other: "Setting") -> str:
        """Return, as a card has it, what must be set to have this one in place of another."""
        keys = []
        if self.offsets != other.offsets:
            keys.append(f'offsets = "{self.offsets}"')
        if self.unit != other.unit:
            keys.append(f'offsets_unit = "{self.unit}"')
        return " and ".join(keys)


_KINDS: tuple[Offsets, ...] = ("end-exclusive", "end-inclusive", "start")
_UNITS: tuple[Unit, ...] = ("code-point", "utf-16")
SETTINGS = tuple(Setting(offsets, unit) for unit in _UNITS for offsets in _KINDS)


def _check_star(path: str, stars: int) -> None:
    """Raise ValueError for a `$n` that names none of so many stars."""
    number = path.removeprefix("$")
    if path.startswith("$") and number not in map(str, range(1, stars + 1)):
        raise ValueError(f"the path {path!r} names no star; its list has {stars} of them")


class Fields(Frozen):
    """Name the fields of the items of a list; `where` tells those that are meant from others."""

    list: str
    where: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _name_stars_that_are_there(self) -> Self:
        for _, path in self:
            if isinstance(path, str):
                _check_star(path, self.list.split(".").count("*"))
        for path in self.where:
            _check_star(path, 0)
        return self

    @property
    def paths(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the path of each field that is mapped, the list's own not."""
        for name, path in self:
            if isinstance(path, str) and name != "list":
                yield name, path


class EntityFields(Fields):
    """Name the fields of an entity."""

    type: str
    text: str | None = None
    start: str | None = None
    end: str | None = None
    id: str | None = None


class RelationFields(Fields):
    """Name the fields of a relation; `head` and `tail` may be ids of entities."""

    predicate: str
    head: str
    tail: str
    head_type: str | None = None
    tail_type: str | None = None
    head_start: str | None = None
    tail_start: str | None = None
    by_id: bool = False


class EventFields(Fields):
    """Name the fields of an event."""

    type: str
    trigger: str | None = None
    trigger_start: str | None = None


class ArgumentFields(Fields):
    """Name the fields of an argument, seen from its event."""

    role: str
    text: str | None = None
    start: str | None = None
    end: str | None = None


class Mapping(Frozen):
    """Say where a JSON record has what; see the module's docstring for paths."""

    text: str
    title: str | None = None
    offsets: Offsets = "none"
    offsets_unit: Unit | None = None
    entities: EntityFields | None = None
    relations: RelationFields | None = None
    events: EventFields | None = None
    arguments: ArgumentFields | None = None

    @field_validator("text", "title")
    @classmethod
    def _name_no_star(cls, path: str | None) -> str | None:
        if path is not None:
            _check_star(path, 0)
            if "*" in path.split("."):
                raise ValueError(f"the path {path!r} has a star; name one key in its place")
        return path

    @model_validator(mode="after")
    def _quote_spans_that_have_both_ends(self) -> Self:
        for name in ("entities", "arguments"):
            names: EntityFields | ArgumentFields | None = getattr(self, name)
            if names is None or names.text is not None:
                continue
            if names.start is None or names.end is None or not self.offsets.startswith("end-"):
                ends = 'offsets = "end-exclusive" or "end-inclusive"'
                raise ValueError(f"{name} without text need start and end, and {ends}")
        return self

    @model_validator(mode="after")
    def _map_nothing_that_is_not_read(self) -> Self:
        for what in (*self._unread_offsets(), *self._unread_ends(), *self._unread_events()):
            raise ValueError(what)
        return self

    def _unread_offsets(self) -> Iterator[str]:
        for name, names in self.tables.items():
            paths = dict(names.paths)
            if "start" in paths and self.offsets == "none":
                kind = '"end-exclusive", "end-inclusive"' if "end" in paths else '"start"'
                yield f"{name}.start is mapped and offsets is not; say offsets = {kind}"
            if "end" in paths and "start" not in paths:
                yield f"{name}.end is mapped and {name}.start is not; map it too"
            if "end" in paths and not self.offsets.startswith("end-"):
                kind = 'offsets = "end-exclusive" or "end-inclusive"'
                yield f"{name}.end is mapped and would not be read; say {kind}"
        starts = {"start", "trigger_start", "head_start", "tail_start"}
        mapped = any(name in starts for names in self.tables.values() for name, _ in names.paths)
        if self.offsets_unit is not None and not mapped:
            yield "offsets_unit is given and no offset is mapped; map start, or leave it out"

    def _unread_ends(self) -> Iterator[str]:
        names = self.relations
        if names is None or not names.by_id:
            return
        for name in ("head_type", "tail_type", "head_start", "tail_start"):
            if getattr(names, name) is not None:
                yield f"relations.{name} would not be read: by_id takes it from the entity"
        if self.entities is None:
            yield "relations are by_id and entities are not mapped; map entities with their id"
        elif self.entities.id is None and self.entities.where:
            yield "relations are by_id and entities are chosen by where; map entities.id too"

    def _unread_events(self) -> Iterator[str]:
        if self.arguments is not None and self.events is None:
            yield "arguments are mapped and events are not; map events too"
        if self.events is not None and self.events.trigger is None and self.events.trigger_start:
            yield "events.trigger_start is mapped and events.trigger is not; map it too"

    @cached_property
    def tables(self) -> dict[str, Fields]:
        """Return the lists that are mapped, by the name of their table."""
        names = ("entities", "relations", "events", "arguments")
        tables = {name: getattr(self, name) for name in names}
        return {name: table for name, table in tables.items() if table is not None}

    @cached_property
    def steps(self) -> frozenset[str]:
        """Return every key on a path of the mapping."""
        paths = [self.text, self.title or ""]
        for names in self.tables.values():
            paths += [names.list, *(path for _, path in names.paths), *names.where]
        return frozenset(step for path in paths for step in path.split("."))

    @property
    def setting(self) -> Setting:
        """Return how offsets are counted."""
        return Setting(self.offsets, self.offsets_unit or "code-point")

    @cached_property
    def annotations(self) -> str | None:
        """Return the key of the annotations of Label Studio, where a list is one of theirs."""
        for names in self.tables.values():
            match = _ANNOTATIONS.match(names.list)
            if match is not None:
                return match[1]
        return None


GOLD = {"ner": "entities", "re": "relations", "ee": "events"}
"""The table of a mapping that is the gold of each task."""

_ANNOTATIONS = re.compile(r"(annotations|completions)\.(?:\*|\d+)\.result(?:\.|$)")


def tried(mapping: Mapping) -> str:
    """Return a mapping in one line."""
    tables = mapping.model_dump(exclude_none=True)
    return " ".join(f"{key}={value!r}" for key, value in _flat(tables))


def _flat(tables: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
