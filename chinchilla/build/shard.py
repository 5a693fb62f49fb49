"""Build one slice: a pure function from bytes of a file to a shard of rows and records."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chinchilla.build.plan import Job
from chinchilla.errors import Tally
from chinchilla.prompts.rows import Prompter
from chinchilla.schema import Record
from chinchilla.sources import catalogue
from chinchilla.sources.catalogue import Found

BUFFER = 1024 * 1024
UNLABELLED = "unlabelled"


@dataclass
class Counts:
    """Count what came of some records; `read` is what is written and what is refused."""

    records: int = 0
    rows: int = 0
    nulls: int = 0
    items: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)

    @property
    def read(self) -> int:
        """Return the number of records read, refused ones included."""
        return self.records + sum(count.times for count in self.tally.refused.values())

    def merge(self, other: "Counts") -> None:
        """Add the counts of the next shard."""
        self.records += other.records
        self.rows += other.rows
        self.nulls += other.nulls
        self.items.update(other.items)
        self.labels.update(other.labels)
        self.tally.merge(other.tally)


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Return where the rows and the records of a job are written."""
    return folder / f"{number:06d}.rows", folder / f"{number:06d}.records"


class Kit(NamedTuple):
    """What a job needs beside its slice: the source, its prompts, where to write."""

    found: Found
    prompter: Prompter
    folder: Path
    forgiving: bool


def build_shard(job: Job, kit: Kit) -> Counts:
    """Write the rows and records of one job to two files and return the counts."""
    counts = Counts(tally=Tally(forgiving=kit.forgiving))
    rows_path, records_path = shard_paths(kit.folder, job.number)
    with rows_path.open("wb", BUFFER) as rows, records_path.open("wb", BUFFER) as records:
        for record in catalogue.load(kit.found, job.split, job.slice, counts.tally):
            if not record.labelled:
                counts.tally.drop(UNLABELLED, record.id)
                continue
            records.write(record.__pydantic_serializer__.to_json(record))
            records.write(b"\n")
            count_record(record, counts)
            for row in kit.prompter.rows(record):
                rows.write(row.__pydantic_serializer__.to_json(row))
                rows.write(b"\n")
                counts.rows += 1
    return counts


def count_record(record: Record, counts: Counts) -> None:
    """Count a record and its labels."""
    counts.records += 1
    items = counts.items
    if record.task == "ner":
        labels = [entity.type for entity in record.entities]
        items["entities"] += len(labels)
    elif record.task == "re":
        labels = [relation.predicate for relation in record.relations]
        items["relations"] += len(labels)
        items["na_pairs"] += len(record.na_pairs)
    else:
        labels = [event.event_type for event in record.events]
        items["events"] += len(labels)
        items["arguments"] += sum(len(event.arguments) for event in record.events)
    counts.labels.update(labels)
    counts.nulls += not labels
