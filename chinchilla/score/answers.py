"""Raw model answers to predicted rows: repaired, strict, and which could not be read."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from msgspec.structs import replace

from chinchilla.answers import Content, Question
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import Event as SchemaEvent
from chinchilla.schema import Label, LabelSet, Task
from chinchilla.score.rows import Argument, Entity, Event, Relation, Row

UNREAD = ("failed", "refusal")
_SUBTASK: dict[Task, str] = {"ner": "ner", "re": "re", "ee": "ee"}

LabelsOf = Callable[[str], LabelSet | None]
"""From the name of a source to its labels, null where it has no card."""


class Asked(NamedTuple):
    """What one prompt asked: its record, its template, the question, the labels."""

    record: str
    template: str | None
    question: Question


class Answers(NamedTuple):
    """The answers to a file of prompts, joined by record.

    `statuses` counts answers; `status` is that of each answer by its id; `unread` holds the
    records of which an answer could not be read; `labels` what was asked of each record.
    """

    repaired: dict[str, Row]
    strict: dict[str, Row]
    statuses: Counter[str]
    status: dict[str, str]
    notes: Counter[str]
    unread: frozenset[str]
    labels: dict[str, frozenset[str]] | None


class _Answer(NamedTuple):
    id: str
    raw: str
    where: str


def read_answers(path: Path, form: str, task: Task, rows: Mapping[str, Asked] | None) -> Answers:
    """Parse and repair every `{"id", "raw"}` line; answers to one record are joined.

    Without `rows` an answer's id is that of its record, and names in it are raw labels. With
    them, a prompt without an answer has the status `missing`. Raises InputError naming
    path:line for a line that is no answer, ConfigError for an id that no row has.
    """
    read = _reader()
    plain = Question(subtask=_SUBTASK[task], labels=())  # type: ignore[arg-type]
    repaired, strict = _Joined(), _Joined()
    status: dict[str, str] = {}
    notes: Counter[str] = Counter()
    unread = set()
    for answer in _lines(path):
        asked = Asked(answer.id, None, plain) if rows is None else _asked(rows, answer)
        reading = read(answer.raw, asked.question, form)
        status[answer.id] = reading.status
        notes.update(reading.notes)
        repaired.add(asked, reading.content)
        strict.add(asked, reading.content if reading.strict else Content())
        if reading.status in UNREAD:
            unread.add(asked.record)
    for name, asked in (rows or {}).items():
        if name not in status:
            status[name] = "missing"
            unread.add(asked.record)
    if rows is None:
        # no label was asked by name, so that none of those found is one too many
        del notes["label_not_asked"]
    labels = None if rows is None else _labels(rows)
    counts = Counter(status.values())
    return Answers(repaired.rows(), strict.rows(), counts, status, notes, frozenset(unread), labels)


def _reader() -> Callable[[str, Question, str], Any]:
    try:
        repair = import_module("chinchilla.answers.repair")
    except ModuleNotFoundError as error:
        todo = "score predictions in the exchange format with --pred"
        raise ConfigError("--answers", "raw answers cannot be read here", todo) from error
    read: Callable[[str, Question, str], Any] = repair.read_answer
    return read


def _lines(path: Path) -> Iterator[_Answer]:
    seen = set()
    for where, found in _objects(path):
        name, raw = found.get("id"), found.get("raw")
        if not isinstance(name, str) or not isinstance(raw, str):
            todo = 'write lines of {"id": ..., "raw": ...}'
            raise InputError(where, "id or raw is not a string", todo)
        if name in seen:
            raise InputError(where, f"the id {name!r} comes twice", "give each prompt one answer")
        seen.add(name)
        yield _Answer(name, raw, where)


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path:line and the object of each line that is not blank."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.isspace():
                    continue
                found = orjson.loads(line)
                if not isinstance(found, dict):
                    raise InputError(f"{path}:{number}", "not an object", "write one a line")
                yield f"{path}:{number}", found
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}:{number}", str(error), "write one JSON object a line") from error
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def _asked(rows: Mapping[str, Asked], answer: _Answer) -> Asked:
    if answer.id not in rows:
        what = f"no row has the id {answer.id!r}"
        raise ConfigError(answer.where, what, "pass the --rows that were answered")
    return rows[answer.id]


def read_questions(path: Path, labels_of: LabelsOf) -> dict[str, Asked]:
    """Read what each instruction row asked; raise InputError naming path:line."""
    asked: dict[str, Asked] = {}
    for where, row in _objects(path):
        try:
            asked[row["id"]] = _question(row, labels_of)
        except KeyError as error:
            todo = "pass the instruction rows that were answered"
            raise InputError(where, f"no key {error}", todo) from error
    return asked


def _question(row: Mapping[str, Any], labels_of: LabelsOf) -> Asked:
    known = labels_of(row["source"])
    by_key = known.by_key if known else {}
    na = known.na if known else None
    keys = [key for key in row["labels"] if na is None or key != na.key]
    labels = tuple(by_key.get(key) or Label(key=key, name=key) for key in keys)
    kind = row.get("event_type")
    event = (by_key.get(kind) or Label(key=kind, name=kind)) if kind else None
    question = Question(
        subtask=row["subtask"],
        labels=labels,
        na=na if na is not None and na.key in row["labels"] else None,
        head=row.get("head"),
        tail=row.get("tail"),
        event=event,
        trigger=row.get("trigger"),
    )
    return Asked(row["record_id"], row.get("template"), question)


def _labels(rows: Mapping[str, Asked]) -> dict[str, frozenset[str]]:
    labels: dict[str, set[str]] = {}
    for asked in rows.values():
        question = asked.question
        names = {label.key for label in question.known}
        if question.event is not None:
            names.add(question.event.key)
        labels.setdefault(asked.record, set()).update(names)
    return {name: frozenset(found) for name, found in labels.items()}


class _Joined:
    """Gather the contents of the answers to each record."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def add(self, asked: Asked, content: Content) -> None:
        """Add what one answer says to its record."""
        known = self._rows.get(asked.record) or Row(asked.record, template=asked.template)
        self._rows[asked.record] = replace(
            known,
            template=known.template if known.template == asked.template else "(several)",
            entities=(*known.entities, *(Entity(one.type, one.text) for one in content.entities)),
            relations=(*known.relations, *map(_relation, content.relations)),
            events=(*known.events, *map(_event, content.events)),
        )

    def rows(self) -> dict[str, Row]:
        """Return the gathered rows."""
        return self._rows


def _relation(item: Any) -> Relation:
    types = item.head_type, item.tail_type
    return Relation(item.predicate, item.head, item.tail, *types, item.tail_slots or None)


def _event(item: SchemaEvent) -> Event:
    arguments = tuple(Argument(one.role, one.text) for one in item.arguments)
    return Event(item.event_type, item.trigger, None, arguments)
