"""JSON files of a split: an array, or JSON Lines."""

from collections.abc import Iterator
from pathlib import Path

import jsonlines
import orjson

from chinchilla.export.format import Item

BUFFER = 1024 * 1024


def save_array(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write `<split>.json`, one array with an object a line."""
    with (folder / f"{split}.json").open("wb", BUFFER) as file:
        between = b"[\n"
        for item in items:
            file.write(between)
            file.write(orjson.dumps(item))
            between = b",\n"
        file.write(b"[]\n" if between == b"[\n" else b"\n]\n")


def save_lines(items: Iterator[Item], folder: Path, split: str) -> None:
    """Write `<split>.jsonl`, an object a line."""
    with (folder / f"{split}.jsonl").open("wb", BUFFER) as file:
        jsonlines.Writer(file, dumps=orjson.dumps).write_all(items)
