"""A shard of a build: records rendered to rows, both written as lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import Found
from chinchilla.corpus.report import UNLABELLED
from chinchilla.corpus.suspects import BLANKS, BLANKS_TODO, blanks
from chinchilla.dataset.plan import Job
from chinchilla.dataset.selection import PLACES, Choice, Histogram, kept, place
from chinchilla.errors import Tally
from chinchilla.export.lengths import row_length
from chinchilla.prompts.queries import Ask
from chinchilla.prompts.render import Prompter
from chinchilla.schema import Argument, Event, InstructionRow, Record, Split
from chinchilla.windows.cut import Cutter
from chinchilla.windows.split import Measure


def dump_record(record: Record) -> bytes:
    """Write a record as one line of the exchange format, its line end included."""
    fields: dict[str, Any] = {
        "id": record.id,
        "source": record.source,
        "split": record.split,
        "task": record.task,
        "text": record.text,
        "title": record.title,
        "entities": [item.__dict__ for item in record.entities],
        "relations": [item.__dict__ for item in record.relations],
        "events": [_event(item) for item in record.events],
    }
    if record.na_pairs:
        fields["na_pairs"] = [item.__dict__ for item in record.na_pairs]
    if not record.labelled:
        fields["labelled"] = False
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _event(event: Event) -> dict[str, Any]:
    arguments = [_argument(item) for item in event.arguments]
    fields = {**event.__dict__, "arguments": arguments}
    if event.trigger_where is None:
        del fields["trigger_where"]
    return fields


def _argument(argument: Argument) -> dict[str, Any]:
    fields = argument.__dict__
    if argument.where is None:
        return {key: value for key, value in fields.items() if key != "where"}
    return fields


_OPTIONAL = ("head", "tail", "event_type", "trigger")


@lru_cache(maxsize=1024)
def _names(labels: tuple[str, ...]) -> orjson.Fragment:
    """Write a list of labels; rows that ask the same ones in the same order share it."""
    return orjson.Fragment(orjson.dumps(labels))


def dump_line(row: InstructionRow) -> bytes:
    """Write a row as one line, its line end included; what does not apply to it is left out."""
    fields = row.__dict__.copy()
    fields["labels"] = _names(row.labels)
    for name in _OPTIONAL:
        if fields[name] is None:
            del fields[name]
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


BUFFER = 1024 * 1024
HELD_OUT = "held-out"


@dataclass
class Counts:
    """Count what came of some records; `read` is what is written and what is left out."""

    records: int = 0
    negatives: int = 0
    rows: int = 0
    null_rows: int = 0
    nulls_left_out: int = 0
    mixed_out: int = 0
    bytes: int = 0
    items: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)

    @property
    def read(self) -> int:
        """Return the number of records read, those left out included."""
        return self.records + self.tally.times

    def merge(self, other: "Counts") -> None:
        """Add the counts of the next shard."""
        self.records += other.records
        self.negatives += other.negatives
        self.rows += other.rows
        self.null_rows += other.null_rows
        self.nulls_left_out += other.nulls_left_out
        self.mixed_out += other.mixed_out
        self.bytes += other.bytes
        self.items.update(other.items)
        self.labels.update(other.labels)
        self.windows.update(other.windows)
        self.tokens.update(other.tokens)
        self.tally.merge(other.tally)


Totals = dict[tuple[str, Split], Counts]
"""The counts of each split of each source."""


class Kit(NamedTuple):
    """What a job needs beside its slice: the source, its prompts, where to write."""

    found: Found
    prompter: Prompter
    folder: Path
    forgiving: bool
    held_out: bool = False
    null_limit: int = PLACES
    choice: Choice | None = None
    cutter: Cutter | None = None
    measure: Measure | None = None


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Return where the rows and the records of a job are written."""
    return folder / f"{number:06d}.rows", folder / f"{number:06d}.records"


def build_shard(job: Job, kit: Kit) -> Counts:
    """Write the rows and records of one job to two files and return the counts."""
    counts = Counts(tally=Tally(forgiving=kit.forgiving))
    rows_path, records_path = shard_paths(kit.folder, job.number)
    with rows_path.open("wb", BUFFER) as rows, records_path.open("wb", BUFFER) as records:
        for record in records_of(job, kit, counts):
            records.write(dump_record(record))
            for row in rows_of(record, kit, counts):
                rows.write(dump_row(row, counts))
    return counts


def weigh_shard(job: Job, kit: Kit) -> Counts:
    """Count what `build_shard` would write, without writing it."""
    counts = Counts(tally=Tally(forgiving=kit.forgiving))
    for record in records_of(job, kit, counts):
        for row in rows_of(record, kit, counts):
            dump_row(row, counts)
    return counts


class Survey(NamedTuple):
    """How many rows of train have something to find, and the places of the empty ones."""

    full: Histogram
    nulls: Histogram

    def merge(self, other: "Survey") -> None:
        """Add the rows of another part."""
        self.full.merge(other.full)
        self.nulls.merge(other.nulls)


def survey_shard(job: Job, kit: Kit) -> Survey:
    """Ask without wording: what shares of empty rows and of sources are computed from."""
    survey = Survey(Histogram(), Histogram())
    if job.split != "train":
        return survey
    for record in records_of(job, kit, Counts(tally=Tally(forgiving=kit.forgiving))):
        for ask in asks_of(record, kit, Counter()):
            (survey.nulls if ask.null else survey.full).add(place(kit.prompter.seed, ask.id))
    return survey


def mix_seed(seed: int) -> int:
    """Return the seed of mixing: another one, so that it does not prefer the rows of a share."""
    return -1 - seed


def tally_shard(job: Job, kit: Kit) -> Histogram:
    """Count the rows of train that shares of empty rows have left: what is mixed."""
    rows = Histogram()
    if job.split != "train":
        return rows
    for record in records_of(job, kit, Counts(tally=Tally(forgiving=kit.forgiving))):
        for ask in asks_of(record, kit, Counter()):
            if not (ask.null and left_out(ask, kit)):
                rows.add(place(mix_seed(kit.prompter.seed), ask.id))
    return rows


def records_of(job: Job, kit: Kit, counts: Counts) -> Iterator[Record]:
    """Yield the records of a job that are written, each counted."""
    for record in catalogue.load(kit.found, job.split, job.slice, counts.tally, every=True):
        if not record.labelled:
            counts.tally.drop(UNLABELLED, record.id)
        elif kit.held_out and job.split == "train":
            counts.tally.drop(HELD_OUT, record.id)
        else:
            count_record(record, counts)
            for _ in range(blanks(record)):
                counts.tally.warn(BLANKS, record.id, BLANKS_TODO)
            yield record


def rows_of(record: Record, kit: Kit, counts: Counts) -> Iterator[InstructionRow]:
    """Yield the rows of a record that are written, each counted."""
    for ask in asks_of(record, kit, counts.windows):
        null = ask.null
        if null and left_out(ask, kit):
            counts.nulls_left_out += 1
            continue
        ids: Sequence[str] = (ask.id,)
        if kit.choice is not None and job_trains(ask):
            ids = list(kit.choice.ids(ask.id))
            counts.mixed_out += not ids
            if not ids:
                continue
        row = kit.prompter.row(ask)
        if kit.cutter is not None and not kit.cutter.fits(row):
            counts.windows["row-over-budget"] += 1
            continue
        counts.rows += len(ids)
        counts.null_rows += null * len(ids)
        if kit.measure is not None:
            counts.tokens[row_length(row, kit.measure)] += len(ids)
        for row_id in ids:
            yield row if row_id == row.id else row.model_copy(update={"id": row_id})


def job_trains(ask: Ask) -> bool:
    """Tell whether a question is of train, the only split that is thinned or repeated."""
    return ask.record.split == "train"


def asks_of(record: Record, kit: Kit, windows: Counter[str]) -> Iterator[Ask]:
    """Yield what is asked about a record, window by window where it is cut."""
    if kit.cutter is None:
        return kit.prompter.asks(record)
    return _asks_of_panes(record, kit, kit.cutter, windows)


def _asks_of_panes(
    record: Record, kit: Kit, cutter: Cutter, windows: Counter[str]
) -> Iterator[Ask]:
    panes = cutter.panes(record, windows)
    windows["records-cut"] += len(panes) > 1
    for window, shown in panes:
        yield from kit.prompter.asks(shown, window)


def left_out(ask: Ask, kit: Kit) -> bool:
    """Tell whether an empty row of train lies beyond the share wanted."""
    if kit.null_limit == PLACES or not job_trains(ask):
        return False
    return not kept(place(kit.prompter.seed, ask.id), kit.null_limit)


def dump_row(row: InstructionRow, counts: Counts) -> bytes:
    """Write a row as a line and count its bytes."""
    line = dump_line(row)
    counts.bytes += len(line)
    return line


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
    counted = counts.labels
    for label in labels:
        # Counter.update looks at what it is given first: that takes longer than a few labels
        counted[label] += 1
    counts.negatives += not labels
