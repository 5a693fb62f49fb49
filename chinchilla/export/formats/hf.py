"""A DatasetDict as `save_to_disk` leaves it: every column of the build, a folder a split.

`datasets.load_from_disk(folder)["train"]` maps it into memory.
"""

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import datasets
import orjson
from datasets.table import MemoryMappedTable

from chinchilla.export.columns import read, write, write_stream
from chinchilla.export.format import Format, Item, Summary


def save(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write the folder of a split by way of one Arrow stream, which is mapped, not loaded."""
    stream = folder / f"{split}.arrow"
    write_stream(items, stream)
    with stream.open("rb") as file:
        # left to itself, the library derives the fingerprint from the time of the file
        fingerprint = file_digest(file, "sha256").hexdigest()[:16]
    table = MemoryMappedTable.from_file(str(stream))
    dataset = datasets.Dataset(table, split=datasets.NamedSplit(split), fingerprint=fingerprint)
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        dataset.save_to_disk(str(folder / split))
    finally:
        if shown:
            datasets.enable_progress_bars()
    stream.unlink()


def describe(summary: Summary) -> dict[str, bytes]:
    """Return the file that names the splits."""
    return {"dataset_dict.json": orjson.dumps({"splits": summary.splits})}


FORMAT = Format(write, read, save, describe)
