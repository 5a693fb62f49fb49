"""Files for others to read: locked, written beside, then moved into place; all or nothing."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from os import fstat
from os.path import lexists, realpath
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import orjson

from chinchilla.errors import ConfigError

LOCK = ".chinchilla.lock"
"""Name of the lock of a folder that is written to."""


@contextmanager
def locked(path: Path, what: str, todo: str) -> Iterator[BinaryIO]:
    """Yield a file that is locked, open to append; raise ConfigError where another holds it.

    The file is gone afterwards, unless the block moved it away. One that a killed process left
    is no hindrance. On a file system that knows no locks none is held.
    """
    file = _lock(path, what, todo)
    try:
        yield file
    finally:
        with suppress(OSError):
            if _same(file, path):
                path.unlink()
        file.close()


def _lock(path: Path, what: str, todo: str) -> BinaryIO:
    while True:
        file = path.open("ab")
        try:
            with suppress(OSError):
                _take(file)
        except _HeldError:
            file.close()
            raise ConfigError(str(path.parent), what, todo) from None
        # the one who held it may have removed the file between our opening and locking it
        if _same(file, path):
            return file
        file.close()


class _HeldError(Exception):
    """Raised where another process holds the lock."""


def _take(file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _HeldError from error


def _same(file: BinaryIO, path: Path) -> bool:
    try:
        there, mine = path.stat(), fstat(file.fileno())
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


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


_PARTIAL = ".partial-"
_ASIDE = ".old.moving"
_OLD = ".old"
"""The old files are all aside where this folder is there: only then do new ones move."""
_TODO = "pass another folder with --out"


@contextmanager
def staging(out: Path, inventory: Inventory) -> Iterator[Path]:
    """Yield a folder inside the output that is gone afterwards, whatever happens.

    Raises ConfigError where the output cannot be written to, or another command writes there.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(str(out), "is a file", _TODO)
    new = not out.exists()
    folder = out / f"{_PARTIAL}{os.getpid()}"
    try:
        with ExitStack() as held:
            _open(folder, out, inventory, held)
            yield folder
    finally:
        if new:
            with suppress(OSError):
                out.rmdir()


def _open(folder: Path, out: Path, inventory: Inventory, held: ExitStack) -> None:
    """Make the folder, under the lock of the output; clear away what a killed run left."""
    what, todo = "another command is writing into it", "wait for it, or " + _TODO
    try:
        out.mkdir(parents=True, exist_ok=True)
        held.enter_context(locked(out / LOCK, what, todo))
        for left in sorted(out.glob(f"{_PARTIAL}*")):
            _settle(left, out, inventory)
        folder.mkdir()
    except OSError as error:
        raise ConfigError(str(out), error.strerror or "cannot be written", _TODO) from error
    held.callback(_settle, folder, out, inventory)


def _settle(folder: Path, out: Path, inventory: Inventory) -> None:
    """Put back what a publishing that did not end has moved, then remove the staging folder."""
    try:
        _put_back(folder, out, inventory)
    except OSError as error:
        what = f"the files of before could not be put back ({error.strerror})"
        todo = f"mend that and run the command again; till then they lie in {folder}"
        raise ConfigError(str(out), what, todo) from error
    shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Move finished files into place, the inventory last; drop those of the one before.

    Only files that the old inventory names are replaced or removed: what else lies there is the
    user's. Raises ConfigError, with the old files in place, where anything cannot be moved.
    """
    new = dict.fromkeys([*names, *inventory.more])
    new.pop(inventory.name, None)
    files = [*new, inventory.name]
    check_room(out, new, inventory)
    before = inventory.names(out)
    for name in files:
        (folder / name).lstat()
    try:
        (folder / _ASIDE).mkdir()
        _move([inventory.name, *sorted(before - {inventory.name})], out, folder / _ASIDE)
        (folder / _ASIDE).rename(folder / _OLD)
        _move(files, folder, out)
    except OSError as error:
        _put_back(folder, out, inventory)
        what = f"{error.strerror or 'cannot be written'}; what was there before is there again"
        raise ConfigError(str(error.filename2 or error.filename or out), what, _TODO) from error
    except BaseException:
        _put_back(folder, out, inventory)
        raise
    shutil.rmtree(folder / _OLD, ignore_errors=True)
    _drop_empty(out, before - set(files))


def _put_back(folder: Path, out: Path, inventory: Inventory) -> None:
    """Move the old files back unless the new inventory is in place; again does no harm."""
    old, aside = folder / _OLD, folder / _ASIDE
    if old.is_dir():
        if not lexists(folder / inventory.name):
            return
        new = sorted(inventory.names(folder))
        _move([name for name in new if not lexists(folder / name)], out, folder)
        _drop_empty(out, new)
    kept = old if old.is_dir() else aside
    if kept.is_dir():
        names = inventory.names(kept) - {inventory.name}
        _move([*sorted(names), inventory.name], kept, out)
        shutil.rmtree(kept)


def _move(names: Iterable[str], source: Path, target: Path) -> None:
    """Move what there is of some files, in this order."""
    for name in names:
        if lexists(source / name) and not is_folder(source / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).rename(target / name)


def _drop_empty(out: Path, names: Iterable[str]) -> None:
    """Remove the folders of some files where nothing is left in them."""
    for name in sorted(names):
        with suppress(OSError):
            for folder in list(PurePosixPath(name).parents)[:-1]:
                (out / folder).rmdir()
