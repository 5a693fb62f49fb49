"""What kind of mistake each wrong item is, and which labels are taken for which."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from chinchilla.score.pairing import Pair
from chinchilla.score.prediction_stats import PredictedItem, class_roles, invented, items

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
_LOOKS, _LEAST_LOOKS = 100, 10_000
"""Comparisons for each item of a document, and for each document, that overlaps may take."""


class Finding(NamedTuple):
    """A gold item, a predicted item, or both, and what became of them."""

    kind: Kind
    gold: PredictedItem | None
    pred: PredictedItem | None


class ExaminedDocument(NamedTuple):
    """A document and what was found in it; `unlooked` items were too many to look at closely."""

    pair: Pair
    findings: tuple[Finding, ...]
    unlooked: int = 0


Confusion = Counter[tuple[str | None, str | None]]
"""How often a gold label was predicted as a label; null for nothing."""


def examine(pairs: Sequence[Pair], na: str, unread: Collection[str]) -> Iterator[ExaminedDocument]:
    """Yield each document with its findings; gold of an unread answer is `unparsed`."""
    classes = class_roles(pairs)
    for pair in pairs:
        gold = [item for item in items(pair.gold) if item.label != na]
        pred = [item for item in items(pair.pred) if item.label != na]
        made_up = {item for item in pred if invented(item, pair.gold, classes)}
        missed: Kind = "unparsed" if pair.gold.id in unread else "missed"
        matching = _Matching(gold, pred, made_up)
        yield ExaminedDocument(pair, tuple(matching.findings(missed)), matching.unlooked)


def confusion(documents: Iterable[ExaminedDocument]) -> Confusion:
    """Count which gold label met which predicted one, right boundaries or not."""
    return Counter(
        (one.gold and one.gold.name, one.pred and one.pred.name)
        for document in documents
        for one in document.findings
    )


class _Matching:
    """Match in turn: equal items, equal strings, equal labels on overlapping strings.

    Each predicted item, in order, takes the first gold item that fits and is not taken. Equal
    ones are looked up; overlapping ones are compared, in all so often as `_LOOKS` allows.
    """

    def __init__(
        self,
        gold: Sequence[PredictedItem],
        pred: Sequence[PredictedItem],
        made_up: Collection[PredictedItem],
    ) -> None:
        """Take the items of a document."""
        self._gold, self._pred, self._made_up = dict(enumerate(gold)), list(pred), made_up
        self._looks = _LEAST_LOOKS + _LOOKS * (len(gold) + len(pred))
        self.unlooked = 0

    def findings(self, missed: Kind) -> Iterator[Finding]:
        """Yield every item once."""
        yield from self._take("right", _Same(self._gold, lambda item: item.name).first)
        yield from self._take("wrong_label", _Same(self._gold, lambda item: "").first)
        yield from self._take("wrong_boundary", self._overlapping())
        for item in self._pred:
            yield Finding("hallucinated" if item in self._made_up else "spurious", None, item)
        for item in self._gold.values():
            yield Finding(missed, item, None)

    def _take(self, kind: Kind, first: Callable[[PredictedItem], int | None]) -> Iterator[Finding]:
        left = []
        for item in self._pred:
            known = kind == "right" or item not in self._made_up
            match = first(item) if known else None
            if match is None:
                left.append(item)
            else:
                yield Finding(kind, self._gold.pop(match), item)
        self._pred = left

    def _overlapping(self) -> Callable[[PredictedItem], int | None]:
        """Return what finds the first overlapping gold item, and takes it out of its group."""
        groups: dict[object, list[int]] = {}
        for index in reversed(self._gold):
            groups.setdefault(_group(self._gold[index]), []).append(index)

        def first(item: PredictedItem) -> int | None:
            group = groups.get(_group(item), [])
            for place in range(len(group) - 1, -1, -1):
                if not self._looks:
                    self.unlooked += 1
                    return None
                self._looks -= 1
                if _overlap(self._gold[group[place]], item):
                    return group.pop(place)
            return None

        return first


class _Same:
    """Gold items by their strings and a name, each with the places they stand at."""

    def __init__(
        self, gold: dict[int, PredictedItem], name: Callable[[PredictedItem], str]
    ) -> None:
        self._gold, self._name = gold, name
        self._places: dict[object, deque[int]] = {}
        for index, item in gold.items():
            place = None if item.start is None else (item.start, item.end)
            self._queue(item, "any").append(index)
            self._queue(item, place).append(index)

    def first(self, item: PredictedItem) -> int | None:
        """Return the first that is left; what has no place may stand at any."""
        places = ["any"] if item.start is None else [None, (item.start, item.end)]
        heads = [head for place in places if (head := self._head(item, place)) is not None]
        return min(heads, default=None)

    def _head(self, item: PredictedItem, place: object) -> int | None:
        queue = self._queue(item, place)
        while queue and queue[0] not in self._gold:
            queue.popleft()
        return queue[0] if queue else None

    def _queue(self, item: PredictedItem, place: object) -> deque[int]:
        key = (self._name(item), item.strings, item.role is None, place)
        return self._places.setdefault(key, deque())


def _group(item: PredictedItem) -> tuple[str, bool, int]:
    """Return what items that may overlap have in common."""
    return item.name, item.role is None, len(item.strings)


def _overlap(gold: PredictedItem, pred: PredictedItem) -> bool:
    """Tell whether two items of one group share text; unlocated strings by containment."""
    if None not in (gold.start, gold.end, pred.start, pred.end):
        return bool(gold.start < pred.end and pred.start < gold.end)  # type: ignore[operator]
    pairs = zip(gold.strings, pred.strings, strict=True)
    return all(one in other or other in one for one, other in pairs)
