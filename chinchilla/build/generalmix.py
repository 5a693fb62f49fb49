"""Put general instructions beside the rows of extraction, as `general/train.jsonl`."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.build.config import BuildConfig
from chinchilla.build.general import GENERAL, Amount, general_rows
from chinchilla.build.plan import Job
from chinchilla.build.shard import Counts, Totals, dump_row
from chinchilla.build.write import Written
from chinchilla.errors import Tally
from chinchilla.export.lengths import row_length
from chinchilla.prompts.measures import Measure
from chinchilla.schema import InstructionRow, Split

TARGET = f"{GENERAL}/train.jsonl"


class General(NamedTuple):
    """The general rows of a build: the file of them, none where none are mixed in, and counts."""

    outputs: dict[str, Written]
    counts: Counts

    @property
    def totals(self) -> Totals:
        """Return the counts under the name of a source, where there is a file."""
        return {(GENERAL, "train"): self.counts} if self.outputs else {}


def add_general(config: BuildConfig, done: Mapping[Job, Counts], folder: Path) -> General:
    """Write the general rows of a build, in the ratio asked for to its rows of train."""
    counts = Counts(tally=Tally(forgiving=config.on_error == "count"))
    if not config.general.path:
        return General({}, counts)
    rows = sum(counts.rows for job, counts in done.items() if job.split == "train")
    target, digest = folder / TARGET, sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        for row in _rows(config, rows, counts.tally):
            line = dump_row(row, counts)
            counts.rows += 1
            digest.update(line)
            out.write(line)
    return General({TARGET: Written(digest.hexdigest(), counts.bytes, counts.rows)}, counts)


def weigh_general(
    config: BuildConfig, sums: Mapping[tuple[str, Split], Counts], measure: Measure | None
) -> Counts:
    """Count the general rows that a build would write, and their tokens where they are told."""
    counts = Counts(tally=Tally(forgiving=config.on_error == "count"))
    if config.general.path:
        rows = sum(counts.rows for (_, split), counts in sums.items() if split == "train")
        for row in _rows(config, rows, counts.tally):
            dump_row(row, counts)
            counts.rows += 1
            if measure is not None:
                counts.tokens[row_length(row, measure)] += 1
    return counts


def _rows(config: BuildConfig, rows: int, tally: Tally) -> Iterator[InstructionRow]:
    amount = Amount(config.general.ratio, rows, config.seed)
    for row in general_rows(Path(config.general.path), amount, tally):
        yield _instruction_row(dict(row))


def _instruction_row(row: dict[str, Any]) -> InstructionRow:
    """Fill in what a row of extraction has and a general one has not."""
    further = {"record_id": row["id"], "subtask": GENERAL, "template": GENERAL, "form": "text"}
    return InstructionRow(**row, **further, labels=(), window=(0, 0))
