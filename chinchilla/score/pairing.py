"""Put gold and predicted rows side by side, by id and never by text."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from chinchilla.errors import ConfigError
from chinchilla.score.rows import Row, Rows


class Pair(NamedTuple):
    """A document: its gold row and what was predicted for it."""

    gold: Row
    pred: Row


class Paired(NamedTuple):
    """All gold documents in order, and the ids that only one side has."""

    pairs: list[Pair]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def pair(gold: Rows, pred: Rows, allow_extra: bool = False) -> Paired:
    """Pair the rows; a document without a prediction is predicted empty and counted.

    Raises ConfigError for a predicted id that gold does not have, unless it is allowed.
    """
    missing = tuple(name for name in gold if name not in pred)
    extra = tuple(name for name in pred if name not in gold)
    if extra and not allow_extra:
        what = f"{len(extra)} predicted ids are not in gold, the first is {extra[0]!r}"
        raise ConfigError("predictions", what, "pass --allow-extra to leave them out")
    pairs = [Pair(row, pred.get(name) or Row(name)) for name, row in gold.items()]
    return Paired(pairs, missing, extra)


def change(pairs: Iterable[Pair], edit: Callable[[Pair], Row]) -> list[Pair]:
    """Return the pairs with each predicted row replaced."""
    return [Pair(one.gold, edit(one)) for one in pairs]
