"""Say what a build would write, without writing it."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus.report import Report
from chinchilla.dataset.general import GENERAL, weigh_general
from chinchilla.dataset.manifest import totals
from chinchilla.dataset.plan import Plan
from chinchilla.dataset.prepare import prepare
from chinchilla.dataset.report import build_report
from chinchilla.dataset.run import Progress, run
from chinchilla.dataset.shard import Totals, weigh_shard
from chinchilla.windows.cut import measure_of


def forecast(plan: Plan, workers: int, progress: Progress) -> tuple[Totals, Report]:
    """Return the counts of every split of every source: all is rendered, nothing written.

    What was read and what was not comes with them.
    """
    kits = prepare(plan, Path(), workers, progress)
    sums = totals(dict(run(plan, kits, weigh_shard, workers, progress)))
    report = build_report(plan, sums)
    windows = plan.config.windows
    measure = measure_of(windows) if windows.tokenizer else None
    general = weigh_general(plan.config, sums, measure)
    if plan.config.general.path:
        sums[GENERAL, "train"] = general
    return sums, report


class Lengths(NamedTuple):
    """How long the rows of a split are, in tokens: all together, middle, 95 in 100, longest."""

    total: int
    p50: int
    p95: int
    longest: int


def quantiles(tokens: Counter[int]) -> Lengths:
    """Return the lengths of rows from the count of each length; zeros where none was measured."""
    total = tokens.total()
    if not total:
        return Lengths(0, 0, 0, 0)
    return Lengths(
        sum(length * count for length, count in tokens.items()),
        _quantile(tokens, -(-total // 2)),
        _quantile(tokens, -(-total * 95 // 100)),
        max(tokens),
    )


def _quantile(tokens: Counter[int], rank: int) -> int:
    """Return the length of the row of that rank, counted from the shortest."""
    for length in sorted(tokens):
        rank -= tokens[length]
        if rank <= 0:
            return length
    return max(tokens)
