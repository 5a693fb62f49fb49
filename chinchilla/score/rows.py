"""Read gold and predicted rows leniently: a prediction need not be a valid record.

Offsets may be null, keys may be absent and a string need not stand in the text. What is read
is of the right shape, though: a misshapen line is an error naming path:line. Lines are decoded
straight into these types; they take no part in garbage collection, as they hold no cycles.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from chinchilla.errors import InputError
from chinchilla.schema import Task


class Entity(Struct, frozen=True, gc=False):
    """A typed string, located where the offsets are not null."""

    type: str
    text: str
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        """Refuse one offset without the other."""
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end are not two numbers or two nulls")


class Relation(Struct, frozen=True, gc=False):
    """A triple; `score` is the confidence of a pair classifier."""

    predicate: str
    head: str
    tail: str
    head_type: str | None = None
    tail_type: str | None = None
    tail_slots: dict[str, str] | None = None
    score: float | None = None


class Argument(Struct, frozen=True, gc=False):
    """A string in a role; `alias` holds further right ways to write a gold one."""

    role: str
    text: str
    start: int | None = None
    alias: tuple[str, ...] = ()
    where: str | None = None


class Event(Struct, frozen=True, gc=False):
    """An event; the trigger may be missing."""

    event_type: str
    trigger: str | None = None
    trigger_start: int | None = None
    arguments: tuple[Argument, ...] = ()


class Row(Struct, frozen=True, gc=False):
    """What was predicted for a document."""

    id: str
    task: str | None = None
    template: str | None = None
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    na_pairs: tuple[Relation, ...] = ()


class Gold(Row, frozen=True, gc=False):
    """A gold document; its text is what predicted strings are looked up in."""

    text: str = ""
    title: str | None = None
    source: str | None = None
    labelled: bool = True


Kind = TypeVar("Kind", bound=Row)
_TODO = "write rows in the exchange format"


def iter_rows(path: Path, task: Task, kind: type[Kind]) -> Iterator[Kind]:
    """Yield the rows of a file of the exchange format; raise InputError naming path:line.

    An id that comes twice is an error.
    """
    try:
        with path.open("rb") as file:
            yield from rows_of(file, str(path), task, kind)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def rows_of(lines: BinaryIO, name: str, task: Task, kind: type[Kind]) -> Iterator[Kind]:
    """Yield the rows of a stream."""
    decode = Decoder(kind).decode
    seen: set[str] = set()
    spellings: set[str | None] = {None, task}
    for number, line in enumerate(lines, start=1):
        try:
            row = decode(line)
            if row.task not in spellings:
                spellings.add(_spelling(row.task, task))
            if row.id in seen:
                raise ValueError(f"the id {row.id!r} comes twice")
        except (DecodeError, ValueError) as error:
            if line.isspace():
                continue
            raise InputError(f"{name}:{number}", str(error), _TODO) from error
        seen.add(row.id)
        yield row


def _spelling(found: str | None, task: Task) -> str | None:
    """Return a way to write the task; raise ValueError where it is another task."""
    if found is None or found.lower() != task:
        raise ValueError(f"a row of task {found!r}, not {task!r}")
    return found
