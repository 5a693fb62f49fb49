"""Columns of a row for Arrow: parquet files and saved data sets."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from chinchilla.export.format import Item
from chinchilla.export.turn import Turn
from chinchilla.schema import InstructionRow

BATCH = 1000
"""Rows held at a time, and rows of a parquet row group; fixed, as it shows in the bytes."""

_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def write(row: InstructionRow) -> Item:
    """Return every field of a row, by its name."""
    return row.model_dump(mode="json")


def read(item: Mapping[str, Any]) -> Turn:
    """Return the turn of an item, exactly that of the row."""
    return Turn(item["instruction"], item["input"], item["output"])


def schema() -> pa.Schema:
    """Return the columns of a row, from the model itself: a new field is a new column."""
    return pa.schema(_fields(InstructionRow))


def batches(items: Iterator[Item]) -> Iterator[pa.RecordBatch]:
    """Yield the items in batches of equal size, the last one smaller."""
    columns = schema()
    while some := list(islice(items, BATCH)):
        yield pa.RecordBatch.from_pylist(some, schema=columns)


def save_parquet(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write `<split>.parquet`, compressed with zstd."""
    path = folder / f"{split}.parquet"
    with pq.ParquetWriter(path, schema(), compression="zstd") as writer:
        for batch in batches(items):
            writer.write_batch(batch)


def write_stream(items: Iterator[Item], path: Path) -> None:
    """Write an Arrow stream, the form that `datasets` maps into memory."""
    with pa.ipc.new_stream(path, schema()) as writer:
        for batch in batches(items):
            writer.write_batch(batch)


def _fields(model: type[BaseModel]) -> list[pa.Field]:
    fields = model.model_fields.items()
    return [pa.field(name, arrow_type(field.annotation)) for name, field in fields]


def arrow_type(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a field; raise TypeError for one that has none here."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if origin is Annotated or origin in (Union, UnionType):
        return arrow_type(next(one for one in inner if one is not type(None)))
    if origin is Literal:
        return pa.string()
    if origin in (tuple, list):
        return pa.list_(arrow_type(inner[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(_fields(annotation))
    raise TypeError(f"{annotation} has no column type; add it to export.columns.arrow_type")
