"""Export a build: its rows to the files of a format, and a manifest beside them."""

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import orjson

from chinchilla import __version__
from chinchilla.dataset.read import Processed, Step, rows
from chinchilla.errors import ConfigError
from chinchilla.export.format import SPLIT_NAMES, Count, Format, Item, Summary
from chinchilla.export.formats import load_format
from chinchilla.export.lengths import CHARACTERS, Lengths, Ruler
from chinchilla.export.staging import EXPORT, INVENTORY, check_no_build, hash_files, names_below
from chinchilla.files import check_room, publish, staging

_LIBRARIES = ("datasets", "orjson", "pyarrow", "pydantic")
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

Counts = Counter[tuple[str, str, str]]
"""Rows by source, task and split of the export."""


class Exported(NamedTuple):
    """What an export wrote: its manifest, also on disk."""

    manifest: dict[str, Any]
    out: Path


def export(
    build: Processed, name: str, out: Path, step: Step, ruler: Ruler = CHARACTERS
) -> Exported:
    """Export the chosen parts of a build into `out`, one row in memory at a time, or a batch.

    An export that fails or is stopped leaves what was there before. Raises ConfigError, before
    any row is read, where a file stands that no export wrote, and where no row is left to write.
    """
    form = load_format(name)
    counts: Counts = Counter()
    lengths = Lengths(ruler)

    def items(split: str) -> Iterator[Item]:
        for part in build.parts:
            if part.split == split:
                for row in rows(part, step):
                    if lengths.keep(row, _named(split)):
                        counts[row.source, row.task, _named(split)] += 1
                        yield form.write(row)

    check_no_build(out)
    with staging(out, INVENTORY) as folder:
        check_room(out, _names(form, build), INVENTORY)
        for split in build.splits:
            # a file without rows makes the whole folder unreadable to `datasets`
            found = items(split)
            for first in islice(found, 1):
                form.save(chain([first], found), folder, _named(split))
        _check_left(lengths, counts)
        summary = _describe(form, summarise(build, counts, lengths, folder), folder)
        manifest = make_manifest(build, name, summary) | {"files": hash_files(folder)}
        (folder / EXPORT).write_bytes(orjson.dumps(manifest, option=_PRETTY))
        publish(folder, out, manifest["files"], INVENTORY)
    return Exported(manifest, out)


def _named(split: str) -> str:
    """Return the name of a split in every export."""
    return SPLIT_NAMES.get(split, split)


def _check_left(lengths: Lengths, counts: Counts) -> None:
    if counts:
        return
    if lengths.left_out:
        what = f"none of {lengths.left_out.total():,} rows is that short"
        raise ConfigError(f"--max-tokens {lengths.ruler.longest}", what, "pass a larger number")
    todo = "name other tasks or splits, or build them"
    raise ConfigError("export", "the build holds no row of what was named", todo)


def _names(form: Format, build: Processed) -> list[str]:
    """Return the files that an export writes, by writing them without rows."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        for split in build.splits:
            form.save(iter(()), folder, _named(split))
        _describe(form, summarise(build, Counter(), Lengths(CHARACTERS), folder), folder)
        return names_below(folder)


def _describe(form: Format, summary: Summary, folder: Path) -> Summary:
    """Write the further files of a format and return what they say."""
    for file, content in form.describe(summary).items():
        (folder / file).write_bytes(content)
    return summary


def summarise(build: Processed, counts: Counts, lengths: Lengths, folder: Path) -> Summary:
    """Return what an export holds, sources in the order in which they were met."""
    lines = tuple(Count(*key, number) for key, number in counts.items())
    splits = tuple(map(_named, build.splits))
    met = {count.split for count in lines}
    digest = sha256(orjson.dumps(hash_files(folder))).hexdigest()
    filled = tuple(split for split in splits if split in met)
    return Summary(build.manifest, filled, lines, lengths.manifest(splits), digest)


def make_manifest(build: Processed, name: str, summary: Summary) -> dict[str, Any]:
    """Return export.json, the files not yet named."""
    sums: Counter[str] = Counter()
    for count in summary.counts:
        sums[count.split] += count.rows
    return {
        "chinchilla": __version__,
        "versions": {library: version(library) for library in _LIBRARIES},
        "format": name,
        "manifest": build.sha256,
        "tasks": list(build.tasks),
        "rows": {split: sums[split] for split in map(_named, build.splits)},
        "lengths": summary.lengths,
    }
