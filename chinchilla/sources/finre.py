"""FinRE: relations between companies in financial news; a pair a line, a blank line after each.

https://github.com/thunlp/Chinese_NRE (data/FinRE)

    甲公司<TAB>乙公司<TAB>合作<TAB>甲公司与乙公司签署合作协议

Both directions are annotated: a directed relation has a 被-twin, a symmetric one comes twice.
The card's option `fold_twins` keeps the active one, or the first of two symmetric ones.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chinchilla.corpus import pairs
from chinchilla.corpus.card import Card
from chinchilla.corpus.read import Part, Spot
from chinchilla.readers.lines import Boundary, Slice
from chinchilla.schema import Record


def boundary(path: Path) -> Boundary:
    """Cut nowhere: the rows of a sentence belong together."""
    return "whole"


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    return part.records(pairs.sentences(part), to_fields, pairs.text_of)


def to_fields(group: pairs.Group, spot: Spot) -> dict[str, Any]:
    """Read a sentence; with `fold_twins`, no fact is written in both directions."""
    fields = pairs.to_fields(group, spot)
    if spot.card.options.get("fold_twins"):
        before = len(fields["relations"])
        fields["relations"] = fold(fields["relations"], spot.card)
        for _ in range(before - len(fields["relations"])):
            spot.mend("twin-folded")
    return fields


def fold(relations: list[dict[str, Any]], card: Card) -> list[dict[str, Any]]:
    """Leave out each relation whose twin in the other direction is kept."""
    active = {entry.twin: key for key, entry in card.labels.items() if entry.twin}
    kept: dict[tuple[str, str, str], dict[str, Any]] = {}
    facts = {(item["predicate"], item["head"], item["tail"]): item for item in relations}
    for (label, head, tail), relation in facts.items():
        other = (active.get(label, label), tail, head)
        has_twin = other in facts if label in active else other in kept
        if not (has_twin and (label in active or card.labels[label].symmetric)):
            kept[label, head, tail] = relation
    return list(kept.values())


def schema_labels(path: Path) -> set[str]:
    """Read the labels of relation2id.txt."""
    return pairs.schema_labels(Slice(path))
