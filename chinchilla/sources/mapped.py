"""Read a source through the field mapping of its card: no code for a plain JSON data set."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chinchilla.errors import CardError, RecordError, Tally
from chinchilla.readers import jsonl
from chinchilla.schema import Record
from chinchilla.sources.card import Card
from chinchilla.sources.mapped_evidence import check_lists, check_surfaces
from chinchilla.sources.mapped_fields import Reader, text_of
from chinchilla.sources.mapping import Mapping, tried
from chinchilla.sources.part import Part, Spot
from chinchilla.sources.paths import UnmappedError
from chinchilla.sources.shape import MisfitError, near_key

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
