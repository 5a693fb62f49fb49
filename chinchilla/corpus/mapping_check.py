"""Whether a mapping fits a file as a whole: its lists are there, its offsets are not one off."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from chinchilla.corpus.mapping import GOLD, Mapping, Setting, tried
from chinchilla.corpus.paths import ABSENT, lookup, walk
from chinchilla.corpus.read import SplitReader
from chinchilla.errors import CardError, ChinchillaError
from chinchilla.readers import jsonl
from chinchilla.readers.context import SplitSlice
from chinchilla.readers.jsonl import Row
from chinchilla.readers.shape import MisfitError, nearest
from chinchilla.schema import Record
from chinchilla.tally import Tally

SPANS = 5000
"""So many spans are looked at for surfaces that come again and again."""


class Unmet(NamedTuple):
    """A list path that no record of a file has, with the keys of the first and the nearest one."""

    table: str
    path: str
    keys: tuple[str, ...]
    near: str | None


def check_mapping(reader: SplitReader, mapping: Mapping, part: SplitSlice) -> None:
    """Raise CardError for a list that no record of a file has; warn of spans one off."""
    _check_lists(part, mapping, GOLD[reader.card.task])
    if mapping.entities is not None and mapping.entities.text is None:
        _check_surfaces(part, mapping, reader.records(part.slice, Tally(forgiving=True)))


def _check_lists(part: SplitSlice, mapping: Mapping, gold: str) -> None:
    """Raise CardError where a list of the mapping is in no record of a file.

    The list of the task itself may be missing in a file without labels, if no key is near to it.
    """
    unmet = list(_unmet(part, mapping))
    unlabelled = any(path.table == gold for path in unmet) and part.split != "train"
    for table, path, keys, near in unmet:
        if table == "title":
            todo = f"correct title in [mapping] of {part.own_card}, or leave it out"
            part.tally.warn("no-title", str(part.slice.path), todo)
        elif near is not None or not unlabelled:
            hint = "" if near is None else f", the nearest is {near!r}"
            what = f"no record has {table}.list {path!r}; the first has the keys {', '.join(keys)}"
            todo = f"correct [mapping] in {part.own_card}, or take {table} out of it"
            raise CardError(str(part.slice.path), f"{what}{hint}; tried {tried(mapping)}", todo)


def _unmet(part: SplitSlice, mapping: Mapping) -> Iterator[Unmet]:
    """Read a file until every list has been met, and yield those that never were."""
    left = {name: names.list for name, names in mapping.tables.items()}
    if mapping.title is not None:
        left["title"] = mapping.title
    keys: dict[str, tuple[str, ...]] = {}
    for _, row in jsonl.rows(part.slice, Tally(forgiving=True)):
        if not isinstance(lookup(row, mapping.text), str):
            continue  # refused when it is read
        for table, path in tuple(left.items()):
            for holder in _holders(row, table, mapping):
                keys.setdefault(table, tuple(holder) if isinstance(holder, dict) else ())
                if _met(holder, table, path):
                    left.pop(table, None)
        if not left:
            return
    for table, path in left.items():
        if table in keys:
            step, unused = path.split(".")[0], set(keys[table]) - mapping.steps
            yield Unmet(table, path, keys[table], nearest(step, tuple(sorted(unused))))


def _holders(row: Row, table: str, mapping: Mapping) -> list[Any]:
    """Return what should have a list: the record, or each of its events for arguments."""
    if table != "arguments" or mapping.events is None:
        return [row]
    try:
        events = [match.item for match in walk(row, mapping.events.list).items]
        return [event for event in events if lookup(event, mapping.events.type) is not ABSENT]
    except MisfitError:
        return []


def _met(holder: Any, table: str, path: str) -> bool:
    if table == "title":
        return lookup(holder, path) is not ABSENT
    try:
        items, missing = walk(holder, path)
    except MisfitError:
        # it is there, and refused when it is read
        return True
    return bool(items) or not missing


def _check_surfaces(part: SplitSlice, mapping: Mapping, records: Iterator[Record]) -> None:
    """Warn where spans given by offsets alone are, again and again, one character off."""
    repeats = Repeats()
    spans = (
        (record.text, span.start, span.end, record.id)
        for record in _readable(records)
        for span in record.entities
        if span.start is not None and span.end is not None
    )
    for text, start, end, name in islice(spans, SPANS):
        repeats.add(text, start, end, part.slice.at(int(name.rpartition("-")[2])))
    unit = mapping.setting.unit
    if mapping.offsets == "end-exclusive":
        _warn(part, mapping, repeats.short(), Setting("end-inclusive", unit))
    elif mapping.offsets == "end-inclusive":
        _warn(part, mapping, repeats.long(), Setting("end-exclusive", unit))


def _readable(records: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from records
    except ChinchillaError:
        return


def _warn(part: SplitSlice, mapping: Mapping, wheres: list[str], better: Setting) -> None:
    todo = f"set {better.differs(mapping.setting)} in [mapping] of {part.own_card}"
    for where in wheres:
        part.tally.warn("surfaces-one-character-off", where, todo)


class Repeats:
    """Count, over spans of many texts, how often a surface looks one character short or long.

    A surface that comes in several contexts and always before the same character is short; one
    that without its last character comes before many others is long.
    """

    def __init__(self) -> None:
        """Begin with no span."""
        self._next = _Groups({}, {})
        self._last = _Groups({}, {})

    def add(self, text: str, start: int, end: int, where: str) -> None:
        """Take a span with the characters around it."""
        before = text[max(0, start - 2) : start]
        self._next.add(text[start:end], before + text[end : end + 3], text[end : end + 1], where)
        if end - start > 1:
            after = text[end - 1 : end + 2]
            self._last.add(text[start : end - 1], before + after, after[0], where)

    def short(self) -> list[str]:
        """Return where surfaces are short, if most that are repeated are."""
        return self._next.most(lambda after: len(set(after)) == 1 and after[0].isalnum())

    def long(self) -> list[str]:
        """Return where surfaces are long, if most that are repeated are."""
        return self._last.most(lambda last: len(set(last)) == len(last))


class _Groups(NamedTuple):
    """The character next to each surface, once a context, and where the surface is."""

    marks: dict[str, dict[str, str]]
    wheres: dict[str, list[str]]

    def add(self, surface: str, context: str, mark: str, where: str) -> None:
        self.marks.setdefault(surface, {})[context] = mark
        self.wheres.setdefault(surface, []).append(where)

    def most(self, odd: Callable[[list[str]], bool]) -> list[str]:
        """Return where surfaces are odd, if more than four of five repeated ones are."""
        repeated = {
            surface: list(marks.values()) for surface, marks in self.marks.items() if len(marks) > 1
        }
        off = [surface for surface, marks in repeated.items() if odd(marks)]
        spans = sum(len(repeated[surface]) for surface in off)
        many = spans > 2 and len(off) * 5 > len(repeated) * 4
        return [where for surface in off for where in self.wheres[surface]] if many else []
