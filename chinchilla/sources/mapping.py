"""Any JSON data set by a field mapping alone: where the text is, where the annotations are.

A path is keys with dots between them: `text`, `span.begin`, `0` for an item of a list. In the
path of a list a `*` goes over every item of a list or entry of an object; `$1`, `$2` name the
keys the stars met. CLUENER's {"label": {"address": {"台湾": [[15, 16]]}}} is

    list = "label.*.*.*"   type = "$1"   text = "$2"   start = "0"   end = "1"
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Self

from pydantic import field_validator, model_validator

from chinchilla.schema import Frozen

Offsets = Literal["none", "start", "end-inclusive", "end-exclusive"]


def _check_star(path: str, stars: int) -> None:
    """Raise ValueError for a `$n` that names none of so many stars."""
    number = path.removeprefix("$")
    if path.startswith("$") and number not in map(str, range(1, stars + 1)):
        raise ValueError(f"the path {path!r} names no star; its list has {stars} of them")


class Fields(Frozen):
    """Name the fields of the items of a list."""

    list: str

    @model_validator(mode="after")
    def _name_stars_that_are_there(self) -> Self:
        for _, path in self:
            if isinstance(path, str):
                _check_star(path, self.list.split(".").count("*"))
        return self


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
    """Say where a JSON record holds what; see the module's docstring for paths."""

    text: str
    title: str | None = None
    offsets: Offsets = "none"
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


class Found(NamedTuple):
    """An item met by a path, and the keys its stars went through."""

    item: Any
    keys: tuple[str, ...]


class UnmappedError(KeyError):
    """Raised when a path of the mapping leads nowhere in a record."""


def text_of(row: dict[str, Any], mapping: Mapping) -> str:
    """Return the text of a record; raise UnmappedError where there is none."""
    text = fetch(Found(row, ()), mapping.text)
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}, not a string")
    return text


def to_fields(row: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    """Read a record's fields from a JSON object; raise UnmappedError where a path leads nowhere."""
    text = text_of(row, mapping)
    fields: dict[str, Any] = {"text": text}
    if mapping.title is not None:
        fields["title"] = _find(row, mapping.title)
    spans = _entities(row, mapping, text)
    fields["entities"] = [span for _, span in spans]
    fields["relations"] = _relations(row, mapping, dict(spans))
    fields["events"] = _events(row, mapping, text)
    return fields


def _entities(row: Any, mapping: Mapping, text: str) -> list[tuple[Any, dict[str, Any]]]:
    names = mapping.entities
    if names is None:
        return []
    spans = []
    for number, found in enumerate(walk(row, names.list)):
        span = {"type": fetch(found, names.type), **_span(found, names, mapping.offsets, text)}
        spans.append((number if names.id is None else fetch(found, names.id), span))
    return spans


def _relations(row: Any, mapping: Mapping, by_id: dict[Any, Any]) -> list[dict[str, Any]]:
    names = mapping.relations
    if names is None:
        return []
    return [
        _ends_by_id(found, names, by_id) if names.by_id else _ends(found, names)
        for found in walk(row, names.list)
    ]


def _ends(found: Found, names: RelationFields) -> dict[str, Any]:
    wanted = names.model_dump(exclude={"list", "by_id"}, exclude_none=True)
    return {field: fetch(found, path) for field, path in wanted.items()}


def _ends_by_id(found: Found, names: RelationFields, by_id: dict[Any, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"predicate": fetch(found, names.predicate)}
    for end, path in (("head", names.head), ("tail", names.tail)):
        entity = by_id.get(fetch(found, path))
        if entity is None:
            raise UnmappedError(f"{path}: no entity has the id {fetch(found, path)!r}")
        fields[end], fields[f"{end}_type"] = entity["text"], entity["type"]
        fields[f"{end}_start"] = entity["start"]
    return fields


def _events(row: Any, mapping: Mapping, text: str) -> list[dict[str, Any]]:
    names = mapping.events
    if names is None:
        return []
    events = []
    for found in walk(row, names.list):
        event: dict[str, Any] = {"event_type": fetch(found, names.type), "trigger": None}
        if names.trigger is not None:
            event["trigger"] = fetch(found, names.trigger) or None
        if names.trigger_start is not None and event["trigger"] is not None:
            event["trigger_start"] = fetch(found, names.trigger_start)
        event["arguments"] = _arguments(found.item, mapping, text)
        events.append(event)
    return events


def _arguments(event: Any, mapping: Mapping, text: str) -> list[dict[str, Any]]:
    names = mapping.arguments
    if names is None:
        return []
    return [
        {"role": fetch(found, names.role), **_span(found, names, mapping.offsets, text)}
        for found in walk(event, names.list)
    ]


def _span(
    found: Found, names: EntityFields | ArgumentFields, offsets: Offsets, text: str
) -> dict[str, Any]:
    """Read text, start and end of a span, whichever of them the data gives."""
    words = None if names.text is None else fetch(found, names.text)
    if offsets == "none" or names.start is None:
        return {"text": words, "start": None, "end": None}
    start = fetch(found, names.start)
    if offsets == "start" or names.end is None:
        end = None if words is None else start + len(words)
    else:
        end = fetch(found, names.end) + (offsets == "end-inclusive")
    return {"text": text[start:end] if words is None else words, "start": start, "end": end}


def walk(row: Any, path: str) -> Iterator[Found]:
    """Yield every item a list path leads to; one that is absent or null has no items."""
    steps = path.split(".")
    found = [Found(row, ())]
    for step in steps:
        found = [after for before in found for after in _steps(before, step)]
    for item, keys in found:
        if steps[-1] != "*" and isinstance(item, list):
            yield from (Found(inner, keys) for inner in item)
        elif item is not None:
            yield Found(item, keys)


def _steps(found: Found, step: str) -> Iterator[Found]:
    item, keys = found
    if step != "*":
        value = _get(item, step)
        if value is not None:
            yield Found(value, keys)
    elif isinstance(item, dict):
        yield from (Found(value, (*keys, key)) for key, value in item.items())
    elif isinstance(item, list):
        yield from (Found(value, keys) for value in item)


def fetch(found: Found, path: str) -> Any:
    """Return the value a path leads to; raise UnmappedError where there is none."""
    if path.startswith("$"):
        return found.keys[int(path[1:]) - 1]
    value = _find(found.item, path)
    if value is None:
        raise UnmappedError(path)
    return value


def _find(item: Any, path: str) -> Any:
    """Return the value a path leads to, None where there is none."""
    for step in path.split("."):
        item = _get(item, step)
    return item


def _get(item: Any, step: str) -> Any:
    if isinstance(item, dict):
        return item.get(step)
    if isinstance(item, list) and step.isdigit() and int(step) < len(item):
        return item[int(step)]
    return None
