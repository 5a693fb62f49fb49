"""Put general instructions beside the rows of extraction, as `general/train.jsonl`."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from chinchilla.build.config import BuildConfig
from chinchilla.build.general import GENERAL, Amount, general_rows
from chinchilla.build.plan import Job
from chinchilla.build.shard import Counts, dump_row
from chinchilla.build.write import Written
from chinchilla.errors import Tally
from chinchilla.schema import InstructionRow, Split

TARGET = f"{GENERAL}/train.jsonl"


def add_general(
    config: BuildConfig, done: Mapping[Job, Counts], folder: Path
) -> dict[str, Written]:
    """Write the general rows of a build, in the ratio asked for to its rows of train."""
    if not config.general.path:
        return {}
    rows = sum(counts.rows for job, counts in done.items() if job.split == "train")
    target, digest, counts = folder / TARGET, sha256(), Counts()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        for row in _rows(config, rows):
            line = dump_row(row, counts)
            counts.rows += 1
            digest.update(line)
            out.write(line)
    return {TARGET: Written(digest.hexdigest(), counts.bytes, counts.rows)}


def weigh_general(config: BuildConfig, sums: Mapping[tuple[str, Split], Counts]) -> Counts:
    """Count the general rows that a build would write."""
    counts = Counts()
    if config.general.path:
        rows = sum(counts.rows for (_, split), counts in sums.items() if split == "train")
        for row in _rows(config, rows):
            dump_row(row, counts)
            counts.rows += 1
    return counts


def _rows(config: BuildConfig, rows: int) -> Iterator[InstructionRow]:
    amount = Amount(config.general.ratio, rows, config.seed)
    tally = Tally(forgiving=config.on_error == "count")
    for row in general_rows(Path(config.general.path), amount, tally):
        yield _instruction_row(dict(row))


def _instruction_row(row: dict[str, Any]) -> InstructionRow:
    """Fill in what a row of extraction has and a general one has not."""
    further = {"record_id": row["id"], "subtask": GENERAL, "template": GENERAL, "form": "text"}
    return InstructionRow(**row, **further, labels=(), window=(0, 0))
