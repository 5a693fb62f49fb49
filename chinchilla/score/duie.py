"""The official metric of DuIE 2.0, with its aliases and its rule for book titles."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chinchilla.errors import InputError
from chinchilla.score.counts import Counts, Options, Tallied, micro
from chinchilla.score.exact import label_counts
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Relation, Row

Alias = Mapping[str, frozenset[str]]
_MARKS = ("\u300a", "\u300b")


class Spo(NamedTuple):
    """A normalised triple; the object is its value and its further slots by name."""

    predicate: str
    subject: str
    object: Mapping[str, str]


def duie_official(pairs: Iterable[Pair], options: Options) -> Tallied:
    """Count triples that are equal in predicate, subject and every slot of the object.

    PaddlePaddle/Research, KG/DuIE_Baseline/script/re_official_evaluation.py: strings are
    lower-cased and lose one outer pair of book-title marks; types are ignored; a missing or a
    further slot is wrong. Both sides lose their duplicates. Precision counts predicted triples
    found in gold, recall counts gold triples found among the predictions before these lost
    their duplicates; the two counts differ with aliases only. There is no rule for NA: a
    predicted NA triple counts as any other, as it does in the script.
    """
    counted = []
    labels: tuple[list[str], list[str], list[str]] = ([], [], [])
    for one in pairs:
        gold, pred = triples(one.gold), triples(one.pred)
        wanted, found = _distinct(gold, options.alias), _distinct(pred, options.alias)
        right = [item for item in found if _stands_in(item, wanted, options.alias)]
        recalled = sum(_stands_in(item, pred, options.alias) for item in wanted)
        counted.append((len(right), recalled, len(found), len(wanted)))
        for names, items in zip(labels, (right, found, wanted), strict=True):
            names.extend(item.predicate for item in items)
    columns = np.array(counted, dtype=np.float64).reshape(-1, 4)
    sums = columns.sum(axis=0)
    totals = Counts(float(sums[0]), float(sums[2]), float(sums[3]))
    more = {"tp_recall_side": float(sums[1])}
    return Tallied(columns, label_counts(*labels), totals, micro, more=more)


def triples(row: Row) -> list[Spo]:
    """Return the normalised triples of a row."""
    return [_spo(item) for item in row.relations]


def _spo(item: Relation) -> Spo:
    values = {"@value": item.tail, **(item.tail_slots or {})}
    return Spo(
        item.predicate, normal(item.head), {key: normal(value) for key, value in values.items()}
    )


def normal(words: str) -> str:
    """Lower-case a string and take off one outer pair of book-title marks."""
    words = words.lower()
    if words.startswith(_MARKS[0]) and words.endswith(_MARKS[1]):
        return words[1:-1]
    return words


def _distinct(items: Iterable[Spo], alias: Alias) -> list[Spo]:
    kept: list[Spo] = []
    for item in items:
        if not _stands_in(item, kept, alias):
            kept.append(item)
    return kept


def _stands_in(item: Spo, others: Sequence[Spo], alias: Alias) -> bool:
    if item in others:
        return True
    if not alias:
        return False
    known = alias.get(item.subject, frozenset())
    return any(
        other.predicate == item.predicate
        and (other.subject == item.subject or other.subject in known)
        and _same_object(other.object, item.object, alias)
        for other in others
    )


def _same_object(left: Mapping[str, str], right: Mapping[str, str], alias: Alias) -> bool:
    """Compare slot by slot; each value must be an alias of the other, in both directions."""
    return left.keys() == right.keys() and all(
        _known_as(left[key], right[key], alias) and _known_as(right[key], left[key], alias)
        for key in left
    )


def _known_as(name: str, other: str, alias: Alias) -> bool:
    return name == other or other in alias.get(name, frozenset())


def read_alias(path: Path) -> dict[str, frozenset[str]]:
    """Read an alias file: a name and its aliases a line, separated by tabs, lower-cased here.

    The script looks subjects up one way and objects both ways, so that every surface form must
    stand as a key of its own; of a name that comes twice it keeps the last line, and so does
    this. Raises InputError for a file that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), str(error), "pass a UTF-8 file of tabs") from error
    alias: dict[str, frozenset[str]] = {}
    for line in lines:
        name, *others = line.strip().lower().split("\t")
        if name:
            alias[name] = frozenset(others)
    return alias
