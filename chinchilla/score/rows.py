"""Read gold and predicted rows leniently: a prediction need not be a valid record.

Offsets may be null, keys may be absent and a string need not stand in the text. What is read
is of the right shape, though: a misshapen line is an error naming path:line. Lines are decoded
straight into these types; they take no part in garbage collection, as they hold no cycles.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder
from orjson import JSONDecodeError

from chinchilla.errors import InputError, not_utf8
from chinchilla.schema import Task
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads


class ScoredEntity(Struct, frozen=True, gc=False):
    """A typed string, located where the offsets are not null."""

    type: str
    text: str
    start: int | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        """Refuse one offset without the other."""
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end are not two numbers or two nulls")


class Triple(Struct, frozen=True, gc=False):
    """What most metrics of relations look at."""

    predicate: str
    head: str
    tail: str


class ScoredRelation(Triple, frozen=True, gc=False):
    """A triple and what else is known of it; `score` is the confidence of a pair classifier."""

    head_type: str | None = None
    tail_type: str | None = None
    tail_slots: dict[str, str] | None = None
    score: float | None = None


class ScoredArgument(Struct, frozen=True, gc=False):
    """A string in a role; `alias` holds further right ways to write a gold one."""

    role: str
    text: str
    start: int | None = None
    alias: tuple[str, ...] = ()
    where: str | None = None


class ScoredEvent(Struct, frozen=True, gc=False):
    """An event; the trigger may be missing."""

    event_type: str
    trigger: str | None = None
    trigger_start: int | None = None
    arguments: tuple[ScoredArgument, ...] = ()


class Row(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What was predicted for a document; a key that no row has is refused, as it may be misspelt.

    Of what scores do not depend on, nothing is decoded: `answers` is what a model really said,
    as `chinchilla predict` writes it.
    """

    id: str
    task: str | None = None
    template: str | None = None
    entities: tuple[ScoredEntity, ...] = ()
    relations: tuple[ScoredRelation, ...] = ()
    events: tuple[ScoredEvent, ...] = ()
    na_pairs: tuple[ScoredRelation, ...] = ()
    text: str = ""
    source: str | None = None
    split: Raw = Raw()
    title: str | None = None
    labelled: bool = True
    answers: Raw = Raw()


class Gold(Row, frozen=True, gc=False):
    """A gold document; its text is what predicted strings are looked up in."""


class TripleRow(Row, frozen=True, gc=False):
    """A predicted row whose relations are read as far as a triple goes, which is faster."""

    relations: tuple[Triple, ...] = ()  # type: ignore[assignment]


class TripleGold(Gold, frozen=True, gc=False):
    """A gold row whose relations are read as far as a triple goes."""

    relations: tuple[Triple, ...] = ()  # type: ignore[assignment]


Kind = TypeVar("Kind", bound=Row)
_BATCH = 1 << 16
# a line of brackets alone is nested deeper than the decoder goes
_UNREADABLE = (DecodeError, ValueError, RecursionError)
_TODO = "write rows in the exchange format"


def iter_rows(path: Path, task: Task, kind: type[Kind]) -> Iterator[Kind]:
    """Yield the rows of a file of the exchange format; raise InputError naming path:line.

    An id that comes twice is an error.
    """
    try:
        with path.open("rb", 1 << 20) as file:
            yield from rows_of(file, str(path), task, kind)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def rows_of(lines: BinaryIO, name: str, task: Task, kind: type[Kind]) -> Iterator[Kind]:
    """Yield the rows of a stream; lines are decoded in batches, one by one where one is odd.

    A key that comes twice in an object is an error, as one of the two values would be lost.
    """
    decoder, usual = Decoder(kind), _Usual(task)
    seen: set[str] = set()
    first = 1
    while batch := lines.readlines(_BATCH):
        place, data = _Place(name, first, task, seen), b"".join(batch)
        rows = _decode(data, len(batch), decoder, task)
        ids = [row.id for row in rows]
        if not rows or len(set(ids)) < len(ids) or not seen.isdisjoint(ids):
            rows = _decode_slowly(batch, decoder, place)
        if not usual.fits(data, rows):
            usual.learn(_check_keys(batch, place))
        seen.update(ids)
        yield from rows
        first += len(batch)


class _Usual:
    """The number of keys that rows have, and their items: those of the last line looked at.

    Colons tell, as those of texts are known: a key that comes twice is one too many.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._row, self._item = task, 0, 0

    def fits(self, data: bytes, rows: Sequence[Row]) -> bool:
        """Tell whether lines have as many keys as their rows and items usually have."""
        if not self._row or self._task == "ee":
            return False
        ner = self._task == "ner"
        items = [len(row.entities) if ner else len(row.relations) for row in rows]
        colons = self._row * len(rows) + self._item * sum(items)
        written = data.count(b":")
        return written == colons or written == colons + sum(row.text.count(":") for row in rows)

    def learn(self, row: dict[str, Any]) -> None:
        """Count the keys of a row that is sound, and of its first item."""
        items = row.get("entities" if self._task == "ner" else "relations")
        self._row, self._item = len(row), len(items[0]) if items else self._item


class _Place(NamedTuple):
    """Where a batch stands: its file, its first line, the task, the ids before it."""

    name: str
    first: int
    task: Task
    seen: set[str]


def _decode(data: bytes, number: int, decoder: Decoder[Kind], task: Task) -> list[Kind]:
    """Return the rows of so many lines, none where one is blank or in any way odd."""
    try:
        rows = decoder.decode_lines(data)
    except _UNREADABLE:
        return []
    tasks = {row.task for row in rows} - {None, task, task.upper()}
    return [] if tasks or len(rows) != number else rows


def _check_keys(batch: list[bytes], place: _Place) -> dict[str, Any]:
    """Return the last row; raise InputError naming the line in which an object has a key twice."""
    row: dict[str, Any] = {}
    for number, line in enumerate(batch, start=place.first):
        try:
            row = row if line.isspace() else loads(line)
        except DuplicateKeyError as error:
            raise InputError(f"{place.name}:{number}", str(error), ONE_VALUE) from error
        except JSONDecodeError:
            continue  # of a kind that was read all the same: nested very deep
    return row


def _decode_slowly(batch: list[bytes], decoder: Decoder[Kind], place: _Place) -> list[Kind]:
    """Return the rows of a batch; raise InputError naming the line that is wrong."""
    rows = []
    ids = set(place.seen)
    for number, line in enumerate(batch, start=place.first):
        if line.isspace():
            continue
        try:
            row = decoder.decode(line)
            if row.task is not None and row.task.lower() != place.task:
                raise ValueError(f"a row of task {row.task!r}, not {place.task!r}")
            if row.id in ids:
                raise ValueError(f"the id {row.id!r} comes twice")
        except _UNREADABLE as error:
            where = f"{place.name}:{number}"
            raise not_utf8(where, line) or InputError(where, str(error), _TODO) from error
        ids.add(row.id)
        rows.append(row)
    return rows
