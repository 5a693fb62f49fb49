"""Read everything of a source and say what is wrong with it; tell what sources there are."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card
from chinchilla.corpus.evidence import gold_of
from chinchilla.corpus.find import Found, find_file, module_of
from chinchilla.corpus.report import Numbers, SplitReport, split_report
from chinchilla.corpus.suspects import Suspects
from chinchilla.corpus.unread import unread_of
from chinchilla.errors import PLACES, ChinchillaError, Tally
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, Record, Split


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


def overview(raw: Path) -> list[dict[str, Any]]:
    """Return one plain object a source: card, files found, whether they are our sample.

    A source that cannot be read has its `problem`, in one line, and little else.
    """
    rows = []
    cards = catalogue.cards(raw)
    for name in cards:
        try:
            rows.append(_row(cards[name], raw))
        except ChinchillaError as error:
            rows.append({"source": name, **_UNREAD, "problem": str(error)})
    return rows


_WORDS = ("title", "task", "summary", "home", "licence", "obtain", "paper", "metric")
_EMPTY: dict[str, Any] = {"editions": [], "files": {}, "labels": 0, "notes": [], "unread": []}
_UNREAD = dict.fromkeys((*_WORDS, "editions", "edition", "found")) | _EMPTY


def _row(card: Card, raw: Path) -> dict[str, Any]:
    found = catalogue.find(card, raw)
    edition = None if found is None else found.edition.name
    shown = card.editions[0].name if edition is None else edition
    row: dict[str, Any] = {"source": card.source}
    for key in _WORDS:
        row[key] = getattr(card, key)
    row["editions"] = [one.name for one in card.editions]
    row["edition"] = edition
    row["found"] = None if found is None else found.kind
    row["files"] = {} if found is None else {k: str(v) for k, v in found.files.items()}
    row["labels"] = len(card.label_set(shown).labels)
    row["notes"] = list(card.notes)
    row["unread"] = [str(one) for one in unread_of(card, raw, found)]
    row["problem"] = None
    return row
