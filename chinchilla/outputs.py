"""Files for others to read: written beside, then renamed; hashed; never over a stranger's."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from os.path import lexists
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import orjson

from chinchilla.errors import ConfigError

BLOCK = 1024 * 1024


class Inventory(NamedTuple):
    """A file that names those written with it: its name, its key of names, further names."""

    name: str
    key: str
    more: tuple[str, ...] = ()

    def names(self, out: Path) -> set[str]:
        """Return the names of what was written to a folder before; none where it is not ours."""
        try:
            found = orjson.loads((out / self.name).read_bytes())[self.key]
            inside = {name for name in found if ".." not in name and name[:1] != "/"}
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return set()
        return inside | {self.name, *self.more}


def check_room(out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Raise ConfigError where a file stands that the inventory of before does not name."""
    ours = inventory.names(out)
    for name in [*names, *inventory.more, inventory.name]:
        for path in _in_the_way(out, name, ours):
            todo = "move it away, or pass another folder with --out"
            raise ConfigError(str(path), "is there and was not written by us", todo)


def _in_the_way(out: Path, name: str, ours: set[str]) -> Iterator[Path]:
    for folder in list(PurePosixPath(name).parents)[:-1]:
        if lexists(out / folder) and not (out / folder).is_dir():
            yield out / folder
    if name not in ours and lexists(out / name):
        yield out / name


def publish(folder: Path, out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Move finished files into place, the inventory last; drop those of the one before.

    Only files that the old inventory names are removed: what else lies there is the user's.
    """
    before = inventory.names(out)
    files = list(dict.fromkeys([*names, *inventory.more, inventory.name]))
    for name in files:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).replace(out / name)
    for name in sorted(before - set(files)):
        (out / name).unlink(missing_ok=True)
        with suppress(OSError):
            (out / name).parent.rmdir()


def write_whole(path: Path, pieces: Iterable[bytes], todo: str = "pass another path") -> None:
    """Write a file whole or not at all; raise ConfigError, with `todo`, where it cannot be."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be written", todo) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, of all files below it where it is a folder."""
    digest = sha256()
    below = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in below:
        with one.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()
