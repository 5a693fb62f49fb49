"""Put shards together to the files of a build, beside the old ones, then rename."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from chinchilla.build.plan import Job
from chinchilla.build.shard import Counts, shard_paths
from chinchilla.errors import ConfigError

BLOCK = 1024 * 1024
MANIFEST = "manifest.json"
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
    return written, _join(records, folder / "records" / target, lines)


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


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, of all files below it where it is a folder."""
    digest = sha256()
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if one.is_file():
            with one.open("rb") as file:
                for block in _blocks(file):
                    digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def publish(folder: Path, out: Path, files: list[Path]) -> None:
    """Move the finished files into place, the manifest last; drop those of the build before.

    Only files that the old manifest names are removed: what else lies there is the user's.
    """
    before = _old_files(out)
    for file in [*(file for file in files if file.name != MANIFEST), Path(MANIFEST)]:
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).replace(out / file)
    for name in sorted(before - {file.as_posix() for file in files}):
        (out / name).unlink(missing_ok=True)


def _old_files(out: Path) -> set[str]:
    try:
        manifest = orjson.loads((out / MANIFEST).read_bytes())
        return {name for name in manifest["outputs"] if ".." not in name and name[:1] != "/"}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return set()
