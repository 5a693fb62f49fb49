"""The command `chinchilla build`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import (
    SEED,
    editions_option,
    raw_option,
    samples_option,
    say,
    templates_option,
)

if TYPE_CHECKING:
    from chinchilla.dataset.plan import Plan
    from chinchilla.dataset.shard import Totals


@click.command()
@raw_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("processed"),
    show_default=True,
    help="Folder to write to.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), help="build.toml; the options below win over it."
)
@click.option("--source", "sources", multiple=True, help="Source to read; repeat for several.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Choice(["ner", "re", "ee"]),
    help="Task to build; repeat for several.",
)
@editions_option
@click.option("--seed", type=SEED, help="Seed of every choice of wording.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
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
def build(raw: Path, out: Path, config: Path | None, **given: Any) -> None:
    """Build the instruction data set from everything found under --raw.

    It ends with what was read of each split, what was left out, fixed or warned of, and the files
    that were not read.
    """
    from chinchilla.cli.progress import build_progress
    from chinchilla.cli.report import report_lines
    from chinchilla.corpus.report import Report
    from chinchilla.dataset.build import build as build_all
    from chinchilla.dataset.config import read_config
    from chinchilla.dataset.dry_run import forecast
    from chinchilla.dataset.plan import make_plan

    _say_shipped(config)
    workers, dry_run = given.pop("workers"), given.pop("dry_run")
    plan = make_plan(raw, read_config(config, _changes(given)))
    click.echo(_plan_table(plan), err=True)
    with build_progress(plan) as progress:
        if dry_run:
            sums, report = forecast(plan, workers, progress)
            click.echo(_forecast_table(plan, sums))
        else:
            built = build_all(plan, out, workers, progress)
            click.echo(_result_table(built.manifest))
            report = Report.model_validate(built.manifest["report"])
    for line in report_lines(report, causes=True):
        say(line, err=True)
    if not dry_run:
        say(f"written to {out}; counts and licences in {out / 'README.md'}", err=True)


def _say_shipped(config: Path | None) -> None:
    """Say which of two configurations is read where a file bears the name of one that ships."""
    from chinchilla.dataset.config import shipped_configs

    if config is not None and str(config) in shipped_configs() and config.is_file():
        words = f"the configuration {config} that ships is read"
        say(f"note: {words}; write ./{config} for the file here", err=True)


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Keep what was said on the command line."""
    return {key: value for key, value in given.items() if value not in (None, (), {})}


def _plan_table(plan: "Plan") -> str:
    from chinchilla.cli.common import table

    rows = []
    for found in plan.found:
        card = found.card
        files = ", ".join(dict.fromkeys(path.name for path in found.files.values()))
        kind = "SAMPLE" if found.sample else "your files"
        rows.append([card.source, card.task, found.edition.name, kind, str(found.folder), files])
    rows.extend([name, "", "", "nothing found", "", ""] for name in plan.absent)
    return table(("source", "task", "edition", "data", "folder", "files"), rows)


def _result_table(manifest: dict[str, Any]) -> str:
    from chinchilla.cli.common import table

    rows = []
    for name, source in manifest["sources"].items():
        for split, counts in source["splits"].items():
            numbers = (counts["records"], counts["rows"])
            rows.append([name, split, *(f"{number:,}" for number in numbers)])
    return table(("source", "split", "records", "rows"), rows)


def _forecast_table(plan: "Plan", sums: "Totals") -> str:
    from chinchilla.cli.common import table
    from chinchilla.dataset.dry_run import quantiles

    tasks: dict[str, str] = {found.card.source: found.card.task for found in plan.found}
    rows = []
    for (source, split), counts in sums.items():
        numbers = (counts.read, counts.rows, counts.null_rows, counts.bytes)
        share = f"{counts.null_rows / counts.rows:.1%}" if counts.rows else "-"
        lengths = [f"{number:,}" for number in quantiles(counts.tokens)]
        words = [source, tasks.get(source, source), split]
        rows.append([*words, *(f"{number:,}" for number in numbers), share, *lengths])
    head = ("source", "task", "split", "read", "rows", "empty", "bytes", "empty share")
    measured = ("tokens", "p50", "p95", "max") if any(one.tokens for one in sums.values()) else ()
    return table((*head, *measured), [row[: len(head) + len(measured)] for row in rows])
