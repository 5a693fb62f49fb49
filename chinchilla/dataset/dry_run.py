"""What a build would write, without writing it."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus.report import Report
from chinchilla.dataset.general import GENERAL, write_general
from chinchilla.dataset.plan import Plan
from chinchilla.dataset.prepare import prepare
from chinchilla.dataset.report import build_report
from chinchilla.dataset.run import Progress, run
from chinchilla.dataset.shard import Totals, totals, weigh_shard


def forecast(plan: Plan, workers: int, progress: Progress) -> tuple[Totals, Report]:
    """Counts of every split of every source, and what was read: all is rendered, none written."""
    contexts = prepare(plan, Path(), workers, progress)
    sums = totals(dict(run(plan, contexts, weigh_shard, workers, progress)))
    report = build_report(plan, sums)
    if plan.config.general.path:
        rows = sum(counts.rows for (_, split), counts in sums.items() if split == "train")
        sums[GENERAL, "train"] = write_general(plan.config, rows)
    return sums, report


class RowLengths(NamedTuple):
    """Lengths of the rows of a split, in tokens: in all, middle, 95 in 100, longest."""

    total: int
    p50: int
    p95: int
    longest: int


def quantiles(tokens: Counter[int]) -> RowLengths:
    """Lengths of rows from the count of each length; zeros where none was measured."""
    total = tokens.total()
    if not total:
        return RowLengths(0, 0, 0, 0)
    return RowLengths(
        sum(length * count for length, count in tokens.items()),
        _quantile(tokens, -(-total // 2)),
        _quantile(tokens, -(-total * 95 // 100)),
        max(tokens),
    )


def _quantile(tokens: Counter[int], rank: int) -> int:
    """Length of the row of that rank, counted from 1 at the shortest."""
    for length in sorted(tokens):
        rank -= tokens[length]
        if rank <= 0:
            return length
    return max(tokens)
