"""The command `chinchilla check`."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from chinchilla.corpus.find import Found
    from chinchilla.corpus.report import Report, SourceReport


class Checked(NamedTuple):
    """What the check of a source met."""

    problems: int = 0
    card: "Card | None" = None
    found: "Found | None" = None
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
def check(raw: Path, sources: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Read everything of the SOURCES (all by default) and report problems with path:line.

    It ends with what was read of each split, what was left out, fixed or warned of, and the files
    that were not read.
    """
    from chinchilla.cli.report import report_lines
    from chinchilla.corpus import find as catalogue

    names = [one for name in sources for one in catalogue.resolve(name, raw)]
    given["editions"] = {
        one: edition
        for name, edition in given["editions"].items()
        for one in catalogue.resolve(name, raw)
    }
    done = []
    for name in dict.fromkeys(names or catalogue.card_paths(raw)):
        done.append(_check(name, raw, given, must_be=bool(sources), quiet=as_json))
        if given["round_trip"] and not as_json:
            done.append(Checked(_round_trip(done[-1], name)))
    problems, report = sum(one.problems for one in done), _report(raw, done)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        for line in report_lines(report):
            say(line)
        warned = f", {report.warnings} warnings" if report.warnings else ""
        say(f"{problems} problems{warned}")
    sys.exit(1 if problems or (given["strict"] and report.warnings) else 0)


def _check(name: str, raw: Path, given: dict[str, Any], *, must_be: bool, quiet: bool) -> Checked:
    """Read a source, and print what was met."""
    from chinchilla.corpus import find as catalogue
    from chinchilla.corpus.check import inspect, schema_surprises
    from chinchilla.corpus.report import source_report
    from chinchilla.errors import CardError, ConfigError, InputError

    tell = partial(say, err=quiet)
    try:
        card = catalogue.load_card(name, raw)
        found = catalogue.find(card, raw, given["editions"].get(name), given["samples"])
    except (CardError, ConfigError, InputError) as error:
        tell(f"{name}: cannot be read")
        tell(f"  {error}")
        return Checked(1)
    if found is None:
        tell(f"{name}: no files under {raw}")
        return Checked(int(must_be), card)
    tell(f"{name}: {found.kind} in {found.folder}, edition {found.edition.name}")
    problems, splits = 0, {}
    for seen in inspect(found):
        for line in _lines(seen):
            tell(line)
        problems += seen.errors
        splits[seen.split] = seen.report
    for line in schema_surprises(found):
        tell(f"  {line}")
        problems += 1
    return Checked(problems, card, found, source_report(found, splits, {}))


def _lines(seen: "Inspection") -> list[str]:
    held = ", ".join(f"{number:,} {name}" for name, number in seen.counts.items() if number)
    lines = [f"{seen.source} {seen.split}: {held or 'nothing'}; {seen.errors} problems"]
    lines += [f"  {line}" for line in seen.tally.errors]
    if seen.errors > len(seen.tally.errors):
        lines.append(f"  ... and {seen.errors - len(seen.tally.errors):,} more")
    return [*lines, *(f"  {line}" for line in seen.surprises)]


def _report(raw: Path, done: list[Checked]) -> "Report":
    from chinchilla.corpus.report import Report
    from chinchilla.corpus.unread import unread

    cards = [(one.card, one.found) for one in done if one.card is not None]
    sources = {one.card.source: one.report for one in done if one.card and one.report}
    return Report(sources=sources, unread=tuple(unread(raw, cards)))


def _round_trip(done: Checked, name: str) -> int:
    """Print the F1 of what was read back, a line a sub-task and form; return what failed."""
    from chinchilla.cli.common import table
    from chinchilla.dataset.round_trip import round_trip

    if done.found is None:
        return 0
    if done.problems:
        say(f"{name}: round trip left out; mend the problems above first")
        return 0
    tripped = round_trip(done.found)
    rows = [
        [
            tripped.source,
            key.subtask,
            key.form,
            f"{tripped.written[key]:,}",
            f"{tripped.f1(key):.1f}",
        ]
        for key in tripped.written
    ]
    click.echo(table(("source", "sub-task", "form", "items", "F1"), rows))
    for line in tripped.failures:
        say(f"  {line}")
    return sum(tripped.right[key] != tripped.written[key] for key in tripped.written)
