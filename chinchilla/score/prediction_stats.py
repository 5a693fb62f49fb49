"""What is wrong with predictions whatever the gold says: invented, repeated, not asked."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

from chinchilla.score.pairing import Pair
from chinchilla.score.passages import holds
from chinchilla.score.rows import Gold, Row, ScoredEvent, Triple


class PredictedItem(NamedTuple):
    """A predicted or gold item of any task: its label, its strings, its role, its place."""

    label: str
    strings: tuple[str, ...]
    role: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def name(self) -> str:
        """Return the label, with the role after a stroke."""
        return self.label if self.role is None else f"{self.label}/{self.role}"


class PredictionStats(NamedTuple):
    """Counts over all predicted items.

    An item is hallucinated if a string of it stands in neither text nor title, class-valued
    roles excepted; a duplicate if an equal one comes before it in its document; not asked if
    its label is none of those asked (of those of gold where nothing says what was asked).
    """

    items: int
    hallucinated: int
    duplicates: int
    not_asked: int


Asked = Mapping[str, Collection[str]]
"""The labels asked, by record id."""
Classes = Collection[tuple[str, str | None]]
"""Event type and role of the class-valued roles."""


def items(row: Row) -> Iterator[PredictedItem]:
    """Yield the items of a row: entities, relations, triggers and arguments."""
    for one in row.entities:
        yield PredictedItem(one.type, (one.text,), None, one.start, one.end)
    for triple in row.relations:
        yield PredictedItem(triple.predicate, (triple.head, triple.tail))
    for event in row.events:
        yield from _event_items(event)


def _event_items(event: ScoredEvent) -> Iterator[PredictedItem]:
    if event.trigger:
        start = event.trigger_start
        end = None if start is None else start + len(event.trigger)
        yield PredictedItem(event.event_type, (event.trigger,), None, start, end)
    for one in event.arguments:
        end = None if one.start is None else one.start + len(one.text)
        yield PredictedItem(event.event_type, (one.text,), one.role, one.start, end)


def class_roles(pairs: Iterable[Pair]) -> frozenset[tuple[str, str | None]]:
    """Return event type and role of what gold marks as class-valued."""
    return frozenset(place for pair in pairs for place in _class_places(pair.gold))


def _class_places(gold: Gold) -> Iterator[tuple[str, str | None]]:
    for event in gold.events:
        for one in event.arguments:
            if one.where == "class":
                yield event.event_type, one.role


def invented(item: PredictedItem, gold: Gold, classes: Classes) -> bool:
    """Tell whether a string of the item stands in neither text nor title."""
    if (item.label, item.role) in classes:
        return False
    return any(not stands(words, gold) for words in item.strings)


def stands(words: str, gold: Gold) -> bool:
    """Tell whether a string stands in the text or the title."""
    return holds(gold.text, words) or (gold.title is not None and words in gold.title)


class StatsCollector:
    """Count what is wrong with predicted items while documents pass by."""

    def __init__(self, asked: Asked | None, na: str) -> None:
        """Take the labels asked of each record where they are known, and the one of NA.

        A relation that is NA is no item: it says that there is none.
        """
        self._na = na
        self._asked = asked
        self._items = self._copies = self._not_asked = 0
        self._invented: Counter[tuple[str, str | None]] = Counter()
        self._labels: dict[str, int] = {}
        self._known: set[str] = set()
        self._classes: set[tuple[str, str | None]] = set()

    def watch(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the documents unchanged."""
        for pair in pairs:
            if pair.gold.relations or pair.pred.relations:
                self._see_relations(pair)
            else:
                self._see(pair)
            yield pair

    def stats(self) -> PredictionStats:
        """Return the counts of all documents that passed."""
        made_up = sum(n for place, n in self._invented.items() if place not in self._classes)
        not_asked = self._not_asked
        if self._asked is None:
            not_asked = sum(n for label, n in self._labels.items() if label not in self._known)
        return PredictionStats(self._items, made_up, self._copies, not_asked)

    def _see(self, pair: Pair) -> None:
        found = list(items(pair.pred))
        self._items += len(found)
        self._copies += _copies(pair)
        self._classes.update(_class_places(pair.gold))
        self._invented.update(
            (one.label, one.role) for one in found if invented(one, pair.gold, ())
        )
        self._count([one.label for one in found], pair.gold.id)
        if self._asked is None:
            self._known.update(one.label for one in items(pair.gold))
            self._known.update(event.event_type for event in pair.gold.events)

    def _see_relations(self, pair: Pair) -> None:
        """Do for relations what `_see` does, without making items: files of them are large."""
        gold, found = pair.gold, pair.pred
        items = [item for item in found.relations if item.predicate != self._na]
        text, known = gold.text, self._known
        if self._asked is not None:
            known = set(self._asked.get(gold.id, ()))
        else:
            known.update([item.predicate for item in gold.relations])
        self._items += len(items)
        for item in items:
            if not (holds(text, item.head) and holds(text, item.tail)):
                made_up = not (stands(item.head, gold) and stands(item.tail, gold))
                self._invented[item.predicate, None] += made_up
            if item.predicate not in known:
                self._count((item.predicate,), gold.id)
        if len(items) > 1:
            self._copies += len(items) - len(set(map(_key, items)))

    def _count(self, labels: Iterable[str], name: str) -> None:
        if self._asked is None:
            for label in labels:
                self._labels[label] = self._labels.get(label, 0) + 1
        else:
            asked = self._asked.get(name, ())
            self._not_asked += sum(label not in asked for label in labels)


def _key(item: Triple) -> Hashable:
    slots = getattr(item, "tail_slots", None)
    triple = (item.predicate, item.head, item.tail)
    return (triple, *sorted(slots.items())) if slots else triple


def _copies(pair: Pair) -> int:
    """Count equal events, equal arguments of an event, and copies of entities too many.

    An entity without a place though its string stands in the text has more copies than the
    text has occurrences.
    """
    seen: set[Hashable] = set()
    copies = 0
    for one in pair.pred.entities:
        name = (one.type, one.text)
        surplus = one.start is None and name in seen and holds(pair.gold.text, one.text)
        copies += surplus or one in seen
        seen.update((one, name))
    events = dict.fromkeys(pair.pred.events)
    copies += len(pair.pred.events) - len(events)
    for event in events:
        told = [(one.role, one.text) for one in event.arguments]
        copies += len(told) - len(set(told))
    return copies
