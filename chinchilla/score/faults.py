"""What kind of mistake each wrong item is, and which labels are taken for which."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from chinchilla.score.health import Item, class_roles, invented, items
from chinchilla.score.pairing import Pair

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


class Finding(NamedTuple):
    """A gold item, a predicted item, or both, and what became of them."""

    kind: Kind
    gold: Item | None
    pred: Item | None


class Document(NamedTuple):
    """A document and what was found in it."""

    pair: Pair
    findings: tuple[Finding, ...]


Confusion = Counter[tuple[str | None, str | None]]
"""How often a gold label was predicted as a label; null for nothing."""


def examine(pairs: Sequence[Pair], na: str, unread: Collection[str]) -> Iterator[Document]:
    """Yield each document with its findings; gold of an unread answer is `unparsed`."""
    classes = class_roles(pairs)
    for pair in pairs:
        gold = [item for item in items(pair.gold) if item.label != na]
        pred = [item for item in items(pair.pred) if item.label != na]
        made_up = [item for item in pred if invented(item, pair.gold, classes)]
        missed: Kind = "unparsed" if pair.gold.id in unread else "missed"
        yield Document(pair, tuple(_findings(gold, pred, made_up, missed)))


def confusion(documents: Iterable[Document]) -> Confusion:
    """Count which gold label met which predicted one, right boundaries or not."""
    return Counter(
        (one.gold and one.gold.name, one.pred and one.pred.name)
        for document in documents
        for one in document.findings
    )


def _findings(
    gold: list[Item], pred: list[Item], made_up: list[Item], missed: Kind
) -> Iterator[Finding]:
    """Match in turn: equal items, equal strings, equal labels on overlapping strings."""
    passes: tuple[tuple[Kind, Callable[[Item, Item], bool]], ...] = (
        ("right", _equal),
        ("wrong_label", _same_strings),
        ("wrong_boundary", _overlap),
    )
    for kind, alike in passes:
        pred_left = []
        for item in pred:
            known = kind == "right" or item not in made_up
            match = next((one for one in gold if known and alike(one, item)), None)
            if match is None:
                pred_left.append(item)
            else:
                gold.remove(match)
                yield Finding(kind, match, item)
        pred = pred_left
    for item in pred:
        yield Finding("hallucinated" if item in made_up else "spurious", None, item)
    for item in gold:
        yield Finding(missed, item, None)


def _equal(gold: Item, pred: Item) -> bool:
    return gold.name == pred.name and _same_strings(gold, pred)


def _same_strings(gold: Item, pred: Item) -> bool:
    located = gold.start is not None and pred.start is not None
    place = not located or (gold.start, gold.end) == (pred.start, pred.end)
    return place and gold.strings == pred.strings and _same_sort(gold, pred)


def _overlap(gold: Item, pred: Item) -> bool:
    """Tell whether two items of one label share text; unlocated strings by containment."""
    if gold.name != pred.name or not _same_sort(gold, pred):
        return False
    if None not in (gold.start, gold.end, pred.start, pred.end):
        return bool(gold.start < pred.end and pred.start < gold.end)  # type: ignore[operator]
    pairs = zip(gold.strings, pred.strings, strict=True)
    return all(one in other or other in one for one, other in pairs)


def _same_sort(gold: Item, pred: Item) -> bool:
    """Tell whether both are triggers, or both arguments, and have as many strings."""
    return (gold.role is None) == (pred.role is None) and len(gold.strings) == len(pred.strings)
