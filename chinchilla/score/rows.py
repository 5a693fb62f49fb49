"""Gold and predicted rows: a record of which nothing but its shape is asked.

A prediction need not be a valid record: offsets may be null, keys may be absent and a string need
not be in the text. So scores have this lenient form of `chinchilla.schema.Record` for both sides,
whether rows come from a file, as dicts or as records. Lines of files are decoded straight into it,
in a third of the time of the strict model; rows take no part in garbage collection, as they hold
no cycles.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import DecodeError, Raw, Struct, ValidationError, convert
from msgspec.json import Decoder, Encoder
from orjson import JSONDecodeError

from chinchilla.errors import ConfigError, InputError, not_utf8
from chinchilla.schema import TASKS, Record, Task
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads

if TYPE_CHECKING:
    from hashlib import _Hash


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


class ScoredRelation(Struct, frozen=True, gc=False):
    """A triple and what else is known of it; `score` is the confidence of a pair classifier."""

    predicate: str
    head: str
    tail: str
    head_type: str | None = None
    tail_type: str | None = None
    tail_slots: dict[str, str] | None = None
    score: float | None = None


class ScoredArgument(Struct, frozen=True, gc=False):
    """A string in a role; `alias` has further right ways to write a gold one."""

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
    """The gold or the predicted items of a document; a key that no row has is refused.

    Of what scores do not depend on, nothing is decoded: `answers` has the raw answers of a model,
    as `chinchilla predict` writes them.
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


class RowSet(NamedTuple):
    """Rows of one task, each id once, and what errors and reports call them.

    The rows of a file are read while they are iterated over, once; `sha256` is then known.
    """

    rows: Iterable[Row]
    task: Task
    name: str
    digest: "_Hash"
    path: Path | None = None

    @property
    def sha256(self) -> str:
        """Return the sha256 of the file, or of the rows in memory."""
        return self.digest.hexdigest()


Rows = RowSet | Iterable[Record | Mapping[str, Any] | Row]
"""Records as they are, as objects of the exchange format, or read from a file."""

_BLOCK = 1 << 16
# a line of brackets alone is nested deeper than the decoder goes
_UNREADABLE = (DecodeError, ValueError, RecursionError)
_TODO = "write rows in the exchange format"
_UNDECODED = ("split", "answers")
_ID, _TASK = attrgetter("id"), attrgetter("task")


def read_rows(path: Path, task: Task) -> RowSet:
    """Return the rows of a file of the exchange format, read while they are iterated over.

    Raises InputError naming path:line for a line that is no row of the task, for a key that comes
    twice in an object, and for an id that comes twice.
    """
    digest = sha256()
    return RowSet(rows_in(path, task, digest), task, str(path), digest, path)


def rows_in(path: Path, task: Task, digest: "_Hash", kind: type[Row] = Row) -> Iterator[Row]:
    """Yield the rows of a file and hash its bytes; errors are those of `read_rows`."""
    try:
        with path.open("rb", 1 << 20) as file:
            reader = _RowReader(str(path), task, kind)
            while data := file.read(_BLOCK) + file.readline():
                digest.update(data)
                yield from reader.rows(data)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def row_set(rows: Rows, name: str, task: Task | None = None) -> RowSet:
    """Return rows in memory under a name; the task is that of the first row where none is given.

    Raises InputError naming the row for one that does not have the shape of a record or is of
    another task, and for an id that comes twice, ConfigError where no task is known.
    """
    if isinstance(rows, RowSet):
        return rows
    made: dict[str, Row] = {}
    for number, item in enumerate(rows, start=1):
        where = f"{name}, row {number}"
        row = item if isinstance(item, Row) else make_row(where, item)
        try:
            if task is None:
                task = next((name for name in TASKS if (row.task or "").lower() == name), None)
            if task is None:
                what = "no task that is known"
                raise ConfigError(where, what, "pass options with the task")
            _check(row, task, made)
        except ValueError as error:
            raise InputError(where, str(error), _TODO) from error
        made[row.id] = row
    if task is None:
        raise ConfigError(name, "no rows and no task", "pass records, or options with their task")
    return RowSet(made.values(), task, name, _digest(made.values()))


def make_row(where: str, fields: Record | Mapping[str, Any]) -> Row:
    """Return a record, or an object of the exchange format, as a row.

    Values of the object may be models of `chinchilla.schema`. Raises InputError naming `where`.
    """
    items = {key: value for key, value in dict(fields).items() if key not in _UNDECODED}
    try:
        return convert(items, Row, from_attributes=True)
    except ValidationError as error:
        raise InputError(where, str(error), _TODO) from error


def _check(row: Row, task: Task, before: Iterable[str]) -> None:
    if row.task is not None and row.task.lower() != task:
        raise ValueError(f"a row of task {row.task!r}, not {task!r}")
    if row.id in before:
        raise ValueError(f"the id {row.id!r} comes twice")


def _digest(rows: Iterable[Row]) -> "_Hash":
    """Return the hash of what scores depend on."""
    digest, encode = sha256(), Encoder().encode
    for row in rows:
        items = (row.entities, row.relations, row.events, row.na_pairs)
        digest.update(encode((row.id, row.text, row.title, *items)) + b"\n")
    return digest


class _RowReader:
    """Blocks of whole lines to rows; a block that is in any way odd is read line by line.

    Duplicate keys are found by counting colons. A row has as many keys as the row before it, an
    item as many as the item before it, and the colons of texts are known: of rows

        {"id": "1", "relations": [{"predicate": "p", "head": "h", "tail": "t"}]}

    each has 2 colons and 3 more an item. Where the count differs, a slower reader looks.
    """

    def __init__(self, name: str, task: Task, kind: type[Row]) -> None:
        self._name, self._task = name, task
        self._decoder = Decoder(kind)
        self._line = 1
        self._seen: set[str] = set()
        self._row_keys = self._item_keys = 0

    def rows(self, data: bytes) -> Sequence[Row]:
        count = data.count(b"\n") + (not data.endswith(b"\n"))
        rows = self._decode(data, count) or self._decode_lines(data)
        if not self._has_usual_keys(data, rows):
            self._check_keys(data)
        self._seen.update(map(_ID, rows))
        self._line += count
        return rows

    def _decode(self, data: bytes, count: int) -> list[Row]:
        """Return the rows of so many lines, none where one is blank or in any way odd."""
        try:
            rows = self._decoder.decode_lines(data)
        except _UNREADABLE:
            return []
        ids, tasks = set(map(_ID, rows)), set(map(_TASK, rows))
        tasks -= {None, self._task, self._task.upper()}
        usual = not tasks and len(ids) == len(rows) == count and self._seen.isdisjoint(ids)
        return rows if usual else []

    def _lines(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield path:line and the bytes of each line that is not blank."""
        for number, line in enumerate(data.split(b"\n"), start=self._line):
            if line and not line.isspace():
                yield f"{self._name}:{number}", line

    def _decode_lines(self, data: bytes) -> list[Row]:
        """Return the rows of a block; raise InputError naming the line that is wrong."""
        rows: dict[str, Row] = {}
        for where, line in self._lines(data):
            try:
                row = self._decoder.decode(line)
                _check(row, self._task, self._seen)
                _check(row, self._task, rows)
            except _UNREADABLE as error:
                raise not_utf8(where, line) or InputError(where, str(error), _TODO) from error
            rows[row.id] = row
        return list(rows.values())

    def _has_usual_keys(self, data: bytes, rows: Sequence[Row]) -> bool:
        if not self._row_keys or self._task == "ee":
            return False
        ner = self._task == "ner"
        items = [len(row.entities) if ner else len(row.relations) for row in rows]
        expected = self._row_keys * len(rows) + self._item_keys * sum(items)
        written = data.count(b":")
        return written == expected or written == expected + sum(r.text.count(":") for r in rows)

    def _check_keys(self, data: bytes) -> None:
        """Count the keys of the last row; raise InputError where an object has a key twice."""
        row: dict[str, Any] = {}
        for where, line in self._lines(data):
            try:
                row = loads(line)
            except DuplicateKeyError as error:
                raise InputError(where, str(error), ONE_VALUE) from error
            except JSONDecodeError:
                continue  # of a kind that was read all the same: nested very deep
        items = row.get("entities" if self._task == "ner" else "relations")
        self._row_keys = len(row)
        self._item_keys = len(items[0]) if items else self._item_keys
