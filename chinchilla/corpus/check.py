"""What is wrong with a source, all of it read; and the table of all sources.

Gold that is read unchanged and looks wrong is warned of: contradictions, leaks, blanks at ends.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from chinchilla.corpus.card import Card
from chinchilla.corpus.evidence import gold_of
from chinchilla.corpus.find import FoundSource, cards, find, find_file, module_of, records
from chinchilla.corpus.report import SplitReport, split_report
from chinchilla.corpus.unread import unread_of
from chinchilla.errors import ChinchillaError
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, Record, Split
from chinchilla.tally import PLACES, Tally

BLANKS = "span-with-blanks"
BLANKS_TODO = "draw the spans without the blanks around them: answers with them are hardly learnt"
CONFLICT = "same-text-other-gold"
LEAK = "same-text-in-two-splits"
BOTH = "pair-with-and-without-relation"
_TODO = {
    CONFLICT: "keep one of them: else one prompt is taught several answers",
    LEAK: "take the text out of one of the splits: else its score is not that of unseen text",
    BOTH: "take out the negative pair, or its relation",
}


class Suspects:
    """Warn of what looks wrong in the records of a source, taken split by split."""

    def __init__(self) -> None:
        self._gold: dict[bytes, bytes] = {}
        self._split: dict[bytes, Split] = {}
        self._now: Split | None = None

    def add(self, record: Record, where: str, tally: Tally) -> None:
        """Take a record; warn of what looks wrong with it, or with it and an earlier one."""
        if record.split != self._now:
            self._now, self._gold = record.split, {}
        text = _hash(record.text)
        earlier = self._split.setdefault(text, record.split)
        if earlier != record.split:
            tally.warn(LEAK, f"{where} ({earlier} has it too)", _TODO[LEAK])
        if record.labelled:
            items = (*record.entities, *record.relations, *record.na_pairs, *record.events)
            gold = _hash("\0".join(sorted(set(map(repr, items)))))
            if self._gold.setdefault(text, gold) != gold:
                tally.warn(CONFLICT, where, _TODO[CONFLICT])
        related = {(pair.head, pair.tail) for pair in record.relations}
        for _ in {(pair.head, pair.tail) for pair in record.na_pairs} & related:
            tally.warn(BOTH, where, _TODO[BOTH])
        for _ in range(blanks(record)):
            tally.warn(BLANKS, where, BLANKS_TODO)


def blanks(record: Record) -> int:
    """Count the spans of a record that begin or end with a blank."""
    strings = [entity.text for entity in record.entities]
    for relation in record.relations:
        strings += [relation.head, relation.tail, *relation.tail_slots.values()]
    for event in record.events:
        strings += [event.trigger or "", *(argument.text for argument in event.arguments)]
    return sum(string != string.strip() for string in strings)


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=12).digest()


@dataclass
class Inspection:
    """What was met in one split."""

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
        records, negative = self.counts["records"], self.counts["negatives"]
        return split_report(records, negative, self.counts["unlabelled"], self.tally, {})


def inspect(found: FoundSource) -> Iterator[Inspection]:
    """Yield what was met in each split of a source, read to its end whatever is wrong."""
    suspects = Suspects()
    for split in SPLITS:
        if split in found.files:
            yield _inspect_split(found, split, suspects)


def _inspect_split(found: FoundSource, split: Split, suspects: Suspects) -> Inspection:
    """Return the counts of one split, compared with those of the card."""
    seen = Inspection(found.card.source, split)
    try:
        path = found.files[split]
        for record in records(found, split, seen.tally, every=True):
            number = int(record.id.rpartition("-")[2])
            # the number in the id of a document of a folder is not that of a line
            where = Slice(path).at(number) if path.is_file() else record.id
            count(record, seen.counts)
            suspects.add(record, where, seen.tally)
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


COUNTED = ("records", "entities", "relations", "na_pairs", "events", "arguments", "negatives")


def count(record: Record, counts: Counter[str]) -> None:
    """Add a record to the counts that cards state; an unlabelled one is no negative."""
    counts["records"] += 1
    counts["entities"] += len(record.entities)
    counts["relations"] += len(record.relations)
    counts["na_pairs"] += len(record.na_pairs)
    counts["events"] += len(record.events)
    counts["arguments"] += sum(len(event.arguments) for event in record.events)
    counts["unlabelled"] += not record.labelled
    counts["negatives"] += record.labelled and not gold_of(record)


def schema_surprises(found: FoundSource) -> list[str]:
    """Return the labels of a schema file, where there is one, that are not on the card."""
    schema_labels = module_of(found.card).schema_labels
    for name in found.edition.schema_files:
        path = find_file(found.folder, name)
        if schema_labels and path is not None and path.is_file():
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
    rows, every = [], cards(raw)
    for name in every:
        try:
            rows.append(_row(every[name], raw))
        except ChinchillaError as error:
            rows.append({"source": name, **_UNREAD, "problem": str(error)})
    return rows


_OF_CARD = ("title", "task", "summary", "home", "licence", "obtain", "paper", "metric")
_EMPTY: dict[str, Any] = {"editions": [], "files": {}, "labels": 0, "notes": [], "unread": []}
_UNREAD = dict.fromkeys((*_OF_CARD, "editions", "edition", "found")) | _EMPTY


def _row(card: Card, raw: Path) -> dict[str, Any]:
    found = find(card, raw)
    edition = None if found is None else found.edition.name
    files = {} if found is None else found.files
    return {
        "source": card.source,
        **{key: getattr(card, key) for key in _OF_CARD},
        "editions": [one.name for one in card.editions],
        "edition": edition,
        "found": None if found is None else found.kind,
        "files": {split: str(path) for split, path in files.items()},
        "labels": len(card.label_set(edition or card.editions[0].name).labels),
        "notes": list(card.notes),
        "unread": [str(one) for one in unread_of(card, raw, found)],
        "problem": None,
    }
