"""A DatasetDict as `save_to_disk` leaves it: every column of the build, a folder a split.

`datasets.load_from_disk(folder)["train"]` maps it into memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import datasets
import orjson
import pyarrow as pa
from datasets.table import InMemoryTable

from chinchilla.export.card import CARD, data_card
from chinchilla.export.format import Format, Item, Summary, turn_of
from chinchilla.export.formats.parquet import batches, schema, write

DATA = "{split}/data-00000-of-00001.arrow"
FILES = (DATA, "{split}/dataset_info.json", "{split}/state.json")
SPLITS = "dataset_dict.json"


def save(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write the folder of a split: an Arrow stream, and what the library puts beside one."""
    stream = folder / f"{split}.arrow"
    write_stream(items, stream)
    with stream.open("rb") as file:
        # left to itself, the library derives the fingerprint from the time of the file
        fingerprint = file_digest(file, "sha256").hexdigest()[:16]
    # an empty data set is saved and its one file replaced: rows never pass through memory
    table = InMemoryTable(schema().empty_table())
    empty = datasets.Dataset(table, split=datasets.NamedSplit(split), fingerprint=fingerprint)
    with _no_progress_bar():
        empty.save_to_disk(str(folder / split), num_shards=1)
    stream.replace(folder / DATA.format(split=split))
    _leave_out_types(folder / split / "dataset_info.json")


def write_stream(items: Iterator[Item], path: Path) -> None:
    """Write an Arrow stream, the form that `datasets` maps into memory."""
    with pa.ipc.new_stream(path, schema()) as stream:
        for batch in batches(items):
            stream.write_batch(batch)


def _leave_out_types(info: Path) -> None:
    """Leave the types of the columns to the Arrow stream, which every version can read.

    The library names them in words that change: before 4.0 it knows no `List`.
    """
    facts = orjson.loads(info.read_bytes()) | {"features": None}
    info.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Hide the library's own bar: it would count the rows of the empty data set."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def describe(summary: Summary) -> tuple[bytes, ...]:
    """Content of the file that names the splits, and of the data card."""
    return orjson.dumps({"splits": summary.splits}), data_card(summary, DATA)


FORMATS = {"hf": Format(write, turn_of, save, FILES, (SPLITS, CARD), describe)}
