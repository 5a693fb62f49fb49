"""Read gold and predicted rows leniently: a prediction need not be a valid record.

Offsets may be null, keys may be absent and a string need not stand in the text. What is read
is of the right shape, though: a misshapen line is an error naming path:line.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from chinchilla.errors import InputError
from chinchilla.schema import Task


class Entity(NamedTuple):
    """A typed string, located where the offsets are not null."""

    type: str
    text: str
    start: int | None = None
    end: int | None = None


class Relation(NamedTuple):
    """A triple; `score` is the confidence of a pair classifier."""

    predicate: str
    head: str
    tail: str
    head_type: str | None = None
    tail_type: str | None = None
    slots: Mapping[str, str] | None = None
    score: float | None = None


class Argument(NamedTuple):
    """A string in a role; `aliases` are further right ways to write a gold one."""

    role: str
    text: str
    start: int | None = None
    aliases: tuple[str, ...] = ()
    where: str | None = None


class Event(NamedTuple):
    """An event; a trigger that is not given is the empty string."""

    event_type: str
    trigger: str
    trigger_start: int | None = None
    arguments: tuple[Argument, ...] = ()


class Row(NamedTuple):
    """A gold or predicted document; only the items of the task at hand are filled."""

    id: str
    text: str = ""
    title: str | None = None
    source: str | None = None
    template: str | None = None
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    na_pairs: tuple[Relation, ...] = ()


Rows = dict[str, Row]
"""Rows by id, in the order of their file."""

Fields = Mapping[str, Any]
_TODO = "write rows in the exchange format"


class _ShapeError(Exception):
    """Raised inside this module; the reader adds path and line."""


def read_rows(path: Path, task: Task) -> Rows:
    """Read a file of the exchange format; raise InputError naming path:line."""
    try:
        with path.open("rb") as file:
            return rows_of(file, str(path), task)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def rows_of(lines: BinaryIO, name: str, task: Task) -> Rows:
    """Read rows from a stream; an id that comes twice is an error."""
    rows: Rows = {}
    to_row = _READERS[task]
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            row = to_row(orjson.loads(line), task)
        except (_ShapeError, orjson.JSONDecodeError) as error:
            raise InputError(f"{name}:{number}", str(error), _TODO) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{name}:{number}", _words(error), _TODO) from error
        if row.id in rows:
            what = f"the id {row.id!r} comes twice"
            raise InputError(f"{name}:{number}", what, "give each document one row")
        rows[row.id] = row
    return rows


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no key {error}"
    return f"not of the shape of a row ({error})"


def _ner_row(fields: Fields, task: Task) -> Row:
    get = fields.get
    items = tuple([_entity(item) for item in get("entities") or ()])
    return Row(*_head(fields, task), items)


def _re_row(fields: Fields, task: Task) -> Row:
    get = fields.get
    items = tuple([_relation(item) for item in get("relations") or ()])
    pairs = get("na_pairs")
    negatives = tuple([_relation(item) for item in pairs]) if pairs else ()
    return Row(*_head(fields, task), (), items, (), negatives)


def _ee_row(fields: Fields, task: Task) -> Row:
    items = tuple([_event(item) for item in fields.get("events") or ()])
    return Row(*_head(fields, task), (), (), items)


_READERS: dict[Task, Callable[[Fields, Task], Row]] = {
    "ner": _ner_row,
    "re": _re_row,
    "ee": _ee_row,
}


def _head(fields: Fields, task: Task) -> tuple[str, str, str | None, str | None, str | None]:
    """Return id, text, title, source and template of a row."""
    get = fields.get
    name, text, kind = fields["id"], get("text") or "", get("task") or task
    if not (type(name) is type(text) is type(kind) is str):
        raise _ShapeError("id, text or task is not a string")
    if kind != task and kind.lower() != task:
        raise _ShapeError(f"a row of task {kind!r}, not {task!r}")
    return name, text, get("title"), get("source"), get("template")


def _entity(item: Fields) -> Entity:
    get = item.get
    label, text, start, end = item["type"], item["text"], get("start"), get("end")
    if not (type(label) is type(text) is str):
        raise _ShapeError("type or text of an entity is not a string")
    if (start is None) != (end is None) or not (start is None or type(start) is type(end) is int):
        raise _ShapeError("start and end of an entity are not two numbers or two nulls")
    return Entity(label, text, start, end)


def _relation(item: Fields) -> Relation:
    get = item.get
    predicate, head, tail = item["predicate"], item["head"], item["tail"]
    if not (type(predicate) is type(head) is type(tail) is str):
        raise _ShapeError("predicate, head or tail of a relation is not a string")
    slots, score = get("tail_slots") or None, get("score")
    if slots and not all(type(value) is str for value in slots.values()):
        raise _ShapeError("a tail slot of a relation is not a string")
    if score is not None and type(score) not in (int, float):
        raise _ShapeError("the score of a relation is not a number")
    return Relation(predicate, head, tail, get("head_type"), get("tail_type"), slots, score)


def _event(item: Fields) -> Event:
    get = item.get
    label, trigger = item["event_type"], get("trigger") or ""
    if not (type(label) is type(trigger) is str):
        raise _ShapeError("event_type or trigger of an event is not a string")
    arguments = tuple([_argument(one) for one in get("arguments") or ()])
    return Event(label, trigger, get("trigger_start"), arguments)


def _argument(item: Fields) -> Argument:
    get = item.get
    role, text, aliases = item["role"], item["text"], get("alias") or ()
    if not (type(role) is type(text) is str) or not all(type(one) is str for one in aliases):
        raise _ShapeError("role, text or alias of an argument is not a string")
    return Argument(role, text, get("start"), tuple(aliases), get("where"))
