"""Gold and predicted rows side by side, by id and never by text; strings found in the text."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from chinchilla.errors import ConfigError
from chinchilla.score.rows import Row, ScoredEntity


class Pair(Struct, frozen=True, gc=False):
    """A document: its gold row and what was predicted for it."""

    gold: Row
    pred: Row


class Names(NamedTuple):
    """The names of both sides in errors: their files."""

    gold: str = "gold"
    pred: str = "predictions"


_NAMES = Names()


class Pairing:
    """The documents in the order of gold, paired while both sides are read.

    Where both sides have one order nothing is kept, so that files of any size are paired in
    little memory; else predictions wait until their gold row comes. A document without a
    prediction is predicted empty. `documents`, `missing` and `extra` are complete at the end.

    Raises ConfigError on the way for gold that is not labelled or not at its offsets and for a
    prediction of another text; at the end for a predicted id that gold does not have, unless it
    is allowed, for gold without rows, and where no gold row has a prediction.
    """

    def __init__(
        self,
        gold: Iterable[Row],
        pred: Iterable[Row],
        allow_extra: bool,
        names: Names = _NAMES,
    ) -> None:
        self._gold, self._pred, self._allow_extra = gold, iter(pred), allow_extra
        self._names = names
        self.documents = 0
        self.missing: list[str] = []
        self.extra: list[str] = []

    def __iter__(self) -> Iterator[Pair]:
        """Yield each document once; a pairing cannot be walked twice."""
        waiting: dict[str, Row] = {}
        others = self._pred
        for row in self._gold:
            if not row.labelled or row.entities or row.events:
                self._check_gold(row)
            pred = waiting.pop(row.id, None) if waiting else next(others, None)
            if pred is None or pred.id != row.id:
                pred = self._seek(row.id, pred, waiting)
            if pred.text != row.text and pred.text and row.text:
                what = f"the text of {row.id!r} is not the one that gold has"
                raise ConfigError(self._names.pred, what, "pass predictions of these records")
            self.documents += 1
            yield Pair(row, pred)
        self.extra = [*waiting, *(row.id for row in others)]
        self._check_ids()

    def _seek(self, name: str, first: Row | None, waiting: dict[str, Row]) -> Row:
        """Read on until the row of this id; those on the way wait."""
        if first is not None:
            waiting[first.id] = first
        for row in self._pred:
            if row.id == name:
                return row
            waiting[row.id] = row
        self.missing.append(name)
        return Row(name)

    def _check_gold(self, row: Row) -> None:
        """Raise ConfigError for gold that is not labelled, or not at its offsets."""
        if not row.labelled:
            what = f"the record {row.id!r} is marked as not labelled"
            raise ConfigError(self._names.gold, what, "pass labelled records")
        for string, start, end in _located(row):
            quoted = row.text[start:end]
            if quoted != string and row.text:
                what = f"{row.id!r} has {quoted!r} at {start}:{end}, not {string!r}"
                raise ConfigError(self._names.gold, what, "correct the offsets, or leave them null")

    def _check_ids(self) -> None:
        if not self.documents:
            todo = "pass a file in the exchange format"
            raise ConfigError(self._names.gold, "no gold rows", todo)
        if self.extra and not self._allow_extra:
            what = f"{len(self.extra)} predicted ids are not in gold, the first {self.extra[0]!r}"
            raise ConfigError(self._names.pred, what, "pass --allow-extra to leave them out")
        if len(self.missing) == self.documents:
            what = f"no prediction for any of {self.documents:,} documents of gold, the first "
            todo = "pass predictions of these records"
            raise ConfigError(self._names.pred, f"{what}{self.missing[0]!r}", todo)


def _located(row: Row) -> Iterator[tuple[str, int, int]]:
    """Yield each located string of a row with its offsets."""
    for entity in row.entities:
        if entity.start is not None and entity.end is not None:
            yield entity.text, entity.start, entity.end
    for event in row.events:
        if event.trigger and event.trigger_start is not None:
            yield event.trigger, event.trigger_start, event.trigger_start + len(event.trigger)
        for item in event.arguments:
            if item.start is not None:
                yield item.text, item.start, item.start + len(item.text)


def align(pair: Pair) -> Row:
    """Return the predicted row, strings without offsets placed at an occurrence in the text.

    Of each (type, string) the k-th copy takes the k-th occurrence, left to right and not
    overlapping, that no copy with offsets has; a copy too many and a string that is not in
    the text stay without. Copies are counted within a type, so that the order in which an
    answer lists its types is without effect.
    """
    pred = pair.pred
    if all(item.start is not None for item in pred.entities):
        return pred
    located = {item for item in pred.entities if item.start is not None}
    free: dict[tuple[str, str], Iterator[ScoredEntity]] = {}
    aligned = []
    for item in pred.entities:
        if item.start is None:
            key = (item.type, item.text)
            if key not in free:
                free[key] = _occurrences(item, pair.gold.text, located)
            item = next(free[key], item)
        aligned.append(item)
    return replace(pred, entities=tuple(aligned))


def _occurrences(
    item: ScoredEntity, text: str, located: set[ScoredEntity]
) -> Iterator[ScoredEntity]:
    """Yield the item at each of its occurrences that is not taken."""
    size = len(item.text)
    at = find(text, item.text) if size else -1
    while at >= 0:
        placed = ScoredEntity(item.type, item.text, at, at + size)
        if placed not in located:
            yield placed
        at = text.find(item.text, at + size)


SHORT_TEXT, _FEW, _LONGEST = 1_000, 64, 32
"""Length of a text that is always searched; searches of a length; characters of a piece."""


class _IndexedText:
    """A long text in which many strings are looked up, in time that grows with both together.

    It is searched for the first few strings of each length. Then all its pieces of that length
    (of `_LONGEST` characters at most) are noted with their first offsets, and looked up.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._searches: Counter[int] = Counter()
        self._offsets: dict[int, dict[str, int]] = {}

    def find(self, string: str) -> int:
        size = min(len(string), _LONGEST)
        self._searches[size] += 1
        if self._searches[size] <= _FEW or not size:
            return self._text.find(string)
        if size not in self._offsets:
            starts = range(len(self._text) - size, -1, -1)
            self._offsets[size] = {self._text[at : at + size]: at for at in starts}
        at = self._offsets[size].get(string[:size], -1)
        return at if len(string) == size or at < 0 else self._text.find(string, at)


_indexed = lru_cache(maxsize=2)(_IndexedText)


def find(text: str, string: str) -> int:
    """Return the first offset of a string in a text, -1 where it is not in it."""
    return text.find(string) if len(text) < SHORT_TEXT else _indexed(text).find(string)


def contains(row: Row, string: str) -> bool:
    """Tell whether a string is in the text or the title of a gold row."""
    return find(row.text, string) >= 0 or (row.title is not None and string in row.title)
