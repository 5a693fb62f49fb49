"""Raw answers to predicted records: each is parsed once, those to one record are merged.

An answer is to an instruction row; the rows of a record ask for batches of its labels, in windows
of its text. `parse_answers` reads each answer, `predicted_record` writes what they are together
in the exchange format, `scored_answers` hands the same to the scorer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chinchilla.answers import Content, Query
from chinchilla.answers.repair import Reading, read_answer
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.prompts.queries import query_of
from chinchilla.schema import InstructionRow, Label, LabelSet, Record, Task
from chinchilla.score.result import ParsedAnswers
from chinchilla.score.rows import Row, make_row
from chinchilla.windows.merge import RowAnswer, merge_rows
from chinchilla.windows.project import Policy

UNPARSED = ("failed", "refusal", "missing")
"""Statuses of answers of which nothing could be read."""


class AnswerParser(NamedTuple):
    """How answers are read: the labels of each source, and `windows.events` of the build."""

    labels: Mapping[str, LabelSet]
    policy: Policy = "keep"

    def labels_of(self, row: InstructionRow) -> LabelSet:
        """Return the labels of a row; those of a source that is not known are their own names."""
        if row.source in self.labels:
            return self.labels[row.source]
        keys = dict.fromkeys((*row.labels, *filter(None, [row.event_type])))
        labels = tuple(Label(key=key, name=key) for key in keys)
        return LabelSet(source=row.source, task=row.subtask.partition("-")[0], labels=labels)

    def query(self, row: InstructionRow) -> Query:
        """Return what a row asks."""
        return query_of(row, self.labels_of(row))


class Documents(NamedTuple):
    """The documents that answers are about, by id; `mentions`: gold marks each mention of one."""

    by_id: Mapping[str, Record | Row]
    mentions: bool


def documents_of(gold: Iterable[Record | Row]) -> Documents:
    """Return gold records by id; mentions are marked where all entities have offsets."""
    by_id = {document.id: document for document in gold}
    located = (item.start is not None for each in by_id.values() for item in each.entities)
    return Documents(by_id, all(located))


class ParsedAnswer(NamedTuple):
    """A row, what it asks, the answer to it, and what was read of that."""

    row: InstructionRow
    query: Query
    answer: Answer
    reading: Reading


def prompt_of(row: InstructionRow, record: Record, labels: LabelSet, *, limited: bool) -> Prompt:
    """Return the prompt of a row; with limits, spans are copied from its window or its title."""
    if not limited:
        return Prompt(row.id, row.prompt)
    start, end = row.window
    passage = _titled(record, record.text[start:end])
    return Prompt(row.id, row.prompt, Limits(row.form, query_of(row, labels), passage))


def _titled(document: Record | Row, text: str) -> str:
    """Return a text of a document behind its title, if it has one."""
    return f"{document.title}\n{text}" if document.title else text


def _whole(document: Record | Row | None) -> str | None:
    return None if document is None else _titled(document, document.text)


def parse_answers(
    rows: Mapping[str, InstructionRow],
    answers: Iterable[Answer],
    documents: Documents,
    parser: AnswerParser,
) -> dict[str, ParsedAnswer]:
    """Return each answer parsed, by the id of its row, in the order of the answers."""
    pairs = ((rows[answer.id], answer) for answer in answers)
    return {
        row.id: parse_answer(row, answer, documents.by_id.get(row.record_id), parser)
        for row, answer in pairs
    }


def parse_answer(
    row: InstructionRow, answer: Answer, document: Record | Row | None, parser: AnswerParser
) -> ParsedAnswer:
    """Return an answer to a row parsed; the document, where it is known, decides what is in it."""
    query = parser.query(row)
    reading = read_answer(answer.raw, query, row.form, _whole(document), row.prompt)
    return ParsedAnswer(row, query, answer, reading)


def predicted_record(
    record: Record, parsed: Sequence[ParsedAnswer], parser: AnswerParser, *, mentions: bool
) -> dict[str, Any]:
    """Return a record of the exchange format, gold replaced by what the answers are together.

    `answers` lists for each row its raw answer, how it could be read, and whether it was cut.
    A pair found to have no relation is no relation; it is in the raw answers alone.
    """
    content = _merged(record.text, parsed, parser, mentions)
    na = parser.labels[record.source].na
    relations = [item for item in content.relations if na is None or item.predicate != na.key]
    fields = record.model_dump(
        mode="json", include={"id", "source", "split", "task", "text", "title"}
    )
    items = {"entities": content.entities, "relations": relations, "events": content.events}
    for name, listed in items.items():
        fields[name] = [item.model_dump(mode="json") for item in listed]
    fields["answers"] = [
        {"id": row.id, "raw": answer.raw, "status": reading.status, "cut": answer.cut}
        for row, _, answer, reading in parsed
    ]
    return fields


def _merged(
    text: str,
    parsed: Sequence[ParsedAnswer],
    parser: AnswerParser,
    mentions: bool,
    strict: bool = False,
) -> Content:
    """Join the contents of the rows of one record: those of each sub-task, then all."""
    by_subtask: dict[str, list[RowAnswer]] = {}
    for row, _, _, reading in parsed:
        content = reading.strict_content if strict else reading.content
        by_subtask.setdefault(row.subtask, []).append(RowAnswer(row, content))
    na = parser.labels_of(parsed[0].row).na if parsed else None
    merged = [
        merge_rows(text, answers, parser.policy, mentions, None if na is None else na.key)
        for answers in by_subtask.values()
    ]
    return Content(
        tuple(item for content in merged for item in content.entities),
        tuple(item for content in merged for item in content.relations),
        tuple(item for content in merged for item in content.events),
    )


def scored_answers(
    rows: Mapping[str, InstructionRow],
    parsed: Mapping[str, ParsedAnswer],
    documents: Documents,
    parser: AnswerParser,
) -> ParsedAnswers:
    """Return the answers to rows of one sub-task as the scorer takes them.

    A row without an answer has the status `missing`.
    """
    by_record: dict[str, list[ParsedAnswer]] = {}
    labels: dict[str, set[str]] = {}
    for name, row in rows.items():
        if name in parsed:
            by_record.setdefault(row.record_id, []).append(parsed[name])
        query = parsed[name].query if name in parsed else parser.query(row)
        asked = (*query.known, *filter(None, [query.event]))
        labels.setdefault(row.record_id, set()).update(label.key for label in asked)
    status: dict[str, str] = {name: one.reading.status for name, one in parsed.items()}
    status |= {name: "missing" for name in rows if name not in status}
    repaired, strict = (
        {
            record_id: _row(record_id, answers, documents, parser, strict)
            for record_id, answers in by_record.items()
        }
        for strict in (False, True)
    )
    return ParsedAnswers(
        rows=repaired,
        strict=strict,
        status=status,
        notes=_notes(one.reading for one in parsed.values()),
        unparsed=frozenset(rows[name].record_id for name in status if status[name] in UNPARSED),
        labels={name: frozenset(keys) for name, keys in labels.items()},
        reading=("merge", parser.policy),
    )


def _notes(readings: Iterable[Reading]) -> Counter[str]:
    notes: Counter[str] = Counter()
    for reading in readings:
        notes.update(reading.notes)
    return notes


def _row(
    record_id: str,
    answers: Sequence[ParsedAnswer],
    documents: Documents,
    parser: AnswerParser,
    strict: bool,
) -> Row:
    """Return the row that the answers to the rows of a record are together."""
    document = documents.by_id.get(record_id)
    text = "" if document is None else document.text
    content = _merged(text, answers, parser, documents.mentions, strict)
    templates = {one.row.template for one in answers}
    template = templates.pop() if len(templates) == 1 else "(several)"
    return make_row(record_id, {"id": record_id, "template": template, **content._asdict()})


def parse_record_answers(
    answers: Iterable[Answer], form: str, task: Task, documents: Documents
) -> ParsedAnswers:
    """Return answers to whole records as the scorer takes them; their ids are those of records.

    Labels in the answers are raw ones.
    """
    query = Query(subtask=task, labels=())
    readings = {
        answer.id: read_answer(answer.raw, query, form, _whole(documents.by_id.get(answer.id)))
        for answer in answers
    }
    notes = _notes(readings.values())
    # no label was asked by name, so that none of those in the answers is one too many
    del notes["label_not_asked"]
    return ParsedAnswers(
        rows={name: _record_row(name, one.content) for name, one in readings.items()},
        strict={name: _record_row(name, one.strict_content) for name, one in readings.items()},
        status={name: one.status for name, one in readings.items()},
        notes=notes,
        unparsed=frozenset(name for name, one in readings.items() if one.status in UNPARSED),
        labels=None,
        reading=("form", form),
    )


def _record_row(record_id: str, content: Content) -> Row:
    return make_row(record_id, {"id": record_id, **content._asdict()})
