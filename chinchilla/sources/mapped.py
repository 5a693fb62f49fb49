"""Read a source through the field mapping of its card: no code for a plain JSON data set."""

from collections.abc import Iterator
from typing import Any

from chinchilla.errors import CardError
from chinchilla.readers import jsonl
from chinchilla.schema import Record
from chinchilla.sources.mapping import Mapping, UnmappedError, to_fields
from chinchilla.sources.part import Part, Spot

boundary = jsonl.boundary


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    return part.records(jsonl.rows(part.slice, part.tally), mapped_fields)


def mapped_fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read a record; raise CardError showing keys and mapping where they do not fit."""
    mapping = spot.card.mapping
    if mapping is None:
        where = f"raw/{spot.card.source}/card.toml"
        raise CardError(where, "no [mapping]", "say in it where a record holds what")
    try:
        return to_fields(row, mapping)
    except UnmappedError as error:
        raise CardError(spot.where(), *_unmapped(row, mapping, error)) from error


def _unmapped(row: dict[str, Any], mapping: Mapping, error: UnmappedError) -> tuple[str, str]:
    tables = mapping.model_dump(exclude_none=True)
    tried = " ".join(f"{key}={value!r}" for key, value in _flat(tables))
    keys = ", ".join(row)
    what = f"no field {error.args[0]!r}; the record has the keys {keys}; tried {tried}"
    return what, "correct [mapping] in the source's card.toml"


def _flat(tables: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
