"""Raw model answers to predicted rows: repaired, strict, and which could not be read."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from chinchilla.answers import Content, Query
from chinchilla.errors import ConfigError, InputError, not_utf8
from chinchilla.schema import Event as SchemaEvent
from chinchilla.schema import InstructionRow, Task, explain
from chinchilla.score.rows import Row, ScoredArgument, ScoredEntity, ScoredEvent, ScoredRelation
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads

UNREAD = ("failed", "refusal")
_SUBTASK: dict[Task, str] = {"ner": "ner", "re": "re", "ee": "ee"}


class RowReading(NamedTuple):
    """How rows are read: what a row asked, and what the answers to those of a record say.

    `merge` is given the text of the record, its rows with the content of each answer, and
    whether gold marks each mention of an entity. `name` says how it merges.
    """

    query: Callable[[InstructionRow], Query]
    merge: Callable[[str, Sequence[tuple[InstructionRow, Content]], bool], Content]
    name: str = ""


class AnsweredQuery(NamedTuple):
    """A row that was answered, and what it asked."""

    row: InstructionRow
    query: Query


class AnswerSheet(NamedTuple):
    """The rows that are scored, by id, and the way from a record's answers to one.

    `others` has the ids of rows of other sub-tasks, whose answers are not scored; `texts` what
    records say, with their titles.
    """

    asked: Mapping[str, AnsweredQuery]
    others: frozenset[str]
    merge: Callable[[str, Sequence[tuple[InstructionRow, Content]]], Content]
    texts: Mapping[str, str]


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


def read_answers(path: Path, form: str, task: Task, texts: Mapping[str, str]) -> Answers:
    """Parse and repair every `{"id", "raw"}` line; the id is that of a record.

    `texts` is what records say, with their titles: repair looks strings up there. Names in the
    answers are raw labels. Raises InputError naming path:line for a line that is no answer.
    """
    read = _reader()
    plain = Query(subtask=_SUBTASK[task], labels=())  # type: ignore[arg-type]
    readings = {one.id: read(one.raw, plain, form, texts.get(one.id)) for one in _lines(path)}
    found = {
        kind: {name: _row(name, None, content) for name, content in contents.items()}
        for kind, contents in _contents(readings).items()
    }
    unread = frozenset(name for name, one in readings.items() if one.status in UNREAD)
    notes = _notes(readings)
    # no label was asked by name, so that none of those found is one too many
    del notes["label_not_asked"]
    status = {name: one.status for name, one in readings.items()}
    counts = Counter(status.values())
    return Answers(found["repaired"], found["strict"], counts, status, notes, unread, None)


def read_row_answers(path: Path, sheet: AnswerSheet) -> Answers:
    """Parse and repair every `{"id", "raw"}` line; the id is that of a row.

    The answers to the rows of a record are merged. A row without an answer has the status
    `missing`. Raises InputError naming path:line for a line that is no answer, ConfigError for
    an id that no row has.
    """
    read = _reader()
    readings = {}
    for answer in _lines(path):
        if answer.id in sheet.others:
            continue
        row, query = _asked(sheet.asked, answer)
        text = sheet.texts.get(row.record_id)
        readings[answer.id] = read(answer.raw, query, row.form, text, row.prompt)
    status = {name: one.status for name, one in readings.items()}
    status |= {name: "missing" for name in sheet.asked if name not in status}
    found = {kind: _merged(contents, sheet) for kind, contents in _contents(readings).items()}
    unread = frozenset(
        sheet.asked[name].row.record_id
        for name, said in status.items()
        if said in (*UNREAD, "missing")
    )
    counts, labels = Counter(status.values()), _labels(sheet.asked)
    return Answers(
        found["repaired"], found["strict"], counts, status, _notes(readings), unread, labels
    )


def _contents(readings: Mapping[str, Any]) -> dict[str, dict[str, Content]]:
    """Return what answers say after repair, and what a reader without repair takes of them."""
    repaired = {name: one.content for name, one in readings.items()}
    strict = {name: one.strict_content for name, one in readings.items()}
    return {"repaired": repaired, "strict": strict}


def _notes(readings: Mapping[str, Any]) -> Counter[str]:
    notes: Counter[str] = Counter()
    for one in readings.values():
        notes.update(one.notes)
    return notes


def _merged(contents: Mapping[str, Content], sheet: AnswerSheet) -> dict[str, Row]:
    """Join the answers to the rows of each record, in the order of the rows."""
    told: dict[str, list[tuple[InstructionRow, Content]]] = {}
    for name, (row, _) in sheet.asked.items():
        if name in contents:
            told.setdefault(row.record_id, []).append((row, contents[name]))
    found = {}
    for record, answers in told.items():
        templates = list(dict.fromkeys(row.template for row, _ in answers))
        template = templates[0] if len(templates) == 1 else "(several)"
        found[record] = _row(record, template, sheet.merge(record, answers))
    return found


def _reader() -> Callable[..., Any]:
    try:
        repair = import_module("chinchilla.answers.repair")
    except ModuleNotFoundError as error:
        todo = "score predictions in the exchange format with --pred"
        raise ConfigError("--answers", "raw answers cannot be read here", todo) from error
    read: Callable[..., Any] = repair.read_answer
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
                found = loads(line)
                if not isinstance(found, dict):
                    raise InputError(f"{path}:{number}", "not an object", "write one a line")
                yield f"{path}:{number}", found
    except orjson.JSONDecodeError as error:
        where = f"{path}:{number}"
        other = InputError(where, str(error), "write one JSON object a line")
        raise not_utf8(where, line) or other from error
    except DuplicateKeyError as error:
        raise InputError(f"{path}:{number}", str(error), ONE_VALUE) from error
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def _asked(rows: Mapping[str, AnsweredQuery], answer: _Answer) -> AnsweredQuery:
    if answer.id not in rows:
        what = f"no row has the id {answer.id!r}"
        raise ConfigError(answer.where, what, "pass the --rows that were answered")
    return rows[answer.id]


def read_queries(
    path: Path, query: Callable[[InstructionRow], Query], subtask: str | None
) -> tuple[dict[str, AnsweredQuery], frozenset[str]]:
    """Read what each row of a sub-task asked (None: all are of one), and the ids of the others.

    Raises InputError naming path:line, ConfigError where rows are of several sub-tasks and
    none is named, or none of them is of the one named.
    """
    rows: dict[str, InstructionRow] = {}
    others: set[str] = set()
    seen: dict[str, None] = {}
    for where, fields in _objects(path):
        try:
            row = InstructionRow.model_validate(fields)
        except ValidationError as error:
            todo = "pass the instruction rows that were answered"
            raise InputError(where, explain(error), todo) from error
        seen[row.subtask] = None
        if subtask in (None, row.subtask):
            rows[row.id] = row
        else:
            others.add(row.id)
    if not rows or (subtask is None and len(seen) > 1):
        what = f"the rows are of {', '.join(seen) or 'no sub-task'}"
        raise ConfigError(str(path), what, "pass rows of one of them, or name it with --subtask")
    return {name: AnsweredQuery(row, query(row)) for name, row in rows.items()}, frozenset(others)


def _labels(rows: Mapping[str, AnsweredQuery]) -> dict[str, frozenset[str]]:
    labels: dict[str, set[str]] = {}
    for row, query in rows.values():
        names = {label.key for label in query.known}
        if query.event is not None:
            names.add(query.event.key)
        labels.setdefault(row.record_id, set()).update(names)
    return {name: frozenset(found) for name, found in labels.items()}


def _row(name: str, template: str | None, content: Content) -> Row:
    return Row(
        name,
        template=template,
        entities=tuple(ScoredEntity(one.type, one.text) for one in content.entities),
        relations=tuple(map(_relation, content.relations)),
        events=tuple(map(_event, content.events)),
    )


def _relation(item: Any) -> ScoredRelation:
    types = item.head_type, item.tail_type
    return ScoredRelation(item.predicate, item.head, item.tail, *types, item.tail_slots or None)


def _event(item: SchemaEvent) -> ScoredEvent:
    arguments = tuple(ScoredArgument(one.role, one.text) for one in item.arguments)
    return ScoredEvent(item.event_type, item.trigger, None, arguments)
