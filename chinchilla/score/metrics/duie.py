"""The official metric of DuIE 2.0, with its aliases and its rule for book titles."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chinchilla.errors import AS_UTF8, InputError
from chinchilla.score.counts import Counts, ScoreOptions, Tallied, micro
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

Alias = Mapping[str, frozenset[str]]
_MARKS = ("\u300a", "\u300b")


class Spo(NamedTuple):
    """A normalised triple; the object is its value and its further slots by name."""

    predicate: str
    subject: str
    object: Mapping[str, str]


def duie_official(pairs: Iterable[Pair], options: ScoreOptions) -> Tallied:
    """Count triples that are equal in predicate, subject and every slot of the object.

    PaddlePaddle/Research, KG/DuIE_Baseline/script/re_official_evaluation.py: strings are
    lower-cased and lose one outer pair of book-title marks; types are ignored; a missing or a
    further slot is wrong. Both sides lose their duplicates. Precision counts predicted triples
    found in gold, recall counts gold triples found among the predictions before these lost
    their duplicates; the two counts differ with aliases only. There is no rule for NA: a
    predicted NA triple counts as any other, as it does in the script.
    """
    counts = []
    labels: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
    for pair in pairs:
        all_pred = triples(pair.pred)
        gold = _distinct(triples(pair.gold), options.alias)
        pred = _distinct(all_pred, options.alias)
        in_gold, in_pred = _TripleSet(options.alias, gold), _TripleSet(options.alias, all_pred)
        right = [item for item in pred if item in in_gold]
        recalled = sum(item in in_pred for item in gold)
        counts.append((len(right), recalled, len(pred), len(gold)))
        for names, items in zip(labels, (right, pred, gold), strict=True):
            names.update(item.predicate for item in items)
    columns = np.array(counts, dtype=np.float64).reshape(-1, 4)
    tp, tp_recall, n_pred, n_gold = map(float, columns.sum(axis=0))
    by_label = {
        name: Counts(*(column[name] for column in labels))
        for name in sorted(labels[1].keys() | labels[2].keys())
    }
    more = {"tp_recall_side": tp_recall}
    return Tallied(columns, by_label, Counts(tp, n_pred, n_gold), micro, more=more)


def triples(row: Row) -> list[Spo]:
    """Return the normalised triples of a row."""
    items = ((item, {"@value": item.tail, **(item.tail_slots or {})}) for item in row.relations)
    return [
        Spo(item.predicate, normal(item.head), {key: normal(slots[key]) for key in slots})
        for item, slots in items
    ]


def normal(string: str) -> str:
    """Return a string in lower case without one outer pair of book-title marks."""
    string = string.lower()
    if string.startswith(_MARKS[0]) and string.endswith(_MARKS[1]):
        return string[1:-1]
    return string


def _distinct(items: Iterable[Spo], alias: Alias) -> list[Spo]:
    kept = _TripleSet(alias)
    distinct = []
    for item in items:
        if item not in kept:
            kept.add(item)
            distinct.append(item)
    return distinct


class _TripleSet:
    """Triples that are looked up, aliases included."""

    def __init__(self, alias: Alias, items: Iterable[Spo] = ()) -> None:
        self._alias = alias
        self._keys: set[object] = set()
        self._objects: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        for item in items:
            self.add(item)

    def add(self, item: Spo) -> None:
        self._keys.add(_key(item))
        if self._alias:
            self._objects.setdefault((item.predicate, item.subject), []).append(item.object)

    def __contains__(self, item: Spo) -> bool:
        if _key(item) in self._keys:
            return True
        if not self._alias:
            return False
        subjects = {item.subject, *self._alias.get(item.subject, ())}
        return any(
            _same_object(other, item.object, self._alias)
            for subject in subjects
            for other in self._objects.get((item.predicate, subject), ())
        )


def _key(item: Spo) -> object:
    return item.predicate, item.subject, frozenset(item.object.items())


def _same_object(left: Mapping[str, str], right: Mapping[str, str], alias: Alias) -> bool:
    """Compare slot by slot; each value must be an alias of the other, in both directions."""
    if left.keys() != right.keys():
        return False
    differing = ((left[key], right[key]) for key in left if left[key] != right[key])
    return all(b in alias.get(a, ()) and a in alias.get(b, ()) for a, b in differing)


def read_alias(path: Path) -> dict[str, frozenset[str]]:
    """Read an alias file: a name and its aliases a line, separated by tabs, lower-cased here.

    The script looks subjects up one way and objects both ways, so that every surface form must
    be a key of its own; of a name that comes twice it keeps the last line, and so does
    this. Raises InputError for a file that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "not UTF-8", AS_UTF8) from error
    except OSError as error:
        what = error.strerror or "cannot be read"
        raise InputError(str(path), what, "pass a file of tabs, in UTF-8") from error
    alias: dict[str, frozenset[str]] = {}
    for line in lines:
        name, *others = line.strip().lower().split("\t")
        if name:
            alias[name] = frozenset(others)
    return alias
