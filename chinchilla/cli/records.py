"""The command `chinchilla records`."""

import sys
from pathlib import Path

import click

from chinchilla.cli.options import raw_option, samples_option


@click.command()
@click.argument("source")
@click.option("--split", type=click.Choice(["train", "dev", "test"]), required=True)
@raw_option
@click.option("--edition", help="Edition to read, where a source has several.")
@samples_option
@click.option(
    "--on-error",
    type=click.Choice(["stop", "count"]),
    default="stop",
    show_default=True,
    help="Stop at the first bad record, or leave it out and count it.",
)
def records(
    source: str, split: str, raw: Path, edition: str | None, samples: bool, on_error: str
) -> None:
    """Print the normalised records of a SOURCE as JSON Lines, the exchange format."""
    from chinchilla.errors import InputError, Tally
    from chinchilla.sources import catalogue

    card = catalogue.load_card(source, raw)
    found = catalogue.find(card, raw, edition, samples)
    if found is None:
        raise InputError(str(raw), f"no file of {source} here", card.obtain or "add the files")
    say = f"{source} {split}: {found.kind} in {found.folder}, edition {found.edition.name}"
    click.echo(say, err=True)
    tally = Tally(forgiving=on_error == "count")
    write = sys.stdout.buffer.write
    for record in catalogue.records(found, split, tally):  # type: ignore[arg-type]
        write(record.__pydantic_serializer__.to_json(record) + b"\n")
    sys.stdout.buffer.flush()
    for kind, counts in (("refused", tally.refused), ("mended", tally.mended)):
        for reason, count in sorted(counts.items()):
            click.echo(f"{kind} {reason}: {count.times}, first {count.example}", err=True)
