"""What an export format is made of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.export.turn import Turn
from chinchilla.schema import InstructionRow

Item = dict[str, Any]
Save = Callable[[Iterator[Item], Path, str], None]
"""Write the items of a split below a folder, one at a time or a batch at a time."""


SPLIT_NAMES = {"dev": "validation"}
"""Splits that others call otherwise: `datasets` makes `validation` of a file called `dev` too."""


class RowCount(NamedTuple):
    """How many rows of a source and task stand in a split."""

    source: str
    task: str
    split: str
    rows: int


class Summary(NamedTuple):
    """What an export holds, for the files that describe it; splits by the names of the export."""

    manifest: Mapping[str, Any]
    splits: tuple[str, ...]
    counts: tuple[RowCount, ...]
    lengths: Mapping[str, Any]
    digest: str
    """The sha256 of the files of rows: other rows, another digest."""


Describe = Callable[[Summary], dict[str, bytes]]
"""Return the further files of a format: name to content."""


def _nothing(_: Summary) -> dict[str, bytes]:
    return {}


@dataclass(frozen=True)
class Format:
    """Hold how a row is written, read back and put into files."""

    write: Callable[[InstructionRow], Item]
    read: Callable[[Mapping[str, Any]], Turn]
    save: Save
    describe: Describe = _nothing
