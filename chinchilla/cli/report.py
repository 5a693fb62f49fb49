"""What was read and what was not, for people: the end of `check` and of `build`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chinchilla.corpus.report import Reasons, Report
    from chinchilla.corpus.unread import Unread

MOST = 20
"""How many files that are not read are named; the number says how many more there are."""
_HEAD = ("source", "split", "read", "labelled", "negative", "unlabelled", "left out", "fixed")


def report_lines(report: "Report", causes: bool = False) -> Iterator[str]:
    """Yield the table of splits, then a line a reason and one a file that was not read.

    With `causes`, what was left out is told with what was wrong first, as no line before did.
    """
    from chinchilla.cli.common import table

    rows = []
    for name, source in report.sources.items():
        for split, one in source.splits.items():
            sums = [sum(met.times for met in kind.values()) for kind in (one.left_out, one.fixed)]
            numbers = (one.read, one.labelled, one.negative, one.unlabelled, *sums)
            rows.append([name, split, *(f"{number:,}" for number in numbers)])
    if rows:
        yield from table(_HEAD, rows).split("\n")
    for name, source in report.sources.items():
        yield from _reasons(f"warning: {name}", source.warned)
        for split, one in source.splits.items():
            yield from _reasons(f"left out: {name} {split}", one.left_out, causes)
            yield from _reasons(f"left out of records kept: {name} {split}", one.lost, causes)
            yield from _reasons(f"fixed: {name} {split}", one.fixed)
            yield from _reasons(f"warning: {name} {split}", one.warned)
    yield from unread_lines(report.unread)


def _reasons(begin: str, reasons: "Reasons", cause: bool = True) -> Iterator[str]:
    for reason, met in reasons.items():
        more = ", ..." if met.times > len(met.places) else ""
        places = f" at {', '.join(met.places)}{more}" if met.places else ""
        what = f": {met.what}" if met.what and cause else ""
        todo = f"; {met.todo}" if met.todo and cause else ""
        yield f"{begin}: {met.times:,} {reason}{places}{what}{todo}"


def unread_lines(unread: "tuple[Unread, ...]") -> Iterator[str]:
    """Yield a line for each file or folder that is not read, up to a number."""
    yield from map(str, unread[:MOST])
    if len(unread) > MOST:
        yield f"... and {len(unread) - MOST:,} more files or folders that are not read"
