"""What is wrong with predictions: counted whatever the gold is, then item by item against it."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

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
        self._na, self._asked = na, asked
        self._items = self._copies = 0
        self._hallucinated: Counter[ArgumentType] = Counter()
        # labels not asked, or not known so far
        self._labels: Counter[str] = Counter()
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
        not_asked = sum(n for label, n in self._labels.items() if label not in self._known)
        return PredictionStats(self._items, hallucinated, self._copies, not_asked)

    def _add(self, pair: Pair) -> None:
        gold, predicted = pair.gold, list(items(pair.pred))
        labels = [item.label for item in items(gold)]
        known = self._known_in(gold, labels + [event.event_type for event in gold.events])
        self._items += len(predicted)
        self._copies += _copies(pair)
        self._classes.update(class_roles(gold))
        self._hallucinated.update(
            (item.label, item.role) for item in predicted if is_hallucinated(item, gold)
        )
        self._labels.update(item.label for item in predicted if item.label not in known)

    def _add_relations(self, pair: Pair) -> None:
        """Do for relations what `_add` does, without making items: files of them are large."""
        gold, na = pair.gold, self._na
        predicted = [item for item in pair.pred.relations if item.predicate != na]
        known = self._known_in(gold, [item.predicate for item in gold.relations])
        self._items += len(predicted)
        text, short = gold.text, len(gold.text) < SHORT_TEXT
        for item in predicted:
            if not (short and item.head in text and item.tail in text):
                in_text = contains(gold, item.head) and contains(gold, item.tail)
                self._hallucinated[item.predicate, None] += not in_text
            if item.predicate not in known:
                self._labels[item.predicate] += 1
        # equal triples have equal tails: where all tails differ there is nothing to compare
        if len(predicted) > 1 and len({item.tail for item in predicted}) < len(predicted):
            self._copies += len(predicted) - len(set(map(_key, predicted)))

    def _known_in(self, gold: Row, labels: Iterable[str]) -> Collection[str]:
        """Return the labels asked of a document, or else those that gold has so far."""
        if self._asked is not None:
            return self._asked.get(gold.id, ())
        self._known.update(labels)
        return self._known


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


Kind = Literal[
    "right", "missed", "spurious", "wrong_label", "wrong_boundary", "hallucinated", "unparsed"
]
KINDS: tuple[Kind, ...] = (
    "missed",
    "spurious",
    "wrong_label",
    "wrong_boundary",
    "hallucinated",
    "unparsed",
)
_COMPARISONS, _LEAST_COMPARISONS = 100, 10_000
"""Comparisons for each item of a document, and for each document, that overlaps may take."""
Find = Callable[[PredictedItem], int | None]
"""From a predicted item to the index of the gold item that it matches."""


class Finding(NamedTuple):
    """A gold item, a predicted item, or both, and what became of them."""

    kind: Kind
    gold: PredictedItem | None
    pred: PredictedItem | None


class ExaminedDocument(NamedTuple):
    """A document and its findings; `uncompared` items were too many to compare for overlap."""

    pair: Pair
    findings: tuple[Finding, ...]
    uncompared: int = 0


Confusion = Counter[tuple[str | None, str | None]]
"""How often a gold label was predicted as a label; null for nothing."""


def examine(
    pairs: Sequence[Pair], na: str, unparsed: Collection[str]
) -> Iterator[ExaminedDocument]:
    """Yield each document with its findings; items of the negative label `na` are left out.

    `unparsed` has the ids of the documents whose answer could not be read.
    """
    classes = frozenset(key for pair in pairs for key in class_roles(pair.gold))
    for pair in pairs:
        gold = [item for item in items(pair.gold) if item.label != na]
        pred = [item for item in items(pair.pred) if item.label != na]
        hallucinated = {
            item
            for item in pred
            if (item.label, item.role) not in classes and is_hallucinated(item, pair.gold)
        }
        missed: Kind = "unparsed" if pair.gold.id in unparsed else "missed"
        matching = _Matching(gold, pred, hallucinated)
        yield ExaminedDocument(pair, tuple(matching.findings(missed)), matching.uncompared)


def confusion(documents: Iterable[ExaminedDocument]) -> Confusion:
    """Count which gold label met which predicted one, right boundaries or not."""
    return Counter(
        (finding.gold and finding.gold.name, finding.pred and finding.pred.name)
        for document in documents
        for finding in document.findings
    )


class _Matching:
    """Match in turn: equal items, equal strings, equal labels on overlapping strings.

    Each predicted item, in order, takes the first gold item that fits and is not taken. Equal
    ones are looked up; overlapping ones are compared, as often in all as `_COMPARISONS` allows.
    """

    def __init__(
        self,
        gold: Sequence[PredictedItem],
        pred: Sequence[PredictedItem],
        hallucinated: Collection[PredictedItem],
    ) -> None:
        self._gold, self._pred = dict(enumerate(gold)), list(pred)
        self._hallucinated = hallucinated
        self._comparisons = _LEAST_COMPARISONS + _COMPARISONS * (len(gold) + len(pred))
        self.uncompared = 0

    def findings(self, missed: Kind) -> Iterator[Finding]:
        """Yield every item once."""
        yield from self._take("right", _equal(self._gold, lambda item: item.name))
        yield from self._take("wrong_label", _equal(self._gold, lambda item: ""))
        yield from self._take("wrong_boundary", self._overlapping())
        for item in self._pred:
            yield Finding("hallucinated" if item in self._hallucinated else "spurious", None, item)
        for item in self._gold.values():
            yield Finding(missed, item, None)

    def _take(self, kind: Kind, find: Find) -> Iterator[Finding]:
        left = []
        for item in self._pred:
            usable = kind == "right" or item not in self._hallucinated
            match = find(item) if usable else None
            if match is None:
                left.append(item)
            else:
                yield Finding(kind, self._gold.pop(match), item)
        self._pred = left

    def _overlapping(self) -> Find:
        """Return what finds the first overlapping gold item, and takes it out of its group."""
        groups: dict[object, list[int]] = {}
        for index in reversed(self._gold):
            groups.setdefault(_group(self._gold[index]), []).append(index)

        def first(item: PredictedItem) -> int | None:
            group = groups.get(_group(item), [])
            for at in range(len(group) - 1, -1, -1):
                if not self._comparisons:
                    self.uncompared += 1
                    return None
                self._comparisons -= 1
                if _overlap(self._gold[group[at]], item):
                    return group.pop(at)
            return None

        return first


def _equal(gold: Mapping[int, PredictedItem], name: Callable[[PredictedItem], str]) -> Find:
    """Return what finds the first gold item left with the same name, strings and offsets.

    An item without offsets matches at any.
    """
    queues: dict[object, deque[int]] = {}

    def queue(item: PredictedItem, offsets: object) -> deque[int]:
        key = (name(item), item.strings, item.role is None, offsets)
        return queues.setdefault(key, deque())

    for index, item in gold.items():
        queue(item, "any").append(index)
        queue(item, None if item.start is None else (item.start, item.end)).append(index)

    def first(item: PredictedItem) -> int | None:
        heads = []
        for offsets in ["any"] if item.start is None else [None, (item.start, item.end)]:
            waiting = queue(item, offsets)
            while waiting and waiting[0] not in gold:
                waiting.popleft()
            heads += [waiting[0]] if waiting else []
        return min(heads, default=None)

    return first


def _group(item: PredictedItem) -> tuple[str, bool, int]:
    """Return what items that may overlap have in common."""
    return item.name, item.role is None, len(item.strings)


def _overlap(gold: PredictedItem, pred: PredictedItem) -> bool:
    """Tell whether two items of one group share text; unlocated strings by containment."""
    if None not in (gold.start, gold.end, pred.start, pred.end):
        return bool(gold.start < pred.end and pred.start < gold.end)  # type: ignore[operator]
    pairs = zip(gold.strings, pred.strings, strict=True)
    return all(one in other or other in one for one, other in pairs)
