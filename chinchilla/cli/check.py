"""The command `chinchilla check`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chinchilla.cli.options import raw_option, samples_option
from chinchilla.cli.output import say

if TYPE_CHECKING:
    from chinchilla.sources.catalogue import Found
    from chinchilla.sources.inspection import Inspection


@click.command()
@click.argument("sources", nargs=-1)
@raw_option
@samples_option
@click.option(
    "--round-trip",
    is_flag=True,
    help="Also write all gold in every answer form and export, read it back and score it.",
)
def check(sources: tuple[str, ...], raw: Path, samples: bool, round_trip: bool) -> None:
    """Read everything of the SOURCES (all by default) and report problems with path:line."""
    from chinchilla.errors import CardError, InputError
    from chinchilla.sources import catalogue

    problems = 0
    for name in sources or tuple(catalogue.card_paths(raw)):
        try:
            found = catalogue.find(catalogue.load_card(name, raw), raw, None, samples)
        except (CardError, InputError) as error:
            say(f"{name}: cannot be read")
            say(f"  {error}")
            problems += 1
            continue
        if found is None:
            say(f"{name}: no files under {raw}")
            problems += bool(sources)
            continue
        own = _check(found)
        if round_trip and own:
            say(f"{name}: round trip left out; mend the problems above first")
        elif round_trip:
            own = _round_trip(found)
        problems += own
    say(f"{problems} problems")
    sys.exit(1 if problems else 0)


def _check(found: "Found") -> int:
    """Read a source, print what was met, and return how many problems it has."""
    from chinchilla.sources.inspection import inspect, schema_surprises

    source = found.card.source
    say(f"{source}: {found.kind} in {found.folder}, edition {found.edition.name}")
    for line in found.notes:
        say(f"  note: {line}")
    problems = 0
    for seen in inspect(found):
        _report(seen)
        problems += seen.errors
    for line in schema_surprises(found):
        say(f"  {line}")
        problems += 1
    return problems


def _report(seen: "Inspection") -> None:
    held = ", ".join(f"{number:,} {name}" for name, number in seen.counts.items() if number)
    say(f"{seen.source} {seen.split}: {held or 'nothing'}; {seen.errors} problems")
    for line in [*seen.tally.errors, *seen.surprises]:
        say(f"  {line}")
    if seen.errors > len(seen.tally.errors):
        say(f"  ... and {seen.errors - len(seen.tally.errors)} more")
    for reason, count in sorted(seen.tally.mended.items()):
        say(f"  mended {reason}: {count.times}, first {count.example}")


def _round_trip(found: "Found") -> int:
    """Print the F1 of what was read back, a line a sub-task and form; return what failed."""
    from chinchilla.build.roundtrip import round_trip
    from chinchilla.cli.table import table

    done = round_trip(found)
    rows = [
        [done.source, key.subtask, key.form, f"{done.written[key]:,}", f"{done.f1(key):.1f}"]
        for key in done.written
    ]
    click.echo(table(("source", "sub-task", "form", "items", "F1"), rows))
    for line in done.failures:
        say(f"  {line}")
    return sum(done.right[key] != done.written[key] for key in done.written)
