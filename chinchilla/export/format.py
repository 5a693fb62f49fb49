"""What an export format is made of, and the JSON files that most of them write."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jsonlines
import orjson

from chinchilla.dataset.manifest import Manifest
from chinchilla.export.lengths import LengthReport
from chinchilla.schema import InstructionRow, join_prompt

BUFFER = 1024 * 1024
SPLIT_NAMES = {"dev": "validation"}
"""Splits that others call otherwise: `datasets` makes `validation` of a file called `dev` too."""

Item = dict[str, Any]
"""A row as a format writes it."""
Save = Callable[[Iterator[Item], Path, str], None]
"""Write the items of a split below a folder, one at a time or a batch at a time."""


class Turn(NamedTuple):
    """What a trainer learns from a row; a format that joins the prompt leaves `input` empty."""

    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """What the model is shown."""
        return join_prompt(self.instruction, self.input)


def turn_of(row: InstructionRow | Mapping[str, Any]) -> Turn:
    """Turn of a row, or of an item that has its three fields."""
    fields = row.__dict__ if isinstance(row, InstructionRow) else row
    return Turn(fields["instruction"], fields["input"], fields["output"])


class RowCount(NamedTuple):
    """Number of rows of a source and task in a split."""

    source: str
    task: str
    split: str
    rows: int


class Summary(NamedTuple):
    """What an export has in it, for the files that describe it.

    Splits are called as in the export; `digest` is the sha256 of the files of rows.
    """

    manifest: Manifest
    splits: tuple[str, ...]
    counts: tuple[RowCount, ...]
    lengths: LengthReport
    digest: str


@dataclass(frozen=True)
class Format:
    """How a row is written, read back and put into files.

    `files` are those of a split, with {split} for its name; `describe` returns the content of
    each of the `further` files of the folder.
    """

    write: Callable[[InstructionRow], Item]
    read: Callable[[Mapping[str, Any]], Turn]
    save: Save
    files: tuple[str, ...]
    further: tuple[str, ...] = ()
    describe: Callable[[Summary], tuple[bytes, ...]] = lambda summary: ()

    def names(self, splits: tuple[str, ...]) -> list[str]:
        """Names of all files of an export."""
        return [
            *(file.format(split=split) for split in splits for file in self.files),
            *self.further,
        ]


ARRAY = ("{split}.json",)
LINES = ("{split}.jsonl",)


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
