"""The command `chinchilla build`."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from chinchilla.cli.common import (
    FOLDER,
    PATH,
    SEED,
    editions_option,
    note,
    raw_option,
    samples_option,
    table,
    templates_option,
)

if TYPE_CHECKING:
    from chinchilla.dataset.manifest import Manifest
    from chinchilla.dataset.plan import Plan
    from chinchilla.dataset.shard import Totals


class BuildOptions(TypedDict):
    """How to build; then the settings of build.toml, null or empty where not set."""

    workers: int
    dry_run: bool
    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    editions: dict[str, str]
    samples: bool | None
    seed: int | None
    on_error: str | None


@click.command()
@raw_option
@click.option("--out", type=FOLDER, default=Path("processed"), help="Folder to write to.")
@click.option("--config", type=PATH, help="build.toml; the options below win over it.")
@click.option("--source", "sources", multiple=True, help="Source to read; repeat for several.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Choice(["ner", "re", "ee"]),
    help="Task to build; repeat for several.",
)
@editions_option
@click.option("--seed", type=SEED, help="Seed of every choice of template.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    help="Processes that build; the output is the same bytes.",
)
@samples_option
@click.option(
    "--on-error",
    type=click.Choice(["stop", "count"]),
    help="Stop at the first bad record (the default), or leave it out and count it.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be written, write nothing.")
@templates_option
def build(raw: Path, out: Path, config: Path | None, **options: Unpack[BuildOptions]) -> None:
    """Build the instruction data set from everything found under --raw.

    It ends with what was read of each split, what was left out, fixed or warned of, and the files
    that were not read.
    """
    from chinchilla.cli.progress import build_progress
    from chinchilla.cli.report import report_lines
    from chinchilla.dataset.build import build as build_all
    from chinchilla.dataset.build import forecast
    from chinchilla.dataset.config import read_config
    from chinchilla.dataset.plan import make_plan

    _say_shipped(config)
    workers, dry_run = options["workers"], options["dry_run"]
    changes = {
        name: value
        for name, value in options.items()
        if name not in ("workers", "dry_run") and value not in (None, (), {})
    }
    plan = make_plan(raw, read_config(config, changes))
    click.echo(_plan_table(plan), err=True)
    with build_progress(plan) as progress:
        if dry_run:
            sums, report = forecast(plan, workers, progress)
            click.echo(_forecast_table(plan, sums))
        else:
            manifest = build_all(plan, out, workers, progress).manifest
            click.echo(_result_table(manifest))
            report = manifest.report
    for line in report_lines(report, causes=True):
        note(line)
    if not dry_run:
        note(f"written to {out}; counts and licences in {out / 'README.md'}")


def _say_shipped(config: Path | None) -> None:
    """Say which of two configurations is read where a file has the name of one that ships."""
    from chinchilla.dataset.config import shipped_configs

    if config is not None and str(config) in shipped_configs() and config.is_file():
        which = f"the configuration {config} that ships is read"
        note(f"note: {which}; write ./{config} for the file here")


def _plan_table(plan: "Plan") -> str:
    rows = []
    for source in plan.sources:
        card = source.card
        files = ", ".join(dict.fromkeys(path.name for path in source.files.values()))
        kind = "SAMPLE" if source.sample else "your files"
        rows.append([card.source, card.task, source.edition.name, kind, str(source.folder), files])
    rows.extend([name, "", "", "nothing found", "", ""] for name in plan.absent)
    return table(("source", "task", "edition", "data", "folder", "files"), rows)


def _result_table(manifest: "Manifest") -> str:
    rows = [
        [name, split, f"{counts.records:,}", f"{counts.rows:,}"]
        for name, source in manifest.sources.items()
        for split, counts in source.splits.items()
    ]
    return table(("source", "split", "records", "rows"), rows)


def _forecast_table(plan: "Plan", sums: "Totals") -> str:
    from chinchilla.dataset.build import quantiles

    tasks: dict[str, str] = {source.card.source: source.card.task for source in plan.sources}
    rows = []
    for (source, split), counts in sums.items():
        numbers = (counts.read, counts.rows, counts.null_rows, counts.bytes)
        share = f"{counts.null_rows / counts.rows:.1%}" if counts.rows else "-"
        lengths = [f"{number:,}" for number in quantiles(counts.tokens)]
        names = [source, tasks.get(source, source), split]
        rows.append([*names, *(f"{number:,}" for number in numbers), share, *lengths])
    head = ["source", "task", "split", "read", "rows", "empty", "bytes", "empty share"]
    if any(counts.tokens for counts in sums.values()):
        head += ["tokens", "p50", "p95", "max"]
    return table(head, [row[: len(head)] for row in rows])
