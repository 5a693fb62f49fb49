"""Export a build: its rows to the files of a format, and a manifest beside them."""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla import __version__
from chinchilla.export.format import Count, Item, Summary
from chinchilla.export.formats import load_format
from chinchilla.export.processed import Processed, Step, rows
from chinchilla.export.publish import hash_files, publish, staging

_LIBRARIES = ("datasets", "orjson", "pyarrow", "pydantic")


class Exported(NamedTuple):
    """What an export wrote: its manifest, also on disk."""

    manifest: dict[str, Any]
    out: Path


def export(build: Processed, name: str, out: Path, step: Step) -> Exported:
    """Export the chosen parts of a build into `out`, one row in memory at a time, or a batch.

    An export that fails or is stopped leaves what was there before.
    """
    form = load_format(name)
    counts: Counter[tuple[str, str, str]] = Counter()

    def items(split: str) -> Iterator[Item]:
        for part in build.parts:
            if part.split == split:
                for row in rows(part, step):
                    counts[row.source, row.task, split] += 1
                    yield form.write(row)

    with staging(out) as folder:
        for split in build.splits:
            form.save(items(split), folder, split)
        summary = summarise(build, counts)
        for file, content in form.describe(summary).items():
            (folder / file).write_bytes(content)
        manifest = make_manifest(build, name, summary) | {"files": hash_files(folder)}
        publish(folder, out, manifest)
    return Exported(manifest, out)


def summarise(build: Processed, counts: Counter[tuple[str, str, str]]) -> Summary:
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
