"""The source module of cards with a mapping: rows to records, and how far to trust them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from chinchilla.corpus.card import Card
from chinchilla.corpus.mapped_fields import Reader, text_of
from chinchilla.corpus.mapping import GOLD, Mapping, tried
from chinchilla.corpus.offsets import Repeats, Setting
from chinchilla.corpus.paths import ABSENT, UnmappedError, lookup, walk
from chinchilla.corpus.read import Part, Spot
from chinchilla.corpus.shape import MisfitError, near_key, nearest
from chinchilla.errors import CardError, ChinchillaError, RecordError, Tally
from chinchilla.readers import jsonl
from chinchilla.schema import Record

SPANS = 5000
"""So many spans are looked at for surfaces that come again and again."""

Row = dict[str, Any]


class Unmet(NamedTuple):
    """A list path that no record of a file has, with the keys of the first and the nearest one."""

    table: str
    path: str
    keys: tuple[str, ...]
    near: str | None


def check_lists(part: Part, mapping: Mapping) -> None:
    """Raise CardError where a list of the mapping is in no record of a file.

    The list of the task itself may be missing in a file without labels, if no key is near to it.
    """
    gold = GOLD[part.card.task]
    unmet = list(_unmet(part, mapping))
    unlabelled = any(one.table == gold for one in unmet) and part.split != "train"
    for table, path, keys, near in unmet:
        if table == "title":
            todo = f"correct title in [mapping] of {part.card.own}, or leave it out"
            part.tally.warn("no-title", str(part.slice.path), todo)
        elif near is not None or not unlabelled:
            hint = "" if near is None else f", the nearest is {near!r}"
            what = f"no record has {table}.list {path!r}; the first has the keys {', '.join(keys)}"
            todo = f"correct [mapping] in {part.card.own}, or take {table} out of it"
            raise CardError(str(part.slice.path), f"{what}{hint}; tried {tried(mapping)}", todo)


def _unmet(part: Part, mapping: Mapping) -> Iterator[Unmet]:
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
    """Return what should hold a list: the record, or each of its events for arguments."""
    if table != "arguments" or mapping.events is None:
        return [row]
    try:
        events = [found.item for found in walk(row, mapping.events.list).items]
        return [event for event in events if lookup(event, mapping.events.type) is not ABSENT]
    except MisfitError:
        return []


def _met(holder: Any, table: str, path: str) -> bool:
    if table == "title":
        return lookup(holder, path) is not ABSENT
    try:
        found = walk(holder, path)
    except MisfitError:
        # it is there, and refused when it is read
        return True
    return bool(found.items) or not found.missing


def check_surfaces(part: Part, mapping: Mapping, records: Iterator[Record]) -> None:
    """Warn where spans given by offsets alone are, again and again, one character off."""
    names = mapping.entities
    if names is None or names.text is not None:
        return
    repeats = Repeats()
    spans = (
        (record.text, span.start, span.end, record.id)
        for record in _readable(records)
        for span in record.entities
        if span.start is not None and span.end is not None
    )
    for text, start, end, name in islice(spans, SPANS):
        place = part.slice.at(int(name.rpartition("-")[2]))
        repeats.add(text, start, end, place)
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


def _warn(part: Part, mapping: Mapping, places: list[str], better: Setting) -> None:
    todo = f"set {better.differs(mapping.setting)} in [mapping] of {part.card.own}"
    for place in places:
        part.tally.warn("surfaces-one-character-off", place, todo)


boundary = jsonl.boundary


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part; raise CardError where the card has no mapping."""
    mapping = mapping_of(part.card)

    def fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
        return without_na(mapped_fields(row, spot, mapping), spot.card.na)

    def text(row: dict[str, Any]) -> str:
        return text_of(row, mapping)

    return part.records(jsonl.rows(part.slice, part.line_tally), fields, text)


def check_file(part: Part) -> None:
    """Raise CardError for a list that no record of a file has; warn of spans one off."""
    mapping = mapping_of(part.card)
    check_lists(part, mapping)
    aside = replace(part, tally=Tally(forgiving=True))
    check_surfaces(part, mapping, load(aside))


def mapping_of(card: Card) -> Mapping:
    """Return the mapping of a card; raise CardError where it has none."""
    if card.mapping is None:
        raise CardError(card.own, "no [mapping]", "say in it where a record holds what")
    return card.mapping


def mapped_fields(row: dict[str, Any], spot: Spot, mapping: Mapping) -> dict[str, Any]:
    """Read a record; raise CardError showing keys and mapping where they do not fit."""
    try:
        return Reader(row, mapping, spot).fields()
    except UnmappedError as error:
        raise _unmapped(spot, mapping, error) from error
    except MisfitError as error:
        todo = f"correct the line, or [mapping] in {spot.card.own}"
        raise RecordError(spot.where(), str(error), todo) from error


def without_na(fields: dict[str, Any], na: str | None) -> dict[str, Any]:
    """Keep pairs of no relation apart from relations, where the card names their label."""
    if na is not None and "relations" in fields:
        pairs = [one for one in fields["relations"] if one["predicate"] == na]
        fields["na_pairs"] = pairs
        fields["relations"] = [one for one in fields["relations"] if one["predicate"] != na]
    return fields


def _unmapped(spot: Spot, mapping: Mapping, error: UnmappedError) -> CardError:
    holder = "an item of " + repr(error.inside) if error.inside else "the record"
    keys, near = f"{holder} has the keys ", ""
    if isinstance(error.holder, dict):
        keys += ", ".join(error.holder)
        near = near_key(error.path, error.holder, mapping.steps)
    else:
        keys = f"{holder} is {jsonl.kind(error.holder)}"
    what = f"no field {error.path!r}{near}; {keys}; tried {tried(mapping)}"
    todo = f"correct [mapping] in {spot.card.own}"
    if isinstance(error.holder, dict) and error.inside and "type" in error.holder:
        todo += '; where = { type = "..." } takes the items of one kind'
    return CardError(spot.where(), what, todo, reason="unmapped-field")
