"""One answer of the answers to the rows of a record: label batches, role parts, windows.

window 0:40 {"人名": ["张三"]}, window 30:80 {"人名": ["李四"]}  ->  both, each once
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import orjson

from chinchilla.answers import Content
from chinchilla.errors import ConfigError
from chinchilla.schema import Argument, Entity, Event, InstructionRow, Relation
from chinchilla.spans import occurrences
from chinchilla.windows.project import Policy, move_entity, move_event, move_relation

Item = TypeVar("Item", Entity, Relation, Event)


class Answered(NamedTuple):
    """What a model answers about the window `start` to `end` of a text."""

    start: int
    end: int
    content: Content


def merge_answers(
    text: str, answers: Iterable[Answered], policy: Policy, mentions: bool = True
) -> Content:
    """Return one content of the answers about the windows of a text.

    An item is in it as often as in the window that has it most often. `mentions` says
    whether the source marks each mention of an entity (it gives offsets).
    """
    ordered = sorted(answers, key=lambda one: (one.start, one.end))
    relations = [
        [move_relation(item, one.start) for item in one.content.relations] for one in ordered
    ]
    events = [[move_event(item, one.start) for item in one.content.events] for one in ordered]
    joined = join_parts(events) if policy == "split" else most(events)
    return Content(tuple(_entities(text, ordered, mentions)), tuple(most(relations)), tuple(joined))


def _key(item: Entity | Relation | Event) -> bytes:
    """Return what makes two items the same; the order of slots and arguments does not count."""
    fields = item.model_dump(mode="json")
    if isinstance(item, Event):
        fields["arguments"].sort(key=lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS))
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def most(answers: Iterable[Sequence[Item]]) -> list[Item]:
    """Return each item as often as the window has it that has it most often."""
    kept: list[Item] = []
    total: Counter[bytes] = Counter()
    for items in answers:
        here: Counter[bytes] = Counter()
        for item in items:
            key = _key(item)
            here[key] += 1
            if here[key] > total[key]:
                total[key] += 1
                kept.append(item)
    return kept


def _entities(text: str, answers: Sequence[Answered], mentions: bool) -> list[Entity]:
    moved = [
        [move_entity(item, answer.start) for item in answer.content.entities] for answer in answers
    ]
    if not mentions:
        return most(moved)
    located = most([[item for item in items if item.start is not None] for items in moved])
    unlocated: list[Entity] = []
    before: Counter[bytes] = Counter()
    end = 0
    for answer, items in zip(answers, moved, strict=True):
        here: Counter[bytes] = Counter()
        shared = text[answer.start : end]
        for item in items:
            if item.start is None:
                here[_key(item)] += 1
                seen = min(before[_key(item)], sum(1 for _ in occurrences(shared, item.text)))
                if here[_key(item)] > seen:
                    unlocated.append(item)
        before, end = here, answer.end
    return located + unlocated


def join_parts(answers: Iterable[Sequence[Event]]) -> list[Event]:
    """Return the events of which different answers have parts."""
    joined: list[Event] = []
    for events in answers:
        free = list(range(len(joined)))
        for event in events:
            fitting = [index for index in free if _agree(joined[index], event)]
            if not fitting:
                joined.append(event)
                continue
            best = max(fitting, key=_common_with(joined, event))
            free.remove(best)
            joined[best] = _union(joined[best], event)
    return joined


def _common_with(events: Sequence[Event], event: Event) -> Callable[[int], int]:
    mine = Counter(map(_filler, event.arguments))

    def common(index: int) -> int:
        return (mine & Counter(map(_filler, events[index].arguments))).total()

    return common


def _filler(argument: Argument) -> tuple[str, str]:
    return argument.role, argument.text


def _agree(first: Event, other: Event) -> bool:
    """Tell whether two parts can belong to one event."""
    if first.event_type != other.event_type:
        return False
    if None not in (first.trigger, other.trigger) and first.trigger != other.trigger:
        return False
    mine, theirs = set(map(_filler, first.arguments)), set(map(_filler, other.arguments))
    both = {role for role, _ in mine} & {role for role, _ in theirs}
    return both <= {role for role, _ in mine & theirs}


def _union(first: Event, other: Event) -> Event:
    """Return the first part with what the second has beyond it."""
    arguments = list(first.arguments)
    known = Counter(_filler(item) for item in arguments)
    for item in other.arguments:
        if known[_filler(item)]:
            known[_filler(item)] -= 1
        else:
            arguments.append(item)
    named = first if first.trigger is not None else other
    return Event.model_validate({**dict(named), "arguments": tuple(arguments)})


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
    `read_answer(raw, query_of(row, labels), row.form).content`. Rows of one window ask for
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
    for answer in answers:
        windows.setdefault(answer.row.window, []).append(answer)
    answered = [Answered(*window, _join_rows(rows)) for window, rows in windows.items()]
    if len(answered) == 1 and answered[0].start == 0:
        return answered[0].content
    return merge_answers(text, answered, policy, mentions)


def _check(answers: Sequence[RowAnswer]) -> None:
    """Raise ConfigError unless all rows are of one record and one sub-task."""
    for name in ("record_id", "subtask"):
        values = list(dict.fromkeys(getattr(answer.row, name) for answer in answers))
        if len(values) > 1:
            what = f"rows of {values[0]} and of {values[1]}"
            raise ConfigError(f"row {answers[0].row.id}", what, f"merge one {name} at a time")


def _without_overruled(answers: Sequence[RowAnswer], na: str | None) -> list[RowAnswer]:
    """Empty the answers that say no relation of a pair for which another one names a label."""
    labels = [{item.predicate for item in one.content.relations} for one in answers]
    named = {
        (one.row.head, one.row.tail)
        for one, names in zip(answers, labels, strict=True)
        if names - {na}
    }
    return [
        one._replace(content=Content())
        if names == {na} and (one.row.head, one.row.tail) in named
        else one
        for one, names in zip(answers, labels, strict=True)
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
    for answer in answers:
        by_trigger.setdefault(answer.row.trigger, []).append(answer)
    return [event for group in by_trigger.values() for event in _join_types(group)]


def _join_types(answers: Sequence[RowAnswer]) -> list[Event]:
    asked = Counter(key for one in answers for key in one.row.labels)
    types = dict.fromkeys(event.event_type for one in answers for event in one.content.events)
    joined: list[Event] = []
    for name in types:
        events = [
            [event for event in one.content.events if event.event_type == name] for one in answers
        ]
        joined += join_parts(events) if asked[name] > 1 else most(events)
    return joined
