"""Files of raw answers, and of the instruction rows that were answered: JSON Lines."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import ValidationError

from chinchilla.errors import ConfigError, InputError, not_utf8
from chinchilla.predict.engine import Answer
from chinchilla.schema import InstructionRow, explain
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads

if TYPE_CHECKING:
    from hashlib import _Hash


class AnswerFile(NamedTuple):
    """The answers of a file in its order, and its sha256."""

    answers: list[Answer]
    sha256: str


class AnsweredRows(NamedTuple):
    """The rows of one sub-task by id, the ids of the rows of others, the sha256 of their file."""

    rows: dict[str, InstructionRow]
    others: frozenset[str]
    sha256: str


def read_answered_rows(path: Path, subtask: str | None) -> AnsweredRows:
    """Return the rows of a sub-task of a file; of none named, all are of one.

    Raises InputError naming path:line, ConfigError where rows are of several sub-tasks and
    none is named, or none of them is of the one named.
    """
    rows: dict[str, InstructionRow] = {}
    others: set[str] = set()
    subtasks: dict[str, None] = {}
    digest = sha256()
    for where, fields in _objects(path, digest):
        try:
            row = InstructionRow.model_validate(fields)
        except ValidationError as error:
            todo = "pass the instruction rows that were answered"
            raise InputError(where, explain(error), todo) from error
        subtasks[row.subtask] = None
        if subtask in (None, row.subtask):
            rows[row.id] = row
        else:
            others.add(row.id)
    if not rows or (subtask is None and len(subtasks) > 1):
        what = f"the rows are of {', '.join(subtasks) or 'no sub-task'}"
        raise ConfigError(str(path), what, "pass rows of one of them, or name it with --subtask")
    return AnsweredRows(rows, frozenset(others), digest.hexdigest())


def read_answers(path: Path, asked: AnsweredRows | None = None) -> AnswerFile:
    """Return the answers of `{"id", "raw"}` lines, to `asked` rows or else to whole records.

    Raises InputError naming path:line for a line that is no answer and for an id that comes
    twice, ConfigError for an id that no row has; answers to rows of other sub-tasks are left out.
    """
    answers: dict[str, Answer] = {}
    digest = sha256()
    for where, fields in _objects(path, digest):
        name, raw = fields.get("id"), fields.get("raw")
        if not isinstance(name, str) or not isinstance(raw, str):
            todo = 'write lines of {"id": ..., "raw": ...}'
            raise InputError(where, "id or raw is not a string", todo)
        if name in answers:
            raise InputError(where, f"the id {name!r} comes twice", "give each prompt one answer")
        if asked and name not in asked.rows and name not in asked.others:
            what = f"no row has the id {name!r}"
            raise ConfigError(where, what, "pass the --rows that were answered")
        answers[name] = Answer(name, raw)
    wanted = [one for one in answers.values() if not (asked and one.id in asked.others)]
    return AnswerFile(wanted, digest.hexdigest())


def _objects(path: Path, digest: "_Hash") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path:line and the object of each line that is not blank; hash all of the file."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                if not line.isspace():
                    yield f"{path}:{number}", _object(f"{path}:{number}", line)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def _object(where: str, line: bytes) -> dict[str, Any]:
    try:
        fields = loads(line)
    except orjson.JSONDecodeError as error:
        other = InputError(where, str(error), "write one JSON object a line")
        raise not_utf8(where, line) or other from error
    except DuplicateKeyError as error:
        raise InputError(where, str(error), ONE_VALUE) from error
    if not isinstance(fields, dict):
        raise InputError(where, "not an object", "write one a line")
    return fields
