"""Put shards together to the files of a build, beside the old ones."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from chinchilla.build.plan import Job
from chinchilla.build.shard import Counts, shard_paths
from chinchilla.errors import ConfigError
from chinchilla.outputs import BLOCK, Inventory

MANIFEST = "manifest.json"
PAGE = "README.md"
RECORDS = "records"
INVENTORY = Inventory(MANIFEST, "outputs", (PAGE,))
_PARTIAL = ".partial-"


class Written(NamedTuple):
    """A file of the build: its hash, size and number of lines."""

    sha256: str
    bytes: int
    rows: int


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Yield a folder beside the output that is gone afterwards, whatever happens."""
    if out.exists() and not out.is_dir():
        raise ConfigError(str(out), "is a file", "pass a folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        _clear_dead(out)
        folder = out / f"{_PARTIAL}{os.getpid()}"
        (folder / "shards").mkdir(parents=True)
    except OSError as error:
        words = error.strerror or "cannot be written"
        raise ConfigError(str(out), words, "pass another folder with --out") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_dead(out: Path) -> None:
    """Remove what a killed build left behind."""
    for folder in sorted(out.glob(f"{_PARTIAL}*")):
        number = folder.name.removeprefix(_PARTIAL)
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
