"""Which kind of mistake each wrong item is, and which labels are taken for which."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from chinchilla.score.pairing import Pair
from chinchilla.score.prediction_stats import PredictedItem, class_roles, is_hallucinated, items

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
        """Take the items of a document."""
        self._gold, self._pred = dict(enumerate(gold)), list(pred)
        self._hallucinated = hallucinated
        self._comparisons = _LEAST_COMPARISONS + _COMPARISONS * (len(gold) + len(pred))
        self.uncompared = 0

    def findings(self, missed: Kind) -> Iterator[Finding]:
        """Yield every item once."""
        yield from self._take("right", _EqualItems(self._gold, lambda item: item.name).first)
        yield from self._take("wrong_label", _EqualItems(self._gold, lambda item: "").first)
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


class _EqualItems:
    """Indexes of gold items by a name, their strings and their offsets, those taken left out."""

    def __init__(
        self, gold: dict[int, PredictedItem], name: Callable[[PredictedItem], str]
    ) -> None:
        self._gold, self._name = gold, name
        self._queues: dict[object, deque[int]] = {}
        for index, item in gold.items():
            offsets = None if item.start is None else (item.start, item.end)
            self._queue(item, "any").append(index)
            self._queue(item, offsets).append(index)

    def first(self, item: PredictedItem) -> int | None:
        """Return the first that is left; an item without offsets matches at any."""
        offsets = ["any"] if item.start is None else [None, (item.start, item.end)]
        heads = [head for one in offsets if (head := self._head(item, one)) is not None]
        return min(heads, default=None)

    def _head(self, item: PredictedItem, offsets: object) -> int | None:
        queue = self._queue(item, offsets)
        while queue and queue[0] not in self._gold:
            queue.popleft()
        return queue[0] if queue else None

    def _queue(self, item: PredictedItem, offsets: object) -> deque[int]:
        key = (self._name(item), item.strings, item.role is None, offsets)
        return self._queues.setdefault(key, deque())


def _group(item: PredictedItem) -> tuple[str, bool, int]:
    """Return what items that may overlap have in common."""
    return item.name, item.role is None, len(item.strings)


def _overlap(gold: PredictedItem, pred: PredictedItem) -> bool:
    """Tell whether two items of one group share text; unlocated strings by containment."""
    if None not in (gold.start, gold.end, pred.start, pred.end):
        return bool(gold.start < pred.end and pred.start < gold.end)  # type: ignore[operator]
    pairs = zip(gold.strings, pred.strings, strict=True)
    return all(one in other or other in one for one, other in pairs)
