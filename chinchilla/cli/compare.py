"""The command `chinchilla compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import MANY, STREAM, json_option, note, table
from chinchilla.cli.score import (
    alias_fields,
    alias_option,
    gold_option,
    input_files,
    na_option,
    seed_option,
    task_option,
)

if TYPE_CHECKING:
    from chinchilla.schema import Task
    from chinchilla.score.compare import PairedComparison


@click.command()
@click.argument("a", type=STREAM)
@click.argument("b", type=STREAM)
@task_option
@gold_option
@click.option("--metric", "metrics", multiple=True, help="Metric id; all of the task by default.")
@na_option
@alias_option
@click.option("--bootstrap", type=MANY, default=1000, help="Resamples for intervals.")
@click.option(
    "--shuffles", type=MANY, default=5000, help="Shuffles of the randomisation test; at least 5000."
)
@seed_option
@json_option
def compare(a: Path, b: Path, task: "Task", as_json: bool, **options: Any) -> None:
    """Compare the predictions B with the predictions A on the same gold documents."""
    import orjson

    from chinchilla.score.compare import Resampling, compare_systems
    from chinchilla.score.counts import ScoreOptions
    from chinchilla.score.rows import read_rows

    resampling = Resampling(options["bootstrap"], options["shuffles"], options["seed"])
    scoring = ScoreOptions(metrics=options["metrics"], na=options["na"])
    scoring = scoring._replace(**alias_fields(options["alias"]))
    with input_files({"a": a, "b": b, "gold": options["gold"]}) as files:
        gold, first, second = (read_rows(files[name], task) for name in ("gold", "a", "b"))
        comparison = compare_systems(gold, first, second, scoring, resampling)
    if as_json:
        click.echo(orjson.dumps(comparison.to_dict()))
        return
    click.echo(_report(comparison))
    note(comparison.signature)


def _report(comparison: "PairedComparison") -> str:
    head = ("metric", "F1 A", "F1 B", "B - A", "95 %", "p")
    rows = []
    for name, each in comparison.metrics.items():
        rates = [f"{100 * part:.2f}" for part in (each.f1_a, each.f1_b, each.difference)]
        interval = f"{100 * each.low:.2f} to {100 * each.high:.2f}"
        rows.append([name, *rates, interval, f"{each.p:.4f}"])
    return table(head, rows)
