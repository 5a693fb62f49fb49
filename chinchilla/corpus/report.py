"""What was read and what was not, of each split of each source: one place for all commands."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import Found
from chinchilla.corpus.unread import Unread
from chinchilla.errors import Count, InputError, Tally, shown
from chinchilla.schema import Frozen, Split

UNLABELLED = "unlabelled"


class Reason(Frozen):
    """How often something happened, where and what was wrong first, and what would mend it."""

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
        kinds = [one.warned for one in self.sources.values()]
        kinds += [split.warned for one in self.sources.values() for split in one.splits.values()]
        return len(self.unread) + sum(one.times for kind in kinds for one in kind.values())


class Numbers(Frozen):
    """Count the records of a split that are kept: all, those with no gold, those without labels."""

    records: int
    negative: int
    unlabelled: int


def split_report(numbers: Numbers, tally: Tally, short: Mapping[str, str]) -> SplitReport:
    """Put the counts of a split together; `short` are names for the paths in places."""
    refused = dict(tally.refused)
    dropped = refused.pop(UNLABELLED, None)
    unlabelled = numbers.unlabelled + (dropped.times if dropped else 0)
    left = sum(count.times for count in refused.values())
    kept = numbers.records + (dropped.times if dropped else 0)
    return SplitReport(
        read=kept + left,
        labelled=kept - numbers.negative - unlabelled,
        negative=numbers.negative,
        unlabelled=unlabelled,
        left_out=reasons(refused, short),
        lost=reasons(tally.lost, short),
        fixed=reasons(tally.mended, short),
        warned=reasons(tally.warned, short),
    )


def source_report(
    found: Found, splits: dict[Split, SplitReport], short: Mapping[str, str]
) -> SourceReport:
    """Put the splits of a source together with what was known before they were read."""
    return SourceReport(splits=splits, warned=reasons(found.tally.warned, short))


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
    """Return what was wrong first, without its place and what to do; it may be the place alone."""
    place = count.places[0] if count.places else ""
    what = count.example.removeprefix(place).removeprefix(": ")
    return what.removesuffix(f"; {count.todo}") if count.todo else what


def shortened(words: str, short: Mapping[str, str]) -> str:
    """Put names in place of paths; in one line, whatever was read."""
    for path, name in short.items():
        words = words.replace(path, name)
    return shown(words)


def below(raw: Path, unread: Iterable[Unread]) -> tuple[Unread, ...]:
    """Name files that were not read by their paths below raw/, wherever that lies."""
    short = {f"{shown(raw)}/": ""}
    return tuple(Unread(*(shortened(part, short) for part in one)) for one in unread)


def nothing_read(source: str, refused: Mapping[str, Count]) -> InputError:
    """Say that everything of a source was left out, why most of it, and where first."""
    reason, count = max(refused.items(), key=lambda item: item[1].times)
    where = count.places[0] if count.places else source
    left = sum(one.times for one in refused.values())
    words = (
        f"nothing of {source} could be read, {left:,} left out, most for {reason}: {_what(count)}"
    )
    return InputError(where, words, count.todo or "run `chinchilla check` to see all reasons")


def check_any_read(found: Found, split: Split, tally: Tally) -> None:
    """Raise InputError where a split without a record had some, all left out.

    Of a file that it is carved out of, the other splits may hold what was read.
    """
    path = found.files[split]
    for other in (one for one in found.files if one != split and found.files[one] == path):
        if next(catalogue.records(found, other, Tally(forgiving=True)), None) is not None:
            return
    if tally.refused:
        raise nothing_read(f"{found.card.source} {split}", tally.refused)
