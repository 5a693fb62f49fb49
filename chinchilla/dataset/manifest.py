"""The manifest of a build: what it read, what it wrote, what became of every record."""

import re
from pathlib import PurePosixPath
from typing import Annotated

import orjson
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from chinchilla.corpus.report import Report
from chinchilla.dataset.config import BuildConfig
from chinchilla.schema import is_none


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or re.search(r"[\\:\0]", name):
        raise ValueError(f"{name!r} names no file of this folder")
    return name


SourceName = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
"""The name of a source, after which files are named."""
FileName = Annotated[str, AfterValidator(_inside)]
"""The name of a file as seen from the folder of the build."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    """Any part of the file: strict in what it has, and keys of later versions are passed over."""

    model_config = ConfigDict(frozen=True, strict=True)


class FileEntry(_Entry):
    """A file by its hash and size in bytes."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class InputFile(FileEntry):
    """A file that was read, and whether it is as published (null where that is not known)."""

    published: bool | None = None


class OutputFile(FileEntry):
    """A file that was written, and its number of lines."""

    rows: int = 0


class ReasonCount(_Entry):
    """How often something happened, and where first."""

    times: int
    example: str


ReasonCounts = dict[str, ReasonCount]
FixedCounts = Annotated[
    ReasonCounts,
    Field(default_factory=dict, validation_alias=AliasChoices("fixed", "mended")),
]
"""What was fixed, by reason; manifests of before call it `mended`."""


class SplitCounts(_Entry):
    """What became of the records of a split; only the items of its task are counted."""

    read: int = 0
    records: int = 0
    negatives: int = 0
    rows: int = 0
    null_rows: int = 0
    nulls_left_out: int = 0
    mixed_out: int = 0
    bytes: int = 0
    entities: int | None = Field(default=None, exclude_if=is_none)
    relations: int | None = Field(default=None, exclude_if=is_none)
    na_pairs: int | None = Field(default=None, exclude_if=is_none)
    events: int | None = Field(default=None, exclude_if=is_none)
    arguments: int | None = Field(default=None, exclude_if=is_none)
    windows: dict[str, int] = Field(default_factory=dict)
    refused: ReasonCounts = Field(default_factory=dict)
    lost: ReasonCounts = Field(default_factory=dict)
    fixed: FixedCounts
    labels: dict[str, int] = Field(default_factory=dict)


class SourceEntry(_Entry):
    """A source: its card, the files read of it and what became of each split."""

    title: str
    task: str = ""
    metric: str | None = None
    licence: str
    edition: str
    sample: bool
    inputs: dict[str, InputFile] = Field(default_factory=dict)
    splits: dict[str, SplitCounts] = Field(default_factory=dict)


class GeneralCounts(_Entry):
    """What became of the file of general instructions."""

    file: str
    ratio: float
    rows: int
    bytes: int
    refused: ReasonCounts = Field(default_factory=dict)
    fixed: FixedCounts


class Manifest(_Entry):
    """All of manifest.json, in the order of its keys."""

    chinchilla: str
    versions: dict[str, str] = Field(default_factory=dict)
    config: BuildConfig
    sources: dict[SourceName, SourceEntry]
    general: GeneralCounts | None = None
    absent: tuple[str, ...] = ()
    report: Report = Field(default_factory=Report)
    files: dict[str, str] = Field(default_factory=dict)
    templates: dict[str, str]
    cards: dict[str, str] = Field(default_factory=dict)
    outputs: dict[FileName, OutputFile]

    @property
    def hashes(self) -> dict[str, str]:
        """Sha256 of every file of the build, by its name."""
        return {name: file.sha256 for name, file in self.outputs.items()}

    def dump(self) -> bytes:
        """Bytes of manifest.json; the same manifest gives the same bytes."""
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(self.model_dump(mode="json"), option=option)
