"""What is wrong with predictions whatever the gold is: hallucinated, repeated, not asked."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

from chinchilla.score.pairing import SHORT_TEXT, Pair, contains, find
from chinchilla.score.rows import Row, ScoredEvent, ScoredRelation

ArgumentType = tuple[str, str | None]
"""An event type and a role."""


class PredictedItem(NamedTuple):
    """A predicted or gold item of any task: its label, its strings, its role, its offsets."""

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

    An item is hallucinated if a string of it is in neither text nor title, class-valued roles
    excepted; a duplicate if an equal one comes before it in its document; not asked if its
    label is none of those asked (of those of gold where it is not known what was asked).
    """

    items: int
    hallucinated: int
    duplicates: int
    not_asked: int


def items(row: Row) -> Iterator[PredictedItem]:
    """Yield the items of a row: entities, relations, triggers and arguments."""
    for entity in row.entities:
        yield PredictedItem(entity.type, (entity.text,), None, entity.start, entity.end)
    for relation in row.relations:
        yield PredictedItem(relation.predicate, (relation.head, relation.tail))
    for event in row.events:
        yield from _event_items(event)


def _event_items(event: ScoredEvent) -> Iterator[PredictedItem]:
    if event.trigger:
        start = event.trigger_start
        end = None if start is None else start + len(event.trigger)
        yield PredictedItem(event.event_type, (event.trigger,), None, start, end)
    for item in event.arguments:
        end = None if item.start is None else item.start + len(item.text)
        yield PredictedItem(event.event_type, (item.text,), item.role, item.start, end)


def class_roles(gold: Row) -> Iterator[ArgumentType]:
    """Yield the class-valued roles that gold marks: their strings are in no text."""
    for event in gold.events:
        for item in event.arguments:
            if item.where == "class":
                yield event.event_type, item.role


def is_hallucinated(item: PredictedItem, gold: Row) -> bool:
    """Tell whether a string of the item is in neither text nor title."""
    return not all(contains(gold, string) for string in item.strings)


class StatsCollector:
    """Count what is wrong with predicted items while documents pass by."""

    def __init__(self, asked: Mapping[str, Collection[str]] | None, na: str) -> None:
        """Take the labels asked, by record id, where they are known, and the negative label.

        A relation of that label is no item: it says that there is none.
        """
        self._na = na
        self._asked = asked
        self._items = self._copies = self._not_asked = 0
        self._hallucinated: Counter[ArgumentType] = Counter()
        self._labels: dict[str, int] = {}
        self._known: set[str] = set()
        self._classes: set[ArgumentType] = set()

    def watch(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Yield the documents unchanged."""
        for pair in pairs:
            if pair.gold.relations or pair.pred.relations:
                self._add_relations(pair)
            else:
                self._add(pair)
            yield pair

    def stats(self) -> PredictionStats:
        """Return the counts of all documents that passed."""
        hallucinated = sum(n for key, n in self._hallucinated.items() if key not in self._classes)
        not_asked = self._not_asked
        if self._asked is None:
            not_asked = sum(n for label, n in self._labels.items() if label not in self._known)
        return PredictionStats(self._items, hallucinated, self._copies, not_asked)

    def _add(self, pair: Pair) -> None:
        predicted = list(items(pair.pred))
        self._items += len(predicted)
        self._copies += _copies(pair)
        self._classes.update(class_roles(pair.gold))
        self._hallucinated.update(
            (item.label, item.role) for item in predicted if is_hallucinated(item, pair.gold)
        )
        self._count([item.label for item in predicted], pair.gold.id)
        if self._asked is None:
            self._known.update(item.label for item in items(pair.gold))
            self._known.update(event.event_type for event in pair.gold.events)

    def _add_relations(self, pair: Pair) -> None:
        """Do for relations what `_add` does, without making items: files of them are large."""
        gold, na = pair.gold, self._na
        predicted = [item for item in pair.pred.relations if item.predicate != na]
        text, known = gold.text, self._known
        if self._asked is not None:
            known = set(self._asked.get(gold.id, ()))
        else:
            known.update([item.predicate for item in gold.relations])
        self._items += len(predicted)
        short = len(text) < SHORT_TEXT
        for item in predicted:
            if not (short and item.head in text and item.tail in text):
                in_text = contains(gold, item.head) and contains(gold, item.tail)
                self._hallucinated[item.predicate, None] += not in_text
            if item.predicate not in known:
                self._count((item.predicate,), gold.id)
        # equal triples have equal tails: where all tails differ there is nothing to compare
        if len(predicted) > 1 and len({item.tail for item in predicted}) < len(predicted):
            self._copies += len(predicted) - len(set(map(_key, predicted)))

    def _count(self, labels: Iterable[str], name: str) -> None:
        if self._asked is None:
            for label in labels:
                self._labels[label] = self._labels.get(label, 0) + 1
        else:
            asked = self._asked.get(name, ())
            self._not_asked += sum(label not in asked for label in labels)


def _key(item: ScoredRelation) -> Hashable:
    slots = sorted(item.tail_slots.items()) if item.tail_slots else ()
    return item.predicate, item.head, item.tail, *slots


def _copies(pair: Pair) -> int:
    """Count equal events, equal arguments of an event, and copies of entities too many.

    An entity without offsets though its string is in the text has more copies than the text has
    occurrences.
    """
    seen: set[Hashable] = set()
    copies = 0
    for item in pair.pred.entities:
        name = (item.type, item.text)
        surplus = item.start is None and name in seen and find(pair.gold.text, item.text) >= 0
        copies += surplus or item in seen
        seen.update((item, name))
    events = dict.fromkeys(pair.pred.events)
    copies += len(pair.pred.events) - len(events)
    for event in events:
        arguments = [(item.role, item.text) for item in event.arguments]
        copies += len(arguments) - len(set(arguments))
    return copies
