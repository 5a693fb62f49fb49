"""Offsets for predicted strings, so that span metrics work for generated answers."""

from collections.abc import Iterator

from msgspec.structs import replace

from chinchilla.score.pairing import Pair
from chinchilla.score.passages import find
from chinchilla.score.rows import Row, ScoredEntity


def align(pair: Pair) -> Row:
    """Place each predicted string without offsets at an occurrence of its own in the text.

    Of each (type, string) the k-th copy takes the k-th occurrence, left to right and not
    overlapping, that no copy with offsets holds; a copy too many and a string that is not in
    the text stay without. Copies are counted within a type, so that the order in which an
    answer lists its types is without effect.
    """
    pred = pair.pred
    if all(item.start is not None for item in pred.entities):
        return pred
    held = {item for item in pred.entities if item.start is not None}
    places: dict[tuple[str, str], Iterator[ScoredEntity]] = {}
    placed = []
    for item in pred.entities:
        if item.start is None:
            free = places.get((item.type, item.text))
            if free is None:
                free = places[item.type, item.text] = _free(item, pair.gold.text, held)
            item = next(free, item)
        placed.append(item)
    return replace(pred, entities=tuple(placed))


def _free(item: ScoredEntity, text: str, held: set[ScoredEntity]) -> Iterator[ScoredEntity]:
    """Yield the item at each of its occurrences that is not held."""
    size = len(item.text)
    at = find(item.text, text) if size else -1
    while at >= 0:
        placed = ScoredEntity(item.type, item.text, at, at + size)
        if placed not in held:
            yield placed
        at = text.find(item.text, at + size)
