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
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import Field, field_validator, model_validator

from chinchilla.readers.jsonl import kind
from chinchilla.readers.shape import MisfitError
from chinchilla.schema import Frozen

Offsets = Literal["none", "start", "end-inclusive", "end-exclusive"]
Unit = Literal["code-point", "utf-16"]


class Setting(NamedTuple):
    """How a mapping says that offsets are counted."""

    offsets: Offsets
    unit: Unit

    def differs(self, other: "Setting") -> str:
        """Return, as a card has it, what must be set to have this one in place of another."""
        keys = zip(("offsets", "offsets_unit"), self, other, strict=True)
        return " and ".join(f'{key} = "{mine}"' for key, mine, theirs in keys if mine != theirs)


SETTINGS = tuple(
    Setting(offsets, unit)
    for unit in get_args(Unit)
    for offsets in ("end-exclusive", "end-inclusive", "start")
)


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
        matches = (_ANNOTATIONS.match(names.list) for names in self.tables.values())
        return next((match[1] for match in matches if match), None)


GOLD = {"ner": "entities", "re": "relations", "ee": "events"}
"""The table of a mapping that is the gold of each task."""

_ANNOTATIONS = re.compile(r"(annotations|completions)\.(?:\*|\d+)\.result(?:\.|$)")


def tried(mapping: Mapping) -> str:
    """Return a mapping in one line."""
    return " ".join(_flat(mapping.model_dump(exclude_none=True)))


def _flat(tables: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={value!r}"


class Match(NamedTuple):
    """An item met by a path, and the keys its stars went through."""

    item: Any
    keys: tuple[str, ...]


class Missing(NamedTuple):
    """A step of a path that is absent or null, and what it was looked for in."""

    step: str
    holder: Any


class PathWalk(NamedTuple):
    """The items a list path leads to, and where it led nowhere."""

    items: list[Match]
    missing: list[Missing]


class Absent:
    """The value of a path that leads to nothing, not even null."""


ABSENT = Absent()


class UnmappedError(KeyError):
    """Raised when a path of the mapping leads nowhere, in a record or in an item of a list."""

    def __init__(self, path: str, holder: Any, inside: str = "") -> None:
        super().__init__(path)
        self.path, self.holder, self.inside = path, holder, inside


def walk(row: Any, path: str) -> PathWalk:
    """Follow a list path; raise MisfitError where something else than a list or object is met."""
    steps = path.split(".")
    matches, missing = [Match(row, ())], list[Missing]()
    for number, step in enumerate(steps):
        so_far = ".".join(steps[:number]) or "the record"
        matches = [
            after
            for match in matches
            for after in (
                _stars(match, so_far) if step == "*" else _key(match, step, so_far, missing)
            )
        ]
    items = [item for match in matches for item in _items(match, path, steps[-1] == "*")]
    return PathWalk(items, missing)


def _key(match: Match, step: str, so_far: str, missing: list[Missing]) -> list[Match]:
    item, keys = match
    if item is not None and not isinstance(item, dict | list):
        raise MisfitError(f"{so_far} is {kind(item)}, not an object")
    if isinstance(item, list) and not step.isdigit():
        raise MisfitError(f"{so_far} is a list, not an object; a * goes over its items")
    value = _get(item, step)
    if value is None or isinstance(value, Absent):
        missing.append(Missing(step, item))
        return []
    return [Match(value, keys)]


def _stars(match: Match, so_far: str) -> list[Match]:
    item, keys = match
    if isinstance(item, dict):
        return [Match(value, (*keys, key)) for key, value in item.items()]
    if not isinstance(item, list):
        raise MisfitError(f"{so_far} is {kind(item)}, not a list or an object")
    return [Match(value, keys) for value in item]


def _items(match: Match, path: str, star: bool) -> list[Match]:
    """Return the items of a list; what a star led to is one item."""
    item, keys = match
    if not star and not isinstance(item, dict | list):
        raise MisfitError(f"{path} is {kind(item)}, not a list")
    inside = not star and isinstance(item, list)
    items = [Match(inner, keys) for inner in item] if inside else [match]
    if any(match.item is None for match in items):
        raise MisfitError(f"an item of {path} is null")
    return items


def lookup(item: Any, path: str) -> Any:
    """Return the value a path leads to: None where it or a holder of it is null, else ABSENT."""
    for step in path.split("."):
        if item is None or isinstance(item, Absent):
            break
        item = _get(item, step)
    return item


def fetch(match: Match, path: str, inside: str = "") -> Any:
    """Return the value a path leads to; raise UnmappedError for none, MisfitError for null."""
    if path.startswith("$"):
        number = int(path[1:])
        if number > len(match.keys):
            raise MisfitError(f"{inside} has a list where the keys of an object are {path}")
        return match.keys[number - 1]
    value = lookup(match.item, path)
    if isinstance(value, Absent):
        raise UnmappedError(path, match.item, inside)
    if value is None:
        raise MisfitError(f"{path!r}{_of(inside)} is null")
    return value


def fetch_string(match: Match, path: str, inside: str = "") -> str:
    """Return the string a path leads to; raise MisfitError for what is none."""
    value = fetch(match, path, inside)
    if not isinstance(value, str):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a string")
    if not value:
        raise MisfitError(f"{path!r}{_of(inside)} is empty")
    return value


def fetch_offset(match: Match, path: str, inside: str = "") -> int:
    """Return the offset a path leads to; raise MisfitError for what is none."""
    value = fetch(match, path, inside)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a whole number")
    if value < 0:
        raise MisfitError(f"{path!r}{_of(inside)} is the offset {value}, before the text")
    return value


def fetch_labels(match: Match, path: str, inside: str = "") -> list[str]:
    """Return the labels a path leads to: one, or those of a list of them."""
    value = fetch(match, path, inside)
    if not isinstance(value, list):
        return [fetch_string(match, path, inside)]
    if not value or not all(isinstance(label, str) and label for label in value):
        what = "an empty list" if not value else "a list of other things than labels"
        raise MisfitError(f"{path!r}{_of(inside)} is {what}")
    return value


def _of(inside: str) -> str:
    return f" of an item of {inside!r}" if inside else ""


def _get(item: Any, step: str) -> Any:
    if isinstance(item, dict):
        return item.get(step, ABSENT)
    if isinstance(item, list) and step.isdigit() and int(step) < len(item):
        return item[int(step)]
    return ABSENT
