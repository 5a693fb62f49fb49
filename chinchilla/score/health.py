"""What is wrong with predictions whatever the gold says: invented, repeated, not asked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Event, Row


class Item(NamedTuple):
    """A predicted or gold item of any task: its label, its role if any, its strings, its place."""

    label: str
    strings: tuple[str, ...]
    role: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def name(self) -> str:
        """Return the label, with the role after a stroke."""
        return self.label if self.role is None else f"{self.label}/{self.role}"


class Health(NamedTuple):
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


def items(row: Row) -> Iterator[Item]:
    """Yield the items of a row: entities, relations, triggers and arguments."""
    for one in row.entities:
        yield Item(one.type, (one.text,), None, one.start, one.end)
    for triple in row.relations:
        yield Item(triple.predicate, (triple.head, triple.tail))
    for event in row.events:
        yield from _event_items(event)


def _event_items(event: Event) -> Iterator[Item]:
    if event.trigger:
        start = event.trigger_start
        end = None if start is None else start + len(event.trigger)
        yield Item(event.event_type, (event.trigger,), None, start, end)
    for one in event.arguments:
        end = None if one.start is None else one.start + len(one.text)
        yield Item(event.event_type, (one.text,), one.role, one.start, end)


def class_roles(pairs: Sequence[Pair]) -> frozenset[tuple[str, str]]:
    """Return (event type, role) of the roles that gold marks as class-valued."""
    return frozenset(
        (event.event_type, one.role)
        for pair in pairs
        for event in pair.gold.events
        for one in event.arguments
        if one.where == "class"
    )


def invented(item: Item, gold: Row, classes: Collection[tuple[str, str]]) -> bool:
    """Tell whether a string of the item stands in neither text nor title."""
    if (item.label, item.role) in classes:
        return False
    for words in item.strings:
        if words not in gold.text and (not gold.title or words not in gold.title):
            return True
    return False


def check(pairs: Sequence[Pair], asked: Asked | None) -> Health:
    """Count what is wrong with the predicted items of all documents."""
    classes = class_roles(pairs)
    known = {item.label for pair in pairs for item in items(pair.gold)}
    counted = [0, 0, 0, 0]
    for pair in pairs:
        found = list(items(pair.pred))
        labels = known if asked is None else asked.get(pair.gold.id, ())
        counted[0] += len(found)
        counted[1] += sum(invented(item, pair.gold, classes) for item in found)
        counted[2] += _duplicates(pair)
        counted[3] += sum(item.label not in labels for item in found)
    return Health(*counted)


def _duplicates(pair: Pair) -> int:
    """Count copies: equal relations, equal events, equal arguments of an event, copies too many.

    An entity without a place though its string stands in the text has more copies than the
    text has occurrences.
    """
    pred = pair.pred
    seen: set[tuple[object, ...]] = set()
    copies = 0
    for one in pred.entities:
        surplus = one.start is None and one[:2] in seen and one.text in pair.gold.text
        copies += surplus or one in seen
        seen.update((one, one[:2]))
    triples = [(*item[:5], tuple(sorted((item.slots or {}).items()))) for item in pred.relations]
    copies += len(triples) - len(set(triples))
    copies += len(pred.events) - len(set(pred.events))
    for event in set(pred.events):
        told = [(one.role, one.text) for one in event.arguments]
        copies += len(told) - len(set(told))
    return copies
