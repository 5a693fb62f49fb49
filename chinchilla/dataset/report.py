"""What a build read and what it did not, and the refusal of one that read nothing."""

from pathlib import Path

from chinchilla.corpus.find import Found
from chinchilla.corpus.report import (
    UNLABELLED,
    Numbers,
    Report,
    SourceReport,
    below,
    nothing_read,
    source_report,
    split_report,
)
from chinchilla.dataset.plan import Plan
from chinchilla.dataset.shard import HELD_OUT, Counts, Totals
from chinchilla.schema import SPLITS, Split


def build_report(plan: Plan, sums: Totals) -> Report:
    """Return what was read; files are named by their paths in the folders of raw files.

    Raises InputError for a source of which nothing could be read.
    """
    for found in plan.found:
        _check_any_read(found, sums)
    sources = {found.card.source: _source(found, sums) for found in plan.found}
    return Report(sources=sources, unread=below(plan.raw, plan.unread))


def _source(found: Found, sums: Totals) -> SourceReport:
    short = short_names(found)
    splits: dict[Split, Counts] = {
        split: sums[found.card.source, split]
        for split in SPLITS
        if (found.card.source, split) in sums
    }
    reports = {
        split: split_report(
            Numbers(records=one.records, negative=one.negatives, unlabelled=0), one.tally, short
        )
        for split, one in splits.items()
    }
    return source_report(found, reports, short)


def short_names(found: Found) -> dict[str, str]:
    """Return names for the paths of a source that are the same wherever its folder lies."""
    own = Path(found.card.own)
    return {str(own): f"{own.parent.name}/{own.name}", f"{found.folder}/": ""}


def _check_any_read(found: Found, sums: Totals) -> None:
    """Raise InputError where all records of a source were left out as wrong."""
    counts = [one for (source, _), one in sums.items() if source == found.card.source]
    together = Counts()
    for one in counts:
        together.merge(one)
    refused = together.tally.refused
    by_design = {UNLABELLED, HELD_OUT} & set(refused)
    if refused and not together.records and not by_design:
        raise nothing_read(found.card.source, refused)
