"""A DatasetDict as `save_to_disk` leaves it: every column of the build, a folder a split.

`datasets.load_from_disk(folder)["train"]` maps it into memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import datasets
import orjson
from datasets.table import InMemoryTable

from chinchilla.export.columns import read, schema, write, write_stream
from chinchilla.export.format import Format, Item, Summary


def save(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write the folder of a split: an Arrow stream, and what the library says beside one."""
    stream = folder / f"{split}.arrow"
    write_stream(items, stream)
    with stream.open("rb") as file:
        # left to itself, the library derives the fingerprint from the time of the file
        fingerprint = file_digest(file, "sha256").hexdigest()[:16]
    # an empty data set is saved and its one file replaced: rows never pass through memory
    table = InMemoryTable(schema().empty_table())
    empty = datasets.Dataset(table, split=datasets.NamedSplit(split), fingerprint=fingerprint)
    with _quiet():
        empty.save_to_disk(str(folder / split), num_shards=1)
    [data] = (folder / split).glob("*.arrow")
    stream.replace(data)
    _leave_out_types(folder / split / "dataset_info.json")


def _leave_out_types(info: Path) -> None:
    """Leave the types of the columns to the Arrow stream, which every version can read.

    The library names them in words that change: before 4.0 it knows no `List`.
    """
    said = orjson.loads(info.read_bytes()) | {"features": None}
    info.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's own bar: it would count the rows of the empty data set."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def describe(summary: Summary) -> dict[str, bytes]:
    """Return the file that names the splits."""
    return {"dataset_dict.json": orjson.dumps({"splits": summary.splits})}


FORMAT = Format(write, read, save, describe)
