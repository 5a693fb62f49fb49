"""The command `chinchilla export`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.output import say
from chinchilla.export.formats import formats

if TYPE_CHECKING:
    from chinchilla.export.processed import Processed


@click.command()
@click.argument("processed", type=click.Path(path_type=Path))
@click.option("--format", "name", type=click.Choice(formats()), required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: PROCESSED/exports/FORMAT]",
)
@click.option("--task", "tasks", multiple=True, help="Task to export; repeat for several.")
@click.option("--split", "splits", multiple=True, help="Split to export; repeat for several.")
def export(
    processed: Path, name: str, out: Path | None, tasks: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    """Turn the build in PROCESSED into the files that a trainer reads, one a split."""
    from chinchilla.export.processed import open_processed
    from chinchilla.export.run import export as export_all

    build = open_processed(processed, tasks, splits)
    with _progress(build) as step:
        done = export_all(build, name, out or processed / "exports" / name, step)
    click.echo(_table(done.manifest))
    rows = ", ".join(f"{split} {number:,}" for split, number in done.manifest["rows"].items())
    say(f"rows: {rows}; written to {done.out}", err=True)


def _table(manifest: dict[str, Any]) -> str:
    from chinchilla.cli.table import table

    files = manifest["files"].items()
    rows = [[name, f"{file['bytes']:,}", file["sha256"][:12]] for name, file in files]
    return table(("file", "bytes", "sha256"), rows)


@contextmanager
def _progress(build: "Processed") -> Iterator[Callable[[int], None]]:
    """Yield the function to call with the bytes of each row; words only off a terminal."""
    from rich.console import Console

    total = sum(part.bytes for part in build.parts)
    console = Console(stderr=True)
    if not console.is_terminal:
        parts = ", ".join(f"{part.task} {part.split}" for part in build.parts)
        say(f"exporting {parts}: {total:,} bytes", err=True)
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("exporting", total=total)
        yield lambda size: bar.advance(task, size)
