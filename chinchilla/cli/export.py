"""The command `chinchilla export`."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from chinchilla.cli.common import FOLDER, PATH, note, table
from chinchilla.export.formats import formats

if TYPE_CHECKING:
    from chinchilla.export.format import RowRuler
    from chinchilla.export.run import ExportManifest


class ExportOptions(TypedDict):
    """What of the build is exported, and how rows are measured."""

    tasks: tuple[str, ...]
    splits: tuple[str, ...]
    tokenizer: Path | None
    max_tokens: int | None


@click.command()
@click.argument("processed", type=PATH)
@click.option(
    "--format", "name", type=click.Choice(formats()), required=True, help="Format to write."
)
@click.option("--out", type=FOLDER, help="Folder to write to.  [default: PROCESSED/exports/FORMAT]")
@click.option("--task", "tasks", multiple=True, help="Task to export; repeat for several.")
@click.option("--split", "splits", multiple=True, help="Split to export; repeat for several.")
@click.option(
    "--tokenizer",
    type=PATH,
    help="tokenizer.json, or the folder that holds it: lengths are counted in its tokens.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    help="Leave rows out whose prompt and answer are longer; they are counted.",
)
def export(processed: Path, name: str, out: Path | None, **options: Unpack[ExportOptions]) -> None:
    """Turn the build in PROCESSED into the files that a trainer reads, one a split."""
    from chinchilla.cli.progress import export_progress
    from chinchilla.dataset.read import open_processed
    from chinchilla.export.run import export as export_all

    ruler = _ruler(options["tokenizer"], options["max_tokens"])
    build = open_processed(processed, options["tasks"], options["splits"])
    parts = ", ".join(f"{part.task} {part.split}" for part in build.parts)
    with export_progress(sum(part.bytes for part in build.parts), parts) as step:
        done = export_all(build, name, out or processed / "exports" / name, step, ruler)
    click.echo(_files_table(done.manifest))
    click.echo("\n" + _lengths_table(done.manifest))
    if ruler.tokenizer is None:
        click.echo("lengths are in characters; pass --tokenizer to count tokens", err=True)
    for split, number in done.manifest.rows.items():
        if not number:
            note(f"{split} has no rows and so no file")
    rows = ", ".join(f"{split} {number:,}" for split, number in done.manifest.rows.items())
    note(f"rows: {rows}; written to {done.out}")


def _ruler(tokenizer: Path | None, max_tokens: int | None) -> "RowRuler":
    """What lengths are measured in: tokens where a tokenizer is named."""
    from chinchilla.export.format import CHARACTERS, RowRuler
    from chinchilla.files import hash_file
    from chinchilla.windows.split import tokenizer_file, tokens_of

    if tokenizer is None:
        if max_tokens:
            raise click.UsageError("--max-tokens needs --tokenizer")
        return CHARACTERS
    measure = tokens_of(tokenizer)
    return RowRuler(measure, "tokens", hash_file(tokenizer_file(tokenizer)), max_tokens or 0)


def _files_table(manifest: "ExportManifest") -> str:
    files = manifest.files.items()
    rows = [[name, f"{file.bytes:,}", file.sha256[:12]] for name, file in files]
    return table(("file", "bytes", "sha256"), rows)


def _lengths_table(manifest: "ExportManifest") -> str:
    """Table of how many rows of each split are longer than trainers may take."""
    lengths = manifest.lengths
    limits = next(iter(lengths.longer.values()))
    head = ["split", "rows", *(f">{int(limit):,}" for limit in limits)]
    head += [f"longest ({lengths.unit})", "left out"]
    rows = []
    for split, longer in lengths.longer.items():
        numbers = [manifest.rows[split], *longer.values()]
        numbers += [lengths.longest[split], lengths.left_out[split]]
        rows.append([split, *(f"{number:,}" for number in numbers)])
    return table(head, rows)
