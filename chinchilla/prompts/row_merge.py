"""Join the answers to the rows of one record: batches of labels, parts of roles, windows."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from chinchilla.answers import Content
from chinchilla.errors import ConfigError
from chinchilla.prompts.window_gold import Policy
from chinchilla.prompts.window_merge import Answered, join_parts, merge_answers, most
from chinchilla.schema import Event, InstructionRow


class RowAnswer(NamedTuple):
    """A row and what the answer to it says; offsets count from the start of its window."""

    row: InstructionRow
    content: Content


def merge_rows(
    text: str,
    answers: Sequence[RowAnswer],
    policy: Policy = "keep",
    mentions: bool = True,
    na: str | None = None,
) -> Content:
    """Join the answers to the rows of one record to what they say about the record.

    `text` is that of the record, without its title; the content of an answer is
    `read_answer(raw, question_of(row, labels), row.form).content`. Rows of one window ask for
    different labels, or for different roles of an event type: equal items of two answers are
    one, and the parts of an event are joined where two rows asked for its type. Windows are
    joined by `merge_answers`: `policy` is `windows.events` of the build, `mentions` says whether
    the source marks each mention of an entity; `na` is the label of a pair without relation,
    which an answer says of the labels it was asked: it counts where no answer about the pair
    names a label. An answer that could not be read is left out by giving it an empty content.
    Raises ConfigError for rows of several records or sub-tasks.
    """
    _check(answers)
    answers = _without_overruled(answers, na)
    windows: dict[tuple[int, int], list[RowAnswer]] = {}
    for one in answers:
        windows.setdefault(one.row.window, []).append(one)
    told = [Answered(*window, _join_rows(rows)) for window, rows in windows.items()]
    if len(told) == 1 and told[0].start == 0:
        return told[0].content
    return merge_answers(text, told, policy, mentions)


def _check(answers: Sequence[RowAnswer]) -> None:
    """Raise ConfigError unless all rows are of one record and one sub-task."""
    for name in ("record_id", "subtask"):
        found = list(dict.fromkeys(getattr(one.row, name) for one in answers))
        if len(found) > 1:
            what = f"rows of {found[0]} and of {found[1]}"
            raise ConfigError(f"row {answers[0].row.id}", what, f"merge one {name} at a time")


def _without_overruled(answers: Sequence[RowAnswer], na: str | None) -> list[RowAnswer]:
    """Empty the answers that say no relation of a pair for which another one names a label."""
    told = [{item.predicate for item in one.content.relations} for one in answers]
    named = {
        (one.row.head, one.row.tail)
        for one, found in zip(answers, told, strict=True)
        if found - {na}
    }
    return [
        one._replace(content=Content())
        if found == {na} and (one.row.head, one.row.tail) in named
        else one
        for one, found in zip(answers, told, strict=True)
    ]


def _join_rows(answers: Sequence[RowAnswer]) -> Content:
    """Join the answers to the rows of one window."""
    if len(answers) == 1:
        return answers[0].content
    contents = [one.content for one in answers]
    return Content(
        tuple(most(one.entities for one in contents)),
        tuple(most(one.relations for one in contents)),
        tuple(_join_events(answers)),
    )


def _join_events(answers: Sequence[RowAnswer]) -> list[Event]:
    """Join events type by type; arguments asked for two triggers never become one event."""
    by_trigger: dict[str | None, list[RowAnswer]] = {}
    for one in answers:
        by_trigger.setdefault(one.row.trigger, []).append(one)
    return [event for group in by_trigger.values() for event in _join_types(group)]


def _join_types(answers: Sequence[RowAnswer]) -> list[Event]:
    asked = Counter(key for one in answers for key in one.row.labels)
    types = dict.fromkeys(event.event_type for one in answers for event in one.content.events)
    found: list[Event] = []
    for name in types:
        told = [
            [event for event in one.content.events if event.event_type == name] for one in answers
        ]
        found += join_parts(told) if asked[name] > 1 else most(told)
    return found
