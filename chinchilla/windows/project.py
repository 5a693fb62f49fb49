"""The gold of a record given to its windows; offsets moved with them."""

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
    """The places in the record of the items of a window, in the order of the window.

    `arguments` has the places within its event of the arguments of each event.
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
class _Pane:
    """A window while gold is given to it, items by their place in the record."""

    text: str
    start: int
    end: int
    entities: dict[int, Entity] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    na_pairs: dict[int, Relation] = field(default_factory=dict)
    events: dict[int, tuple[Event, tuple[int, ...]]] = field(default_factory=dict)

    def holds(self, quote: _Quote) -> bool:
        """Say whether the whole string stands in the window."""
        if quote.where is not None:
            return True
        if quote.start is None:
            return quote.words in self.text
        return self.start <= quote.start and quote.start + len(quote.words) <= self.end

    def window(self, record: Record) -> Window:
        """Return the window with what was given to it."""
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
            tuple(places for _, places in self.events.values()),
        )
        shown = Record.model_validate({**dict(record), **gold})
        return Window(self.start, self.end, shown, origins)


def window_records(record: Record, ranges: Sequence[Range], policy: Policy) -> WindowedRecord:
    """Cut a record at the ranges; each window is a record of the same id, with its title."""
    panes = [_Pane(record.text[start:end], start, end) for start, end in ranges]
    counts: Counter[str] = Counter()
    for place, entity in enumerate(record.entities):
        quotes = [_Quote(entity.text, entity.start)]
        for pane in _holders("entity", quotes, panes, counts):
            pane.entities[place] = move_entity(entity, -pane.start)
    for place, relation in enumerate(record.relations):
        for pane in _holders("relation", _relation_quotes(relation), panes, counts):
            pane.relations[place] = move_relation(relation, -pane.start)
    for place, pair in enumerate(record.na_pairs):
        for pane in _holders("na-pair", _relation_quotes(pair), panes, counts):
            pane.na_pairs[place] = move_relation(pair, -pane.start)
    for place, event in enumerate(record.events):
        for pane in _event_panes(event, panes, policy, counts):
            pane.events[place] = _part(event, pane)
    return WindowedRecord(tuple(pane.window(record) for pane in panes), counts)


def _holders(
    kind: str, quotes: Sequence[_Quote], panes: Sequence[_Pane], counts: Counter[str]
) -> list[_Pane]:
    """Return the windows that hold all quotes, or count why there is none."""
    holders = [pane for pane in panes if all(map(pane.holds, quotes))]
    if not holders:
        apart = all(_held(quote, panes) for quote in quotes)
        counts[f"{kind}-apart" if apart else f"{kind}-cut"] += 1
    return holders


def _held(quote: _Quote, panes: Iterable[_Pane]) -> bool:
    return any(pane.holds(quote) for pane in panes)


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


def _event_panes(
    event: Event, panes: Sequence[_Pane], policy: Policy, counts: Counter[str]
) -> list[_Pane]:
    """Return the windows that get the event or a part of it, and count what gets lost."""
    quotes = _trigger_quotes(event) + _argument_quotes(event)
    whole = [pane for pane in panes if all(map(pane.holds, quotes))]
    if whole:
        return whole
    some = [pane for pane in panes if any(pane.holds(one) for one in quotes if one.where is None)]
    if not some:
        counts["event-cut"] += 1
        _count_strings(event, counts, lambda quote: "cut")
        return []
    if policy == "drop":
        counts["event-dropped"] += 1
        _count_strings(event, counts, lambda quote: "dropped")
        return []
    chosen = some if policy == "split" else [max(some, key=lambda pane: _rank(event, pane))]
    counts["event-split" if policy == "split" else "event-kept"] += 1

    def lost(quote: _Quote) -> str | None:
        if _held(quote, chosen):
            return None
        return "apart" if _held(quote, panes) else "cut"

    _count_strings(event, counts, lost)
    return chosen


def _rank(event: Event, pane: _Pane) -> tuple[int, int]:
    """Rank a window as the home of an event: a located trigger first, else the arguments."""
    trigger = sum(pane.holds(quote) for quote in _trigger_quotes(event))
    quotes = _argument_quotes(event)
    arguments = sum(pane.holds(quote) for quote in quotes if quote.where is None)
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


def _part(event: Event, pane: _Pane) -> tuple[Event, tuple[int, ...]]:
    """Return what a window holds of an event, and which of its arguments that is."""
    held = [place for place, quote in enumerate(_argument_quotes(event)) if pane.holds(quote)]
    named = any(map(pane.holds, _trigger_quotes(event)))
    part = Event(
        event_type=event.event_type,
        trigger=event.trigger if named else None,
        trigger_start=event.trigger_start if named else None,
        trigger_where=event.trigger_where if named else None,
        arguments=tuple(event.arguments[place] for place in held),
    )
    return move_event(part, -pane.start), tuple(held)
