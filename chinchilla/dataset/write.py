"""Put shards together to the files of a build; records and rows as lines."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from chinchilla.dataset.plan import Job
from chinchilla.dataset.shard import Counts, shard_paths
from chinchilla.files import BLOCK, Inventory

MANIFEST = "manifest.json"
PAGE = "README.md"
RECORDS = "records"
INVENTORY = Inventory(MANIFEST, "outputs", (PAGE,))


class Written(NamedTuple):
    """A file of the build: its hash, size and number of lines."""

    sha256: str
    bytes: int
    rows: int


def assemble(done: dict[Job, Counts], folder: Path, target: Path) -> tuple[Written, Written]:
    """Join the shards of some jobs to `<target>` and `records/<target>`; return what they are."""
    shards = [shard_paths(folder / "shards", job.number) for job in done]
    rows, records = [pair[0] for pair in shards], [pair[1] for pair in shards]
    # the lines are known: to count them again takes half as long as their hash
    lines = sum(counts.rows for counts in done.values())
    written = _join(rows, folder / target, lines)
    lines = sum(counts.records for counts in done.values())
    return written, _join(records, folder / RECORDS / target, lines)


def _join(shards: list[Path], target: Path, lines: int) -> Written:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with target.open("wb") as out:
        for shard in shards:
            with shard.open("rb") as file:
                for block in _blocks(file):
                    digest.update(block)
                    size += len(block)
                    out.write(block)
            shard.unlink()
    return Written(digest.hexdigest(), size, lines)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
