"""Export a build: its rows to the files of a format, and a manifest beside them."""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import orjson

from chinchilla import __version__
from chinchilla.export.format import Count, Format, Item, Summary
from chinchilla.export.formats import load_format
from chinchilla.export.processed import Processed, Step, rows
from chinchilla.export.staging import EXPORT, INVENTORY, check_no_build, hash_files, names_below
from chinchilla.outputs import check_room
from chinchilla.publishing import publish, staging

_LIBRARIES = ("datasets", "orjson", "pyarrow", "pydantic")
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

Counts = Counter[tuple[str, str, str]]
"""Rows by source, task and split."""


class Exported(NamedTuple):
    """What an export wrote: its manifest, also on disk."""

    manifest: dict[str, Any]
    out: Path


def export(build: Processed, name: str, out: Path, step: Step) -> Exported:
    """Export the chosen parts of a build into `out`, one row in memory at a time, or a batch.

    An export that fails or is stopped leaves what was there before. Raises ConfigError, before
    any row is read, where a file stands that no export wrote.
    """
    form = load_format(name)
    counts: Counts = Counter()

    def items(split: str) -> Iterator[Item]:
        for part in build.parts:
            if part.split == split:
                for row in rows(part, step):
                    counts[row.source, row.task, split] += 1
                    yield form.write(row)

    check_no_build(out)
    with staging(out, INVENTORY) as folder:
        check_room(out, _names(form, build), INVENTORY)
        for split in build.splits:
            form.save(items(split), folder, split)
        summary = _describe(form, build, counts, folder)
        manifest = make_manifest(build, name, summary) | {"files": hash_files(folder)}
        (folder / EXPORT).write_bytes(orjson.dumps(manifest, option=_PRETTY))
        publish(folder, out, manifest["files"], INVENTORY)
    return Exported(manifest, out)


def _names(form: Format, build: Processed) -> list[str]:
    """Return the files that an export writes, by writing them without rows."""
    with TemporaryDirectory() as place:
        for split in build.splits:
            form.save(iter(()), Path(place), split)
        _describe(form, build, Counter(), Path(place))
        return names_below(Path(place))


def _describe(form: Format, build: Processed, counts: Counts, folder: Path) -> Summary:
    """Write the further files of a format and return what they say."""
    summary = summarise(build, counts)
    for file, content in form.describe(summary).items():
        (folder / file).write_bytes(content)
    return summary


def summarise(build: Processed, counts: Counts) -> Summary:
    """Return what an export holds, sources in the order in which they were met."""
    lines = tuple(Count(*key, number) for key, number in counts.items())
    return Summary(build.manifest, build.splits, lines)


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
        "rows": {split: sums[split] for split in build.splits},
    }
