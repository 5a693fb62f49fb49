"""Put gold and predicted rows side by side, by id and never by text."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from chinchilla.errors import ConfigError
from chinchilla.score.rows import Gold, Row


class Pair(Struct, frozen=True, gc=False):
    """A document: its gold row and what was predicted for it."""

    gold: Gold
    pred: Row


class Pairing:
    """Yield the documents in the order of gold, while both sides are read.

    Where both sides have one order nothing is kept, so that files of any size are paired in
    little memory; else predictions wait until their gold row comes. A document without a
    prediction is predicted empty. `documents`, `missing` and `extra` are complete at the end,
    where ConfigError is raised for a predicted id that gold does not have, unless it is
    allowed, and for a gold without rows.
    """

    def __init__(self, gold: Iterable[Gold], pred: Iterable[Row], allow_extra: bool) -> None:
        """Take both sides; nothing is read yet."""
        self._gold, self._pred, self._allow_extra = gold, iter(pred), allow_extra
        self.documents = 0
        self.missing: list[str] = []
        self.extra: list[str] = []

    def __iter__(self) -> Iterator[Pair]:
        """Yield each document once; a pairing cannot be walked twice."""
        waiting: dict[str, Row] = {}
        others = self._pred
        for row in self._gold:
            if not row.labelled:
                what = f"the record {row.id!r} is marked as not labelled"
                raise ConfigError("gold", what, "pass labelled records")
            pred = waiting.pop(row.id, None) if waiting else next(others, None)
            if pred is None or pred.id != row.id:
                pred = self._seek(row.id, pred, waiting)
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

    def _finish(self) -> None:
        if not self.documents:
            raise ConfigError("gold", "no gold rows", "pass a file in the exchange format")
        if self.extra and not self._allow_extra:
            what = f"{len(self.extra)} predicted ids are not in gold, the first {self.extra[0]!r}"
            raise ConfigError("predictions", what, "pass --allow-extra to leave them out")


def change(pairs: Iterable[Pair], edit: Callable[[Pair], Row]) -> Iterator[Pair]:
    """Yield the pairs with each predicted row replaced."""
    for one in pairs:
        yield Pair(one.gold, edit(one))
