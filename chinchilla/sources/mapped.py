"""Read a source through the field mapping of its card: no code for a plain JSON data set."""

from collections.abc import Iterator
from typing import Any

from chinchilla.errors import CardError
from chinchilla.readers import jsonl
from chinchilla.schema import Record
from chinchilla.sources.card import Card
from chinchilla.sources.mapping import Mapping, UnmappedError, text_of, to_fields
from chinchilla.sources.part import Part, Spot

boundary = jsonl.boundary


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part; raise CardError where the card has no mapping."""
    mapping = mapping_of(part.card)

    def fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
        return without_na(mapped_fields(row, spot, mapping), spot.card.na)

    def text(row: dict[str, Any]) -> str:
        return text_of(row, mapping)

    return part.records(jsonl.rows(part.slice, part.line_tally), fields, text)


def mapping_of(card: Card) -> Mapping:
    """Return the mapping of a card; raise CardError where it has none."""
    if card.mapping is None:
        raise CardError(card.own, "no [mapping]", "say in it where a record holds what")
    return card.mapping


def mapped_fields(row: dict[str, Any], spot: Spot, mapping: Mapping) -> dict[str, Any]:
    """Read a record; raise CardError showing keys and mapping where they do not fit."""
    try:
        return to_fields(row, mapping)
    except UnmappedError as error:
        raise _unmapped(row, spot, mapping, error) from error


def without_na(fields: dict[str, Any], na: str | None) -> dict[str, Any]:
    """Keep pairs of no relation apart from relations, where the card names their label."""
    if na is not None:
        pairs = [one for one in fields["relations"] if one["predicate"] == na]
        fields["na_pairs"] = pairs
        fields["relations"] = [one for one in fields["relations"] if one["predicate"] != na]
    return fields


def _unmapped(row: dict[str, Any], spot: Spot, mapping: Mapping, error: UnmappedError) -> CardError:
    keys = f"the record has the keys {', '.join(row)}; tried {tried(mapping)}"
    what = f"no field {error.args[0]!r}; {keys}"
    return CardError(spot.where(), what, f"correct [mapping] in {spot.card.own}")


def tried(mapping: Mapping) -> str:
    """Write a mapping in one line."""
    tables = mapping.model_dump(exclude_none=True)
    return " ".join(f"{key}={value!r}" for key, value in _flat(tables))


def _flat(tables: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
