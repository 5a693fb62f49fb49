"""From the gold of a record to the gold of its windows, offsets moved with them.

text 甲在上海。乙在北京。  entity 乙 5:6  ->  window 5:10, entity 乙 0:1
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from chinchilla.schema import Argument, Entity, Event, Record, Relation, Where
from chinchilla.windows.split import Range


def move_entity(entity: Entity, by: int) -> Entity:
    """Add to the offsets of an entity, where it has any."""
    fields = {"start": _add(entity.start, by), "end": _add(entity.end, by)}
    return Entity.model_validate({**dict(entity), **fields})


def move_relation(relation: Relation, by: int) -> Relation:
    """Add to the offsets of a relation, where it has any."""
    starts = {
        "head_start": _add(relation.head_start, by),
        "tail_start": _add(relation.tail_start, by),
    }
    return Relation.model_validate({**dict(relation), **starts})


def move_event(event: Event, by: int) -> Event:
    """Add to the offsets of an event and its arguments, where they have any."""
    arguments = tuple(
        Argument.model_validate(
            {**dict(one), "start": _add(one.start, by), "end": _add(one.end, by)}
        )
        for one in event.arguments
    )
    fields = {"trigger_start": _add(event.trigger_start, by), "arguments": arguments}
    return Event.model_validate({**dict(event), **fields})


def _add(offset: int | None, by: int) -> int | None:
    return None if offset is None else offset + by


Policy = Literal["keep", "split", "drop"]
"""What becomes of an event that no window holds whole.

`keep`: the window that holds its located trigger (most arguments, where it has none) gets what
it holds of it. `split`: so does every window that holds its trigger or an argument. `drop`: it
is left out.
"""


class Origins(NamedTuple):
    """Indexes in the record of the items of a window, in the order of the window.

    `arguments` has for each event the indexes of its arguments within it.
    """

    entities: tuple[int, ...]
    relations: tuple[int, ...]
    na_pairs: tuple[int, ...]
    events: tuple[int, ...]
    arguments: tuple[tuple[int, ...], ...]


class Window(NamedTuple):
    """A window of a text, as a record whose offsets count from its start."""

    start: int
    end: int
    record: Record
    origins: Origins


class WindowedRecord(NamedTuple):
    """The windows of a record, and what of its gold they do not hold whole."""

    windows: tuple[Window, ...]
    counts: Counter[str]


class _Quote(NamedTuple):
    words: str
    start: int | None = None
    where: Where | None = None


@dataclass
class _OpenWindow:
    """A window to which gold is being added, items by their index in the record."""

    text: str
    start: int
    end: int
    entities: dict[int, Entity] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    na_pairs: dict[int, Relation] = field(default_factory=dict)
    events: dict[int, tuple[Event, tuple[int, ...]]] = field(default_factory=dict)

    def holds(self, quote: _Quote) -> bool:
        """Tell whether the whole string is in the window."""
        if quote.where is not None:
            return True
        if quote.start is None:
            return quote.words in self.text
        return self.start <= quote.start and quote.start + len(quote.words) <= self.end

    def window(self, record: Record) -> Window:
        """Return the window with the gold that was added."""
        gold = {
            "text": self.text,
            "entities": tuple(self.entities.values()),
            "relations": tuple(self.relations.values()),
            "na_pairs": tuple(self.na_pairs.values()),
            "events": tuple(event for event, _ in self.events.values()),
        }
        origins = Origins(
            tuple(self.entities),
            tuple(self.relations),
            tuple(self.na_pairs),
            tuple(self.events),
            tuple(indexes for _, indexes in self.events.values()),
        )
        shown = Record.model_validate({**dict(record), **gold})
        return Window(self.start, self.end, shown, origins)


def window_records(record: Record, ranges: Sequence[Range], policy: Policy) -> WindowedRecord:
    """Cut a record at the ranges; each window is a record of the same id, with its title."""
    windows = [_OpenWindow(record.text[start:end], start, end) for start, end in ranges]
    counts: Counter[str] = Counter()
    for index, entity in enumerate(record.entities):
        quotes = [_Quote(entity.text, entity.start)]
        for window in _holders("entity", quotes, windows, counts):
            window.entities[index] = move_entity(entity, -window.start)
    for index, relation in enumerate(record.relations):
        for window in _holders("relation", _relation_quotes(relation), windows, counts):
            window.relations[index] = move_relation(relation, -window.start)
    for index, pair in enumerate(record.na_pairs):
        for window in _holders("na-pair", _relation_quotes(pair), windows, counts):
            window.na_pairs[index] = move_relation(pair, -window.start)
    for index, event in enumerate(record.events):
        for window in _event_windows(event, windows, policy, counts):
            window.events[index] = _part(event, window)
    return WindowedRecord(tuple(window.window(record) for window in windows), counts)


def _holders(
    kind: str, quotes: Sequence[_Quote], windows: Sequence[_OpenWindow], counts: Counter[str]
) -> list[_OpenWindow]:
    """Return the windows that hold all quotes, or count why there is none."""
    holders = [window for window in windows if all(map(window.holds, quotes))]
    if not holders:
        apart = all(_is_held(quote, windows) for quote in quotes)
        counts[f"{kind}-apart" if apart else f"{kind}-cut"] += 1
    return holders


def _is_held(quote: _Quote, windows: Iterable[_OpenWindow]) -> bool:
    return any(window.holds(quote) for window in windows)


def _relation_quotes(relation: Relation) -> list[_Quote]:
    slots = [_Quote(words) for words in relation.tail_slots.values()]
    head = _Quote(relation.head, relation.head_start)
    return [head, _Quote(relation.tail, relation.tail_start), *slots]


def _trigger_quotes(event: Event) -> list[_Quote]:
    """Return the trigger, or nothing where the event has none."""
    if event.trigger is None:
        return []
    return [_Quote(event.trigger, event.trigger_start, event.trigger_where)]


def _argument_quotes(event: Event) -> list[_Quote]:
    return [_Quote(one.text, one.start, one.where) for one in event.arguments]


def _event_windows(
    event: Event, windows: Sequence[_OpenWindow], policy: Policy, counts: Counter[str]
) -> list[_OpenWindow]:
    """Return the windows that get the event or a part of it, and count what gets lost."""
    quotes = _trigger_quotes(event) + _argument_quotes(event)
    whole = [window for window in windows if all(map(window.holds, quotes))]
    if whole:
        return whole
    in_text = [quote for quote in quotes if quote.where is None]
    partial = [window for window in windows if any(map(window.holds, in_text))]
    if not partial:
        counts["event-cut"] += 1
        _count_strings(event, counts, lambda quote: "cut")
        return []
    if policy == "drop":
        counts["event-dropped"] += 1
        _count_strings(event, counts, lambda quote: "dropped")
        return []
    chosen = (
        partial if policy == "split" else [max(partial, key=lambda window: _rank(event, window))]
    )
    counts["event-split" if policy == "split" else "event-kept"] += 1

    def lost(quote: _Quote) -> str | None:
        if _is_held(quote, chosen):
            return None
        return "apart" if _is_held(quote, windows) else "cut"

    _count_strings(event, counts, lost)
    return chosen


def _rank(event: Event, window: _OpenWindow) -> tuple[int, int]:
    """Rank a window as the home of an event: a located trigger first, else the arguments."""
    trigger = sum(window.holds(quote) for quote in _trigger_quotes(event))
    quotes = _argument_quotes(event)
    arguments = sum(window.holds(quote) for quote in quotes if quote.where is None)
    return (arguments, trigger) if event.trigger_start is None else (trigger, arguments)


def _count_strings(
    event: Event, counts: Counter[str], lost: Callable[[_Quote], str | None]
) -> None:
    for kind, quotes in (
        ("trigger", _trigger_quotes(event)),
        ("argument", _argument_quotes(event)),
    ):
        for reason in filter(None, map(lost, quotes)):
            counts[f"{kind}-{reason}"] += 1


def _part(event: Event, window: _OpenWindow) -> tuple[Event, tuple[int, ...]]:
    """Return what a window holds of an event, and which of its arguments that is."""
    inside = [index for index, quote in enumerate(_argument_quotes(event)) if window.holds(quote)]
    named = any(map(window.holds, _trigger_quotes(event)))
    part = Event(
        event_type=event.event_type,
        trigger=event.trigger if named else None,
        trigger_start=event.trigger_start if named else None,
        trigger_where=event.trigger_where if named else None,
        arguments=tuple(event.arguments[index] for index in inside),
    )
    return move_event(part, -window.start), tuple(inside)
