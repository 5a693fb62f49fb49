"""Lines of files that a prediction starts from, or its score: texts, rows, answers, predictions."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import orjson
from pydantic import ValidationError

from chinchilla.errors import ChinchillaError, ConfigError, InputError, not_utf8
from chinchilla.predict.engine import Answer
from chinchilla.prompts.hard_negatives import Pair
from chinchilla.schema import InstructionRow, LabelSet, Record, explain, make_record
from chinchilla.score.pairing import Names, Pairing
from chinchilla.score.rows import Row, read_rows
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads
from chinchilla.tally import Tally

if TYPE_CHECKING:
    from hashlib import _Hash

_TODO = 'write one object a line, {"text": "..."} at least'


def _loads(where: str, line: bytes, problem: str, todo: str) -> Any:
    """Return the JSON of a line; raise InputError, `problem` filled with what the reader says."""
    try:
        return loads(line)
    except orjson.JSONDecodeError as error:
        other = InputError(where, problem.format(error), todo)
        raise not_utf8(where, line) or other from error
    except DuplicateKeyError as error:
        raise InputError(where, str(error), ONE_VALUE, reason="duplicate-key") from error


class Defaults(NamedTuple):
    """The source of lines that name none, and the labels of each known source."""

    source: str | None
    labels: Mapping[str, LabelSet]

    def source_of(self, line: Mapping[str, Any], where: str) -> str:
        """Return the source of a line; raise InputError where it could be several."""
        source = self.source or line.get("source")
        if source is None and len(self.labels) == 1:
            source = next(iter(self.labels))
        if not isinstance(source, str) or source not in self.labels:
            known = ", ".join(self.labels)
            what = "the line names no source" if source is None else f"no labels of {source!r} here"
            raise InputError(where, what, f"pass --source, one of {known}")
        return source


def read_inputs(
    lines: Iterable[bytes], name: str, defaults: Defaults, tally: Tally
) -> Iterator[Record]:
    """Yield a record of split test for each line that is not blank; gold is not needed.

    A record without an id gets its line's number. Refused in the tally are: a line that cannot
    be read or repeats an id (InputError naming path:line), a record that breaks the schema
    (RecordError).
    """
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        if number == 1:
            line = line.removeprefix(BOM_UTF8)
        if not line or line.isspace():
            continue
        try:
            record = _record(line, number, where, defaults)
            if record.id in seen:
                what = f"the id {record.id!r} is that of line {seen[record.id]} too"
                raise InputError(where, what, "give each record an id of its own")
        except ChinchillaError as error:
            tally.refuse(error)
            continue
        seen[record.id] = number
        yield record


def _record(line: bytes, number: int, where: str, defaults: Defaults) -> Record:
    fields = _loads(where, line, "not JSON ({})", _TODO)
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise InputError(where, "no object with a text", _TODO)
    source = defaults.source_of(fields, where)
    known = {name: fields[name] for name in Record.model_fields if name in fields}
    usual = {"source": source, "split": "test", "task": defaults.labels[source].task}
    return make_record(where, {"id": f"line-{number:06d}", **known, **usual})


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


def read_answers(path: Path, asked: AnsweredRows | None = None) -> tuple[list[Answer], str]:
    """Return the answers of `{"id", "raw"}` lines in their order, and the sha256 of the file.

    They are to `asked` rows, or else to whole records; answers to rows of other sub-tasks are
    left out. Raises InputError naming path:line for a line that is no answer and for an id that
    comes twice, ConfigError for an id that no row has.
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
    others = asked.others if asked else ()
    return [answer for answer in answers.values() if answer.id not in others], digest.hexdigest()


def _objects(path: Path, digest: "_Hash") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path:line and the object of each line that is not blank; hash all of the file."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                if line.isspace():
                    continue
                where = f"{path}:{number}"
                fields = _loads(where, line, "{}", "write one JSON object a line")
                if not isinstance(fields, dict):
                    raise InputError(where, "not an object", "write one a line")
                yield where, fields
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def read_pairs(
    records: Iterable[Record], path: Path, labels: LabelSet, tally: Tally
) -> Iterator[Pair]:
    """Yield records with their predictions; what of these cannot be used is counted.

    Confusable labels are mined from them. Raises InputError for a line that is no row and for
    predictions of no record, ConfigError for a prediction of another text.
    """
    # a record has all that is asked of a gold row
    gold = cast(Iterable[Row], records)
    rows = read_rows(path, labels.task).rows
    pairing = Pairing(gold, rows, allow_extra=True, names=Names(labels.source, str(path)))
    for record, row in ((cast(Record, pair.gold), pair.pred) for pair in pairing):
        if pairing.missing and pairing.missing[-1] == record.id:
            tally.drop("record without prediction", record.id)
        else:
            yield record, _Usable(record, labels, tally).of(row)
    if pairing.extra:
        what = f"{len(pairing.extra)} predicted ids are none of the split"
        todo = "pass the split that was predicted with --split"
        raise InputError(str(path), f"{what}, the first {pairing.extra[0]!r}", todo)


class _Usable(NamedTuple):
    """What may be predicted of a record: labels of its card on strings of its text."""

    record: Record
    labels: LabelSet
    tally: Tally

    def of(self, row: Row) -> Record:
        """Return a prediction as a record; arguments are left out, as nothing is mined of them."""
        fields = self.record.model_dump(include={"id", "source", "split", "task", "text"})
        fields["entities"] = [
            {"type": one.type, "text": one.text, "start": one.start, "end": one.end}
            for one in row.entities
            if self._knows(one.type) and self._has(one.text, one.start, one.end)
        ]
        fields["relations"] = [
            {"predicate": one.predicate, "head": one.head, "tail": one.tail}
            for one in row.relations
            if self._knows(one.predicate) and self._has(one.head) and self._has(one.tail)
        ]
        fields["events"] = [
            {"event_type": one.event_type, "trigger": one.trigger, "trigger_start": start}
            for one, start in ((one, one.trigger_start) for one in row.events)
            if self._knows(one.event_type) and one.trigger and self._has(one.trigger, start)
        ]
        return make_record(self.record.id, fields)

    def _knows(self, label: str) -> bool:
        na = self.labels.na
        known = label in self.labels.by_key
        if not known and (na is None or label != na.key):
            self.tally.drop("predicted label on no card", f"{self.record.id} {label!r}")
        return known

    def _has(self, string: str, start: int | None = None, end: int | None = None) -> bool:
        text = self.record.text
        stop = None if start is None else start + len(string)
        fits = string in text if start is None else start >= 0 and text[start:stop] == string
        usable = bool(string) and fits and end in (None, stop)
        if not usable:
            self.tally.drop("predicted string not in the text", f"{self.record.id} {string!r}")
        return usable
