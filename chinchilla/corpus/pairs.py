"""Rows of head, tail, relation and sentence, put together by sentence (FinRE and SanWen)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from chinchilla.corpus.read import Part, Spot
from chinchilla.errors import InputError, Tally
from chinchilla.readers import tsv
from chinchilla.readers.lines import Slice, text_lines


class Group(NamedTuple):
    """The rows of a sentence with their lines, and whether one of them could not be read."""

    rows: list[tuple[int, list[str]]]
    damaged: bool


def sentences(part: Part) -> Iterator[tuple[int, Group]]:
    """Yield the line of a sentence's first row and all its rows, in the order of the file.

    The rows of a sentence may stand apart (SanWen), so the file is held in memory; the largest
    published one has 2.5 MB.
    """
    groups: dict[str, list[tuple[int, list[str]]]] = {}
    broken: list[str] = []
    for place, row in tsv.rows(part.slice, 4, part.line_tally, broken):
        groups.setdefault(row[3], []).append((place, row))
    damaged = frozenset(broken)
    for sentence, rows in groups.items():
        yield rows[0][0], Group(rows, sentence in damaged)


def text_of(group: Group) -> str:
    """Return the sentence of its rows."""
    return group.rows[0][1][3]


def to_fields(group: Group, spot: Spot) -> dict[str, Any]:
    """Read a sentence; negative pairs apart from relations, an exactly repeated row once.

    One without a relation, of which a row could not be read, is unlabelled: it may have had one.
    """
    relations: list[dict[str, str]] = []
    negatives: list[dict[str, str]] = []
    seen: set[tuple[str, ...]] = set()
    for place, row in group.rows:
        head, tail, label, _ = row
        if (head, tail, label) in seen:
            spot.mend("repeated-row", place - spot.place)
            continue
        seen.add((head, tail, label))
        relation = {"predicate": label, "head": head, "tail": tail}
        (negatives if label == spot.card.na else relations).append(relation)
    fields = {"text": text_of(group), "relations": relations, "na_pairs": negatives}
    return fields | {"labelled": False} if group.damaged and not relations else fields


def schema_labels(part: Slice) -> set[str]:
    """Read the labels of relation2id.txt: label, tab or space, number."""
    labels = set()
    for place, line in text_lines(part, Tally()):
        label, _, number = line.replace("\t", " ").rpartition(" ")
        if line and not (label and number.isdigit()):
            what = f"expected a label and a number, found {line!r}"
            raise InputError(part.at(place), what, "is this relation2id.txt?")
        labels.add(label)
    return labels - {""}
