"""Parquet: every column of the build, a file a split, and a data card for the Hub.

`datasets.load_dataset(folder)` reads it, here or on the Hub, with the splits of the card.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from chinchilla.export.card import CARD, data_card
from chinchilla.export.format import Format, Item, Summary, turn_of
from chinchilla.schema import InstructionRow

FILE = "{split}.parquet"
BATCH = 1000
"""Rows in memory at a time, and rows of a parquet row group; fixed, as it shows in the bytes."""

_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def write(row: InstructionRow) -> Item:
    """Every field of a row, by its name."""
    return row.model_dump(mode="json")


def schema() -> pa.Schema:
    """Columns of a row, from the model itself: a new field is a new column."""
    return pa.schema(_fields(InstructionRow))


def batches(items: Iterator[Item]) -> Iterator[pa.RecordBatch]:
    """Yield the items in batches of equal size, the last one smaller."""
    columns = schema()
    while batch := list(islice(items, BATCH)):
        yield pa.RecordBatch.from_pylist(batch, schema=columns)


def save(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write `<split>.parquet`, compressed with zstd."""
    with pq.ParquetWriter(folder / FILE.format(split=split), schema(), compression="zstd") as file:
        for batch in batches(items):
            file.write_batch(batch)


def _fields(model: type[BaseModel]) -> list[pa.Field]:
    fields = model.model_fields.items()
    return [pa.field(name, arrow_type(field.annotation)) for name, field in fields]


def arrow_type(annotation: Any) -> pa.DataType:
    """Arrow type of a field; TypeError for one that has none here."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if origin is Annotated or origin in (Union, UnionType):
        return arrow_type(next(kind for kind in inner if kind is not type(None)))
    if origin is Literal:
        return pa.string()
    if origin in (tuple, list):
        return pa.list_(arrow_type(inner[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(_fields(annotation))
    raise TypeError(f"{annotation} has no column type; add it to parquet.arrow_type")


def describe(summary: Summary) -> tuple[bytes, ...]:
    """Content of the data card."""
    return (data_card(summary, FILE),)


FORMATS = {"parquet": Format(write, turn_of, save, (FILE,), (CARD,), describe)}
