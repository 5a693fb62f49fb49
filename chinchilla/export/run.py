"""Export a build: its rows to the files of a format, and a manifest beside them."""

from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import orjson

from chinchilla import __version__
from chinchilla.dataset.manifest import FileEntry
from chinchilla.dataset.read import MANIFEST, Processed, Step, rows
from chinchilla.errors import ConfigError
from chinchilla.export.format import (
    CHARACTERS,
    SPLIT_NAMES,
    ExportCounts,
    Format,
    Item,
    LengthReport,
    RowCount,
    RowRuler,
    Summary,
)
from chinchilla.export.formats import load_format
from chinchilla.files import Inventory, check_room, hash_file, publish, staging
from chinchilla.schema import Frozen

EXPORT = "export.json"
INVENTORY = Inventory(EXPORT, "files")
_LIBRARIES = ("datasets", "orjson", "pyarrow", "pydantic")


class ExportManifest(Frozen):
    """All of export.json, in the order of its keys; `manifest` is the sha256 of the build's."""

    chinchilla: str
    versions: dict[str, str]
    format: str
    manifest: str
    tasks: tuple[str, ...]
    rows: dict[str, int]
    lengths: LengthReport
    files: dict[str, FileEntry]


class Exported(NamedTuple):
    """What an export wrote: its manifest, also on disk."""

    manifest: ExportManifest
    out: Path


def export(
    build: Processed, name: str, out: Path, step: Step, ruler: RowRuler = CHARACTERS
) -> Exported:
    """Export the chosen parts of a build, one row in memory at a time, or a batch.

    An export that fails or is stopped leaves what was there before.

    Args:
        build: what is exported.
        name: name of the format.
        out: folder that is written to.
        step: called with the bytes of each row.
        ruler: what lengths are measured in, and the longest row that is exported.

    Raises:
        ConfigError: a file is there that no export wrote (before any row is read), or no row is
            left to write.
        InputError: a row of the build cannot be read.
    """
    form = load_format(name)
    counts = ExportCounts(ruler)
    splits = tuple(map(_called, build.splits))
    if (out / MANIFEST).exists():
        raise ConfigError(str(out), "is a folder of a build", "pass another folder with --out")
    with staging(out, INVENTORY) as folder:
        check_room(out, form.names(splits), INVENTORY)
        for part in build.splits:
            # a file without rows makes the whole folder unreadable to `datasets`
            items = _items(build, form, part, counts, step)
            for first in islice(items, 1):
                form.save(chain([first], items), folder, _called(part))
        _check_left(counts)
        summary = _summarise(build, counts, splits, folder)
        for file, content in zip(form.further, form.describe(summary), strict=True):
            (folder / file).write_bytes(content)
        manifest = _make_manifest(build, name, summary, folder)
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (folder / EXPORT).write_bytes(orjson.dumps(manifest.model_dump(), option=option))
        publish(folder, out, manifest.files, INVENTORY)
    return Exported(manifest, out)


def _called(split: str) -> str:
    """Name of a split in every export."""
    return SPLIT_NAMES.get(split, split)


def _items(
    build: Processed, form: Format, split: str, counts: ExportCounts, step: Step
) -> Iterator[Item]:
    """Yield the rows of a split that are exported, as the format writes them, each counted."""
    for part in build.parts:
        if part.split == split:
            for row in rows(part, step):
                if counts.keep(row, _called(split)):
                    yield form.write(row)


def _check_left(counts: ExportCounts) -> None:
    """Raise ConfigError where no row is exported."""
    if counts.rows:
        return
    if counts.left_out:
        what = f"none of {counts.left_out.total():,} rows is that short"
        raise ConfigError(f"--max-tokens {counts.ruler.longest}", what, "pass a larger number")
    todo = "name other tasks or splits, or build them"
    raise ConfigError("export", "the build has no row of what was named", todo)


def _summarise(
    build: Processed, counts: ExportCounts, splits: tuple[str, ...], folder: Path
) -> Summary:
    """What an export has in it: splits that have rows, sources in the order of their rows."""
    lines = tuple(RowCount(*key, number) for key, number in counts.rows.items())
    filled = {count.split for count in lines}
    hashes = {name: file.model_dump() for name, file in _files(folder).items()}
    digest = sha256(orjson.dumps(hashes)).hexdigest()
    with_rows = tuple(split for split in splits if split in filled)
    return Summary(build.manifest, with_rows, lines, counts.lengths(splits), digest)


def _make_manifest(build: Processed, name: str, summary: Summary, folder: Path) -> ExportManifest:
    sums = dict.fromkeys(map(_called, build.splits), 0)
    for count in summary.counts:
        sums[count.split] += count.rows
    return ExportManifest(
        chinchilla=__version__,
        versions={library: version(library) for library in _LIBRARIES},
        format=name,
        manifest=build.sha256,
        tasks=build.tasks,
        rows=sums,
        lengths=summary.lengths,
        files=_files(folder),
    )


def _files(folder: Path) -> dict[str, FileEntry]:
    """Hash and size of each file below a folder, by its name as seen from it."""
    return {
        path.relative_to(folder).as_posix(): FileEntry(
            sha256=hash_file(path), bytes=path.stat().st_size
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
