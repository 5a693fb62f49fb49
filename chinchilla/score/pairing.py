"""Put gold and predicted rows side by side, by id and never by text."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from msgspec import Struct

from chinchilla.errors import ConfigError
from chinchilla.score.rows import Gold, Row


class Pair(Struct, frozen=True, gc=False):
    """A document: its gold row and what was predicted for it."""

    gold: Gold
    pred: Row


class Names(NamedTuple):
    """What both sides are called in errors: their files."""

    gold: str = "gold"
    pred: str = "predictions"


class Pairing:
    """Yield the documents in the order of gold, while both sides are read.

    Where both sides have one order nothing is kept, so that files of any size are paired in
    little memory; else predictions wait until their gold row comes. A document without a
    prediction is predicted empty. `documents`, `missing` and `extra` are complete at the end,
    where ConfigError is raised for a predicted id that gold does not have, unless it is
    allowed, for a gold without rows, and where no gold row has a prediction. On the way it is
    raised for gold that is not labelled or not at its offsets, and for a prediction of another
    text.
    """

    def __init__(
        self,
        gold: Iterable[Gold],
        pred: Iterable[Row],
        allow_extra: bool,
        names: Names | None = None,
    ) -> None:
        """Take both sides; nothing is read yet."""
        self._gold, self._pred, self._allow_extra = gold, iter(pred), allow_extra
        self._names = names or Names()
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
        self._finish()

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

    def _check_gold(self, row: Gold) -> None:
        """Raise ConfigError for gold that is not labelled, or not at its offsets."""
        if not row.labelled:
            what = f"the record {row.id!r} is marked as not labelled"
            raise ConfigError(self._names.gold, what, "pass labelled records")
        for words, start, end in _places(row):
            there = row.text[start:end]
            if there != words and row.text:
                what = f"{row.id!r} has {there!r} at {start}:{end}, not {words!r}"
                raise ConfigError(self._names.gold, what, "correct the offsets, or leave them null")

    def _finish(self) -> None:
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


def _places(row: Gold) -> Iterator[tuple[str, int, int]]:
    """Yield each located string of a row with its offsets."""
    for one in row.entities:
        if one.start is not None and one.end is not None:
            yield one.text, one.start, one.end
    for event in row.events:
        if event.trigger and event.trigger_start is not None:
            yield event.trigger, event.trigger_start, event.trigger_start + len(event.trigger)
        for item in event.arguments:
            if item.start is not None:
                yield item.text, item.start, item.start + len(item.text)


def change(pairs: Iterable[Pair], edit: Callable[[Pair], Row]) -> Iterator[Pair]:
    """Yield the pairs with each predicted row replaced."""
    for one in pairs:
        yield Pair(one.gold, edit(one))
