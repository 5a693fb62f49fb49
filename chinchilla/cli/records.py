"""The command `chinchilla records`."""

import sys
from typing import TYPE_CHECKING, Unpack

import click

from chinchilla.cli.common import (
    SourceOptions,
    edition_option,
    find_source,
    on_error_option,
    raw_option,
    samples_option,
    say_tally,
)

if TYPE_CHECKING:
    from chinchilla.corpus.find import FoundSource
    from chinchilla.schema import Split


@click.command()
@click.argument("source")
@click.option(
    "--split", type=click.Choice(["train", "dev", "test"]), required=True, help="Split to print."
)
@raw_option
@edition_option
@samples_option
@on_error_option
def records(source: str, split: "Split", on_error: str, **options: Unpack[SourceOptions]) -> None:
    """Print the normalised records of a SOURCE as JSON Lines, the exchange format."""
    from chinchilla.corpus.registry import resolve

    for name in resolve(source, options["raw"]):
        _print(find_source(name, split, options), split, forgiving=on_error == "count")


def _print(found: "FoundSource", split: "Split", *, forgiving: bool) -> None:
    """Print the records of a split; raise InputError where all of it is left out."""
    from chinchilla.corpus.find import records as records_of
    from chinchilla.corpus.report import check_any_read
    from chinchilla.dataset.lines import dump_record
    from chinchilla.tally import Tally

    tally, any_read = Tally(forgiving=forgiving), False
    tally.merge(found.tally)
    write = sys.stdout.buffer.write
    for record in records_of(found, split, tally):
        any_read = True
        write(dump_record(record))
    sys.stdout.buffer.flush()
    say_tally(tally)
    if not any_read:
        check_any_read(found, split, tally)
