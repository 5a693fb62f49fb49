"""What an export format is made of, its JSON files, and the lengths of rows for a trainer."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jsonlines
import orjson

from chinchilla.dataset.manifest import Manifest
from chinchilla.dataset.shard import row_length
from chinchilla.schema import Frozen, InstructionRow, join_prompt

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


LIMITS = (1024, 2048, 4096)
"""What trainers cut rows at, or drop them."""

Unit = Literal["characters", "tokens"]


class RowRuler(NamedTuple):
    """What lengths are measured in, and the longest row that is exported (0 sets no limit)."""

    measure: Callable[[str], int] = len
    unit: Unit = "characters"
    tokenizer: str | None = None
    """The sha256 of the tokenizer's file."""
    longest: int = 0


CHARACTERS = RowRuler()


class LengthReport(Frozen):
    """What export.json has of lengths: by split the longest row, rows over each limit, left out."""

    unit: Unit
    tokenizer: str | None
    longest: dict[str, int]
    longer: dict[str, dict[str, int]]
    max_tokens: int | None
    left_out: dict[str, int]


@dataclass
class ExportCounts:
    """Count the rows written, by source, task and split, and those left out as too long."""

    ruler: RowRuler
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    longer: Counter[tuple[str, int]] = field(default_factory=Counter)
    longest: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def keep(self, row: InstructionRow, split: str) -> bool:
        """Whether a row is exported; it is counted either way."""
        length = row_length(row, self.ruler.measure)
        if self.ruler.longest and length > self.ruler.longest:
            self.left_out[split] += 1
            return False
        self.rows[row.source, row.task, split] += 1
        self.longest[split] = max(length, self.longest.get(split, 0))
        for limit in LIMITS:
            self.longer[split, limit] += length > limit
        return True

    def lengths(self, splits: tuple[str, ...]) -> LengthReport:
        """What is known of the lengths in these splits."""
        return LengthReport(
            unit=self.ruler.unit,
            tokenizer=self.ruler.tokenizer,
            longest={split: self.longest.get(split, 0) for split in splits},
            longer={
                split: {str(limit): self.longer[split, limit] for limit in LIMITS}
                for split in splits
            },
            max_tokens=self.ruler.longest or None,
            left_out={split: self.left_out[split] for split in splits},
        )


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
