"""A shard of a build: records rendered to rows, both written as lines."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.check import BLANKS, BLANKS_TODO, blanks
from chinchilla.corpus.find import FoundSource
from chinchilla.corpus.report import UNLABELLED
from chinchilla.dataset.lines import dump_line, dump_record
from chinchilla.dataset.plan import BuildJob
from chinchilla.dataset.selection import HASHES, Choice, Histogram, row_hash
from chinchilla.prompts.budget import Cutter
from chinchilla.prompts.queries import GoldQuery
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, Record, Split
from chinchilla.tally import Tally
from chinchilla.windows.split import Measure

BUFFER = 1024 * 1024
HELD_OUT = "held-out"


@dataclass
class ShardCounts:
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
        """Number of records read, those left out included."""
        return self.records + self.tally.times

    def merge(self, other: "ShardCounts") -> None:
        """Add the counts of the next shard."""
        self.tally.merge(other.tally)
        for name, count in vars(other).items():
            if isinstance(count, Counter):
                getattr(self, name).update(count)
            elif isinstance(count, int):
                setattr(self, name, getattr(self, name) + count)


Totals = dict[tuple[str, Split], ShardCounts]
"""The counts of each split of each source."""


def totals(done: dict[BuildJob, ShardCounts]) -> Totals:
    """Counts of each split of each source, summed over its jobs."""
    sums: Totals = {}
    for job, counts in done.items():
        sums.setdefault((job.source, job.split), ShardCounts()).merge(counts)
    return sums


class BuildContext(NamedTuple):
    """What a job needs beside its slice: the source, its prompts, where to write."""

    source: FoundSource
    prompter: Prompter
    folder: Path
    forgiving: bool
    held_out: bool = False
    null_limit: int = HASHES
    choice: Choice | None = None
    cutter: Cutter | None = None
    measure: Measure | None = None


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Paths of the rows and of the records of a job."""
    return folder / f"{number:06d}.rows", folder / f"{number:06d}.records"


def build_shard(job: BuildJob, context: BuildContext) -> ShardCounts:
    """Write the rows and records of one job to two files and return the counts."""
    counts = ShardCounts(tally=Tally(forgiving=context.forgiving))
    rows_path, records_path = shard_paths(context.folder, job.number)
    with rows_path.open("wb", BUFFER) as rows, records_path.open("wb", BUFFER) as records:
        for record in _records(job, context, counts):
            records.write(dump_record(record))
            for row in _rows(record, context, counts):
                rows.write(dump_row(row, counts))
    return counts


def weigh_shard(job: BuildJob, context: BuildContext) -> ShardCounts:
    """Count what `build_shard` would write, without writing it."""
    counts = ShardCounts(tally=Tally(forgiving=context.forgiving))
    for record in _records(job, context, counts):
        for row in _rows(record, context, counts):
            dump_row(row, counts)
    return counts


class Survey(NamedTuple):
    """The rows of train that have something to find, and the empty ones."""

    full: Histogram
    nulls: Histogram

    def merge(self, other: "Survey") -> None:
        """Add the rows of another part."""
        self.full.merge(other.full)
        self.nulls.merge(other.nulls)


def survey_shard(job: BuildJob, context: BuildContext) -> Survey:
    """Histograms of full and empty rows of train, from which the share of empty ones is set."""
    survey = Survey(Histogram(), Histogram())
    for query in _train_queries(job, context):
        histogram = survey.nulls if query.null else survey.full
        histogram.add(row_hash(context.prompter.seed, query.id))
    return survey


def mix_seed(seed: int) -> int:
    """Seed of mixing: another one, so that it does not prefer the rows of a share."""
    return -1 - seed


def tally_shard(job: BuildJob, context: BuildContext) -> Histogram:
    """Histogram of the rows of train that are mixed: those that the share of empty rows leaves."""
    rows = Histogram()
    for query in _train_queries(job, context):
        if not (query.null and _left_out(query, context)):
            rows.add(row_hash(mix_seed(context.prompter.seed), query.id))
    return rows


def _train_queries(job: BuildJob, context: BuildContext) -> Iterator[GoldQuery]:
    """Yield the queries of a job of train, not yet put into words; none of another split."""
    if job.split == "train":
        counts = ShardCounts(tally=Tally(forgiving=context.forgiving))
        for record in _records(job, context, counts):
            yield from _queries(record, context, counts.windows)


def _records(job: BuildJob, context: BuildContext, counts: ShardCounts) -> Iterator[Record]:
    """Yield the records of a job that are written, each counted."""
    for record in catalogue.load(context.source, job.split, job.slice, counts.tally, every=True):
        if not record.labelled:
            counts.tally.drop(UNLABELLED, record.id)
        elif context.held_out and job.split == "train":
            counts.tally.drop(HELD_OUT, record.id)
        else:
            _count_record(record, counts)
            for _ in range(blanks(record)):
                counts.tally.warn(BLANKS, record.id, BLANKS_TODO)
            yield record


def _rows(record: Record, context: BuildContext, counts: ShardCounts) -> Iterator[InstructionRow]:
    """Yield the rows of a record that are written, each counted."""
    for query in _queries(record, context, counts.windows):
        null = query.null
        if null and _left_out(query, context):
            counts.nulls_left_out += 1
            continue
        ids: Sequence[str] = (query.id,)
        if context.choice is not None and record.split == "train":
            ids = list(context.choice.ids(query.id))
            if not ids:
                counts.mixed_out += 1
                continue
        row = context.prompter.row(query)
        if context.cutter is not None and not context.cutter.fits(row):
            counts.windows["row-over-budget"] += 1
            continue
        counts.rows += len(ids)
        counts.null_rows += null * len(ids)
        if context.measure is not None:
            counts.tokens[row_length(row, context.measure)] += len(ids)
        for row_id in ids:
            yield row if row_id == row.id else row.model_copy(update={"id": row_id})


def _queries(record: Record, context: BuildContext, lost: Counter[str]) -> Iterator[GoldQuery]:
    """Yield the queries about a record, window by window where it is cut.

    Gold that no window holds is counted in `lost`.
    """
    if context.cutter is None:
        yield from context.prompter.queries_of_record(record)
        return
    windows = context.cutter.windows(record, lost)
    lost["records-cut"] += len(windows) > 1
    for window, part in windows:
        yield from context.prompter.queries_of_record(part, window)


def _left_out(query: GoldQuery, context: BuildContext) -> bool:
    """Whether an empty row of train is beyond the share wanted."""
    if context.null_limit == HASHES or query.record.split != "train":
        return False
    return row_hash(context.prompter.seed, query.id) >= context.null_limit


def row_length(row: InstructionRow, measure: Measure) -> int:
    """Length of a row for a trainer: prompt and answer."""
    return measure(row.prompt) + measure(row.output)


def dump_row(row: InstructionRow, counts: ShardCounts) -> bytes:
    """Line of a row; its bytes are counted."""
    line = dump_line(row)
    counts.bytes += len(line)
    return line


def _count_record(record: Record, counts: ShardCounts) -> None:
    """Count a record, its items and its labels."""
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
    counts.negatives += not labels
