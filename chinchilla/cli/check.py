"""The command `chinchilla check`."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

import click

from chinchilla.cli.common import (
    editions_option,
    json_option,
    raw_option,
    samples_option,
    say,
    templates_option,
)

if TYPE_CHECKING:
    from chinchilla.corpus.card import Card
    from chinchilla.corpus.check import Inspection
    from chinchilla.corpus.find import FoundSource
    from chinchilla.corpus.report import Report, SourceReport


class CheckOptions(TypedDict):
    """What is read of each source, and what is made of it; with `as_json` lines go to stderr."""

    editions: dict[str, str]
    samples: bool | None
    round_trip: bool
    strict: bool
    as_json: bool


class Checked(NamedTuple):
    """What the check of a source met."""

    problems: int = 0
    card: "Card | None" = None
    found: "FoundSource | None" = None
    report: "SourceReport | None" = None


@click.command()
@click.argument("sources", nargs=-1)
@raw_option
@editions_option
@samples_option
@click.option(
    "--round-trip",
    is_flag=True,
    help="Also write all gold in every answer form and export, read it back and score it.",
)
@click.option("--strict", is_flag=True, help="Exit with status 1 on warnings too.")
@json_option
@templates_option
def check(raw: Path, sources: tuple[str, ...], **options: Unpack[CheckOptions]) -> None:
    """Read everything of the SOURCES (all by default) and report problems with path:line.

    It ends with what was read of each split, what was left out, fixed or warned of, and the files
    that were not read.
    """
    from chinchilla.cli.report import report_lines
    from chinchilla.corpus.registry import card_paths, resolve

    names = [source for name in sources for source in resolve(name, raw)]
    options["editions"] = {
        source: edition
        for name, edition in options["editions"].items()
        for source in resolve(name, raw)
    }
    every = []
    for name in dict.fromkeys(names or card_paths(raw)):
        every.append(_check(name, raw, options, must_be=bool(sources)))
        if options["round_trip"] and not options["as_json"]:
            every.append(Checked(_round_trip(every[-1], name)))
    problems, report = sum(checked.problems for checked in every), _report(raw, every)
    if options["as_json"]:
        click.echo(report.model_dump_json(indent=2))
    else:
        for line in report_lines(report):
            say(line)
        warned = f", {report.warnings} warnings" if report.warnings else ""
        say(f"{problems} problems{warned}")
    sys.exit(1 if problems or (options["strict"] and report.warnings) else 0)


def _check(name: str, raw: Path, options: CheckOptions, *, must_be: bool) -> Checked:
    """Read a source, and print what was met."""
    from chinchilla.corpus.check import inspect, schema_surprises
    from chinchilla.corpus.find import find
    from chinchilla.corpus.registry import load_card
    from chinchilla.corpus.report import SourceReport, reasons
    from chinchilla.errors import CardError, ConfigError, InputError

    tell = partial(say, err=options["as_json"])
    try:
        card = load_card(name, raw)
        found = find(card, raw, options["editions"].get(name), options["samples"])
    except (CardError, ConfigError, InputError) as error:
        tell(f"{name}: cannot be read")
        tell(f"  {error}")
        return Checked(1)
    if found is None:
        todo = f"; put them into {raw / name}, or read its sample with --samples"
        tell(f"{name}: no files under {raw}{todo if must_be else ''}")
        return Checked(int(must_be), card)
    tell(f"{name}: {found.kind} in {found.folder}, edition {found.edition.name}")
    problems, splits = 0, {}
    for inspection in inspect(found):
        for line in _lines(inspection):
            tell(line)
        problems += inspection.errors
        splits[inspection.split] = inspection.report
    for line in schema_surprises(found):
        tell(f"  {line}")
        problems += 1
    report = SourceReport(splits=splits, warned=reasons(found.tally.warned, {}))
    return Checked(problems, card, found, report)


def _lines(seen: "Inspection") -> list[str]:
    counts = ", ".join(f"{number:,} {name}" for name, number in seen.counts.items() if number)
    lines = [f"{seen.source} {seen.split}: {counts or 'nothing'}; {seen.errors} problems"]
    lines += [f"  {line}" for line in seen.tally.errors]
    if seen.errors > len(seen.tally.errors):
        lines.append(f"  ... and {seen.errors - len(seen.tally.errors):,} more")
    return [*lines, *(f"  {line}" for line in seen.surprises)]


def _report(raw: Path, every: list[Checked]) -> "Report":
    from chinchilla.corpus.report import Report
    from chinchilla.corpus.unread import unread

    cards = [(checked.card, checked.found) for checked in every if checked.card is not None]
    sources = {one.card.source: one.report for one in every if one.card and one.report}
    return Report(sources=sources, unread=tuple(unread(raw, cards)))


def _round_trip(checked: Checked, name: str) -> int:
    """Print the F1 of what was read back, a line a sub-task and form; return what failed."""
    from chinchilla.cli.common import table
    from chinchilla.export.round_trip import round_trip

    if checked.found is None:
        return 0
    if checked.problems:
        say(f"{name}: round trip left out; fix the problems above first")
        return 0
    trip = round_trip(checked.found)
    rows = [
        [trip.source, key.subtask, key.form, f"{trip.written[key]:,}", f"{trip.f1(key):.1f}"]
        for key in trip.written
    ]
    click.echo(table(("source", "sub-task", "form", "items", "F1"), rows))
    for line in trip.failures:
        say(f"  {line}")
    return sum(trip.right[key] != trip.written[key] for key in trip.written)
