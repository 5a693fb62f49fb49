"""The command `chinchilla compare`."""

from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import MANY, json_option, say
from chinchilla.cli.score import (
    FILE,
    alias_option,
    gold_option,
    na_option,
    seed_option,
    streams,
    task_option,
)

if TYPE_CHECKING:
    from chinchilla.score.compare import PairedComparison


@click.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@task_option
@gold_option
@click.option("--metric", "metrics", multiple=True, help="Metric id; all of the task by default.")
@na_option
@alias_option
@click.option(
    "--bootstrap", type=MANY, default=1000, show_default=True, help="Resamples for intervals."
)
@click.option(
    "--shuffles",
    type=MANY,
    default=5000,
    show_default=True,
    help="Shuffles of the randomisation test; at least 5000.",
)
@seed_option
@json_option
def compare(as_json: bool, **given: Any) -> None:
    """Compare the predictions B with the predictions A on the same gold documents."""
    import orjson

    from chinchilla.score.compare import Resampling, versus
    from chinchilla.score.evaluate import Request

    chance = Resampling(given.pop("bootstrap"), given.pop("shuffles"), given["seed"])
    with streams(given) as files:
        a, b = files.pop("a"), files.pop("b")
        found = versus(Request(pred=a, **files), b, chance)
    if as_json:
        click.echo(orjson.dumps(found.result()))
        return
    click.echo(_report(found))
    say(found.signature, err=True)


def _report(found: "PairedComparison") -> str:
    from chinchilla.cli.common import table

    head = ("metric", "F1 A", "F1 B", "B - A", "95 %", "p")
    rows = []
    for name, one in found.metrics.items():
        rates = [f"{100 * part:.2f}" for part in (one.f1_a, one.f1_b, one.difference)]
        between = f"{100 * one.low:.2f} to {100 * one.high:.2f}"
        rows.append([name, *rates, between, f"{one.p:.4f}"])
    return table(head, rows)
