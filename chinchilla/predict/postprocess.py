"""Answers to predicted records, in the exchange format, each with what the model really said."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from chinchilla.answers import Content
from chinchilla.answers.repair import read_answer
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.prompts.queries import query_of
from chinchilla.schema import InstructionRow, LabelSet, Record
from chinchilla.windows.merge import RowAnswer, merge_rows
from chinchilla.windows.project import Policy


class AskedRow(NamedTuple):
    """A record and the rows that ask about it."""

    record: Record
    rows: tuple[InstructionRow, ...]


def prompt_of(row: InstructionRow, record: Record, labels: LabelSet, *, limited: bool) -> Prompt:
    """Return the prompt of a row; with limits, spans are copied from its window or its title."""
    if not limited:
        return Prompt(row.id, row.prompt)
    start, end = row.window
    passage = _titled(record, record.text[start:end])
    return Prompt(row.id, row.prompt, Limits(row.form, query_of(row, labels), passage))


def _titled(record: Record, text: str) -> str:
    return f"{record.title}\n{text}" if record.title else text


def predicted(
    asked: Iterable[AskedRow],
    answers: Mapping[str, Answer],
    labels: Mapping[str, LabelSet],
    policy: Policy = "keep",
    mentions: bool = True,
) -> Iterator[dict[str, Any]]:
    """Yield a record of the exchange format for each one asked, gold replaced by the answers.

    `policy` and `mentions` say how windows are joined, as in `merge_rows`.
    `answers` lists for each row its raw answer, how it could be read, and whether it was cut.
    A pair found to have no relation is no relation; it stands in the raw answers alone.
    """
    for record, rows in asked:
        text = _titled(record, record.text)
        told: list[RowAnswer] = []
        said: list[dict[str, Any]] = []
        for row in rows:
            answer = answers[row.id]
            query = query_of(row, labels[row.source])
            reading = read_answer(answer.raw, query, row.form, text, row.prompt)
            told.append(RowAnswer(row, reading.content))
            said.append(
                {"id": row.id, "raw": answer.raw, "status": reading.status, "cut": answer.cut}
            )
        na = labels[record.source].na
        content = _merged(told, partial(merge_rows, record.text, policy=policy, mentions=mentions))
        yield _line(record, content, na.key if na else None) | {"answers": said}


def _merged(told: Sequence[RowAnswer], merge: Callable[..., Content]) -> Content:
    """Join the answers of each sub-task, then what the sub-tasks found."""
    by_subtask: dict[str, list[RowAnswer]] = {}
    for one in told:
        by_subtask.setdefault(one.row.subtask, []).append(one)
    found = [merge(some) for some in by_subtask.values()]
    return Content(
        tuple(item for one in found for item in one.entities),
        tuple(item for one in found for item in one.relations),
        tuple(item for one in found for item in one.events),
    )


def _line(record: Record, content: Content, na: str | None) -> dict[str, Any]:
    fields = record.model_dump(
        mode="json", include={"id", "source", "split", "task", "text", "title"}
    )
    relations = [one for one in content.relations if one.predicate != na]
    for name, items in (
        ("entities", content.entities),
        ("relations", relations),
        ("events", content.events),
    ):
        fields[name] = [item.model_dump(mode="json") for item in items]
    return fields
