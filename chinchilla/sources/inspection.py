"""Read everything of a source and say what is wrong with it, or not as published."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chinchilla.errors import PLACES, ChinchillaError, Tally
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, Record, Split
from chinchilla.sources import catalogue
from chinchilla.sources.catalogue import Found, find_file, module_of
from chinchilla.sources.evidence import gold_of
from chinchilla.sources.report import Numbers, SplitReport, split_report
from chinchilla.sources.suspects import Suspects


@dataclass
class Inspection:
    """Hold what was met in one split."""

    source: str
    split: Split
    counts: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=lambda: Tally(forgiving=True, keep=PLACES))
    surprises: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Return how many errors were met."""
        return self.tally.times + sum(count.times for count in self.tally.lost.values())

    @property
    def report(self) -> SplitReport:
        """Return what became of the records of the split."""
        counts = self.counts
        numbers = Numbers(
            records=counts["records"],
            negative=counts["negatives"],
            unlabelled=counts["unlabelled"],
        )
        return split_report(numbers, self.tally, {})


def inspect(found: Found) -> Iterator[Inspection]:
    """Read every split of a source to its end, whatever is wrong with it."""
    suspects = Suspects()
    for split in SPLITS:
        if split in found.files:
            yield inspect_split(found, split, suspects)


def inspect_split(found: Found, split: Split, suspects: Suspects) -> Inspection:
    """Read one split of all, count what it holds and compare with the card."""
    seen = Inspection(found.card.source, split)
    try:
        for record in catalogue.records(found, split, seen.tally, every=True):
            count(record, seen.counts)
            suspects.look(record, _place(record, found), seen.tally)
    except ChinchillaError as error:
        seen.tally.refuse(error)
    if not found.sample:
        expected = found.edition.expected.get(split, {})
        seen.surprises = [
            f"note: {seen.counts[key]:,} {key}, the published file has {number:,}"
            for key, number in expected.items()
            if key in COUNTED and seen.counts[key] != number
        ]
    return seen


def _place(record: Record, found: Found) -> str:
    """Name the place of a record as errors do; that of a folder's file is in its id."""
    path, (_, _, number) = found.files[record.split], record.id.rpartition("-")
    return Slice(path).at(int(number)) if path.is_file() else record.id


COUNTED = ("records", "entities", "relations", "na_pairs", "events", "arguments", "negatives")


def count(record: Record, counts: Counter[str]) -> None:
    """Add a record to the counts that cards state; what was never labelled is no negative."""
    counts["records"] += 1
    counts["entities"] += len(record.entities)
    counts["relations"] += len(record.relations)
    counts["na_pairs"] += len(record.na_pairs)
    counts["events"] += len(record.events)
    counts["arguments"] += sum(len(event.arguments) for event in record.events)
    if not record.labelled:
        counts["unlabelled"] += 1
    else:
        counts["negatives"] += not gold_of(record)


def schema_surprises(found: Found) -> list[str]:
    """Compare the label file of a source, where it lies there, with the card."""
    schema_labels = getattr(module_of(found.card), "schema_labels", None)
    if schema_labels is None:
        return []
    for name in found.edition.schema_files:
        path = find_file(found.folder, name)
        if path is not None and path.is_file():
            try:
                missing = sorted(schema_labels(path) - set(found.card.labels))
            except ChinchillaError as error:
                return [str(error)]
            return [f"{path}: the label {label!r} is not on the card" for label in missing]
    return []
