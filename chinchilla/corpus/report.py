"""What was read and what was not, of each split of each source: one place for all commands."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from chinchilla.corpus.find import FoundSource, records
from chinchilla.corpus.unread import Unread
from chinchilla.errors import InputError, shown
from chinchilla.schema import Frozen, Split
from chinchilla.tally import Count, Tally

UNLABELLED = "unlabelled"


class Reason(Frozen):
    """How often something happened, where and what was wrong first, and what to do about it."""

    times: int
    places: tuple[str, ...]
    what: str = ""
    todo: str = ""


Reasons = dict[str, Reason]


class SplitReport(Frozen):
    """What became of the records of a split.

    `read` is labelled, negative, unlabelled and left out together; `lost` are parts of records
    that are kept without them.
    """

    read: int
    labelled: int
    negative: int
    unlabelled: int
    left_out: Reasons = Field(default_factory=dict)
    lost: Reasons = Field(default_factory=dict)
    fixed: Reasons = Field(default_factory=dict)
    warned: Reasons = Field(default_factory=dict)


class SourceReport(Frozen):
    """What was read of a source, and what was warned of before any record was read."""

    splits: dict[Split, SplitReport] = Field(default_factory=dict)
    warned: Reasons = Field(default_factory=dict)


class Report(Frozen):
    """What was read of the sources, and the files and folders that were not."""

    sources: dict[str, SourceReport] = Field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    @property
    def warnings(self) -> int:
        """Count what was warned of, each file that was not read too."""
        sources = self.sources.values()
        kinds = [source.warned for source in sources]
        kinds += [split.warned for source in sources for split in source.splits.values()]
        return len(self.unread) + sum(one.times for kind in kinds for one in kind.values())


def split_report(
    records: int, negative: int, unlabelled: int, tally: Tally, short: Mapping[str, str]
) -> SplitReport:
    """Return the counts of a split.

    Args:
        records: How many records are kept.
        negative: How many of them have no gold.
        unlabelled: How many of them have no labels.
        tally: What was refused, lost, fixed and warned of; its unlabelled ones were dropped.
        short: The names put in place of paths.
    """
    refused = dict(tally.refused)
    dropped = refused.pop(UNLABELLED, Count(0, "")).times
    return SplitReport(
        read=records + dropped + sum(count.times for count in refused.values()),
        labelled=records - negative - unlabelled,
        negative=negative,
        unlabelled=unlabelled + dropped,
        left_out=reasons(refused, short),
        lost=reasons(tally.lost, short),
        fixed=reasons(tally.fixed, short),
        warned=reasons(tally.warned, short),
    )


def reasons(counts: Mapping[str, Count], short: Mapping[str, str]) -> Reasons:
    """Return counts by reason, with names in place of paths."""
    return {
        reason: Reason(
            times=count.times,
            places=tuple(shortened(place, short) for place in count.places),
            what=shortened(_what(count), short),
            todo=shortened(count.todo, short),
        )
        for reason, count in sorted(counts.items())
    }


def _what(count: Count) -> str:
    """Return what was wrong first, without where and what to do; "" where that is all."""
    where = count.places[0] if count.places else ""
    what = count.example.removeprefix(where).removeprefix(": ")
    return what.removesuffix(f"; {count.todo}") if count.todo else what


def shortened(text: str, short: Mapping[str, str]) -> str:
    """Return a text with names in place of paths, in one line whatever was read."""
    for path, name in short.items():
        text = text.replace(path, name)
    return shown(text)


def below(raw: Path, unread: Iterable[Unread]) -> tuple[Unread, ...]:
    """Return files that were not read with their paths below raw/, wherever that is."""
    short = {f"{shown(raw)}/": ""}
    return tuple(Unread(*(shortened(part, short) for part in one)) for one in unread)


def nothing_read(source: str, refused: Mapping[str, Count]) -> InputError:
    """Return the error for a source of which all is left out: why most, and where first."""
    reason, count = max(refused.items(), key=lambda item: item[1].times)
    where = count.places[0] if count.places else source
    left = sum(one.times for one in refused.values())
    what = f"nothing of {source} could be read, {left:,} left out, most for {reason}"
    todo = count.todo or "run `chinchilla check` to see all reasons"
    return InputError(where, f"{what}: {_what(count)}", todo)


def check_any_read(found: FoundSource, split: Split, tally: Tally) -> None:
    """Raise InputError where a split without a record had some, all left out.

    Of a file that it is carved out of, the other splits may have what was read.
    """
    path = found.files[split]
    for other in (one for one in found.files if one != split and found.files[one] == path):
        if next(records(found, other, Tally(forgiving=True)), None) is not None:
            return
    if tally.refused:
        raise nothing_read(f"{found.card.source} {split}", tally.refused)
