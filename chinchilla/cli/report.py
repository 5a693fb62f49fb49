"""What was read and what was not, as lines: the end of `check` and of `build`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chinchilla.corpus.report import Reasons, Report

MOST = 20
"""How many files that are not read are named; the number says how many more there are."""
_HEAD = ("source", "split", "read", "labelled", "negative", "unlabelled", "left out", "fixed")


def report_lines(report: "Report", causes: bool = False) -> Iterator[str]:
    """Yield the table of splits, then a line a reason and a file that was not read.

    With `causes`, a line of what was left out says what was wrong first: no line before did.
    """
    from chinchilla.cli.common import table

    rows = []
    for name, source in report.sources.items():
        for split, counts in source.splits.items():
            kinds = (counts.left_out, counts.fixed)
            sums = [sum(reason.times for reason in kind.values()) for kind in kinds]
            numbers = (counts.read, counts.labelled, counts.negative, counts.unlabelled, *sums)
            rows.append([name, split, *(f"{number:,}" for number in numbers)])
    if rows:
        yield from table(_HEAD, rows).split("\n")
    for name, source in report.sources.items():
        yield from _reasons(f"warning: {name}", source.warned)
        for split, counts in source.splits.items():
            yield from _reasons(f"left out: {name} {split}", counts.left_out, causes)
            yield from _reasons(f"left out of records kept: {name} {split}", counts.lost, causes)
            yield from _reasons(f"fixed: {name} {split}", counts.fixed)
            yield from _reasons(f"warning: {name} {split}", counts.warned)
    yield from map(str, report.unread[:MOST])
    if len(report.unread) > MOST:
        yield f"... and {len(report.unread) - MOST:,} more files or folders that are not read"


def _reasons(begin: str, reasons: "Reasons", cause: bool = True) -> Iterator[str]:
    for name, reason in reasons.items():
        more = ", ..." if reason.times > len(reason.places) else ""
        places = f" at {', '.join(reason.places)}{more}" if reason.places else ""
        what = f": {reason.what}" if reason.what and cause else ""
        todo = f"; {reason.todo}" if reason.todo and cause else ""
        yield f"{begin}: {reason.times:,} {name}{places}{what}{todo}"
