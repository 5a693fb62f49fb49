"""Files for others to read: written beside, then renamed; hashed; never over a stranger's."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from os.path import lexists, realpath
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import orjson

from chinchilla.errors import ConfigError
from chinchilla.locks import locked

BLOCK = 1024 * 1024
_MOVE = "move it away, or pass another folder with --out"


class Inventory(NamedTuple):
    """A file that names those written with it: its name, its key of names, further names."""

    name: str
    key: str
    more: tuple[str, ...] = ()

    def names(self, out: Path) -> set[str]:
        """Return the names of what was written to a folder before; none where it is not ours."""
        try:
            found = orjson.loads((out / self.name).read_bytes())[self.key]
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return set()
        if not isinstance(found, dict | list) or not all(isinstance(one, str) for one in found):
            return set()
        return {name for name in found if _is_inside(name)} | {self.name, *self.more}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.as_posix() == name and name != "." and name[:1] != "/" and ".." not in path.parts


def check_room(out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Raise ConfigError where a file cannot be put into place, or one of others stands there.

    A file is ours where the inventory of before names it.
    """
    ours = inventory.names(out)
    new = [*names, *inventory.more, inventory.name]
    for name in new:
        for path in _in_the_way(out, name, ours):
            raise ConfigError(str(path), "is there and was not written by us", _MOVE)
    for folder in sorted({folder for name in {*new, *ours} for folder in _folders(out, name)}):
        _check_folder(folder, out)


def _in_the_way(out: Path, name: str, ours: set[str]) -> Iterator[Path]:
    for folder in _folders(out, name):
        if lexists(folder) and not folder.is_dir():
            yield folder
    if lexists(out / name) and (name not in ours or is_folder(out / name)):
        yield out / name


def _folders(out: Path, name: str) -> list[Path]:
    return [out / folder for folder in list(PurePosixPath(name).parents)]


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _check_folder(folder: Path, out: Path) -> None:
    """Raise ConfigError for a folder that files cannot be moved into, or out of."""
    if not folder.is_dir():
        return
    todo = "make it writable, or pass another folder with --out"
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(str(folder), "Permission denied", todo)
    if folder.stat().st_dev != out.stat().st_dev:
        what = f"lies on another file system than {out}"
        raise ConfigError(str(folder), what, _MOVE)


def real(path: Path) -> Path:
    """Return what a path stands for, links followed; a circle of links is left as it is."""
    return Path(realpath(path))


def check_writable(path: Path, todo: str = "pass another path") -> None:
    """Raise ConfigError where a file cannot be written, before the work of making it begins."""
    place = real(path)
    if lexists(place) and not place.is_file():
        what = "is a pipe, a device or a circle of links"
        what = "is a folder" if place.is_dir() else what
        raise ConfigError(str(path), what, todo)
    if not place.parent.is_dir():
        what = "is a file" if lexists(place.parent) else "No such folder"
        raise ConfigError(str(path.parent), what, todo)
    for one in (place.parent, place):
        if lexists(one) and not os.access(one, os.W_OK):
            raise ConfigError(str(one), "Permission denied", todo)


def write_whole(path: Path, pieces: Iterable[bytes], todo: str = "pass another path") -> None:
    """Write a file whole or not at all; raise ConfigError, with `todo`, where it cannot be.

    A link stays one: what it names is written.
    """
    check_writable(path, todo)
    place = real(path)
    partial = place.with_name(f".{place.name}.partial")
    try:
        with locked(partial, "another command is writing it", todo) as file:
            file.truncate(0)
            file.writelines(pieces)
            file.flush()
            partial.replace(place)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be written", todo) from error


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, of all files below it where it is a folder."""
    digest = sha256()
    below = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in below:
        with one.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()
