"""Files for others to read: locked, written beside, then moved into place; all or nothing.

A folder is published in steps, so that a process killed at any of them is undone by the next:

    out/.partial-PID/...             the new files are written, under the lock of `out`
    out/.partial-PID/.old.moving/    the old files are moved here, their inventory first
    out/.partial-PID/.old/           the same, renamed: all old files are aside
    out/...                          the new files are moved in, their inventory last

The inventory of a folder is the file that names those written with it: where it is, they are.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from os.path import lexists, realpath
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import orjson

from chinchilla.errors import ConfigError

BLOCK = 1024 * 1024
LOCK = ".chinchilla.lock"
"""Name of the lock of a folder that is written to."""
_PARTIAL = ".partial-"
_ASIDE = ".old.moving"
_OLD = ".old"
_TODO = "pass another folder with --out"
_MOVE = "move it away, or " + _TODO


class Inventory(NamedTuple):
    """A file that names those written with it: its name, its key of names, further names."""

    name: str
    key: str
    more: tuple[str, ...] = ()

    def names(self, out: Path) -> set[str]:
        """Names of what was written to a folder before; none where no inventory of ours is."""
        try:
            names = orjson.loads((out / self.name).read_bytes())[self.key]
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return set()
        if not isinstance(names, dict | list) or not all(isinstance(name, str) for name in names):
            return set()
        return {name for name in names if _is_inside(name)} | {self.name, *self.more}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.as_posix() == name and name != "." and name[:1] != "/" and ".." not in path.parts


def hash_file(path: Path) -> str:
    """Sha256 of a file, or of all files below a folder in the order of their names."""
    digest = sha256()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, what: str, todo: str) -> Iterator[BinaryIO]:
    """Yield a file that is locked, open to append; ConfigError where another process has it.

    The file is gone afterwards, unless the block moved it away. One that a killed process left
    does no harm. On a file system without locks there is none.
    """
    file = _lock(path, what, todo)
    try:
        yield file
    finally:
        with suppress(OSError):
            if _is_at(file, path):
                path.unlink()
        file.close()


def _lock(path: Path, what: str, todo: str) -> BinaryIO:
    while True:
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise ConfigError(str(path.parent), what, todo) from error
        except OSError:
            pass  # a file system without locks
        # the process that had the lock may have removed the file after we opened it
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def real(path: Path) -> Path:
    """What a path is once links are followed; a circle of links is left as it is."""
    return Path(realpath(path))


def check_writable(path: Path, todo: str = "pass another path") -> None:
    """Raise ConfigError where a file cannot be written, before the work of making it begins."""
    target = real(path)
    if lexists(target) and not target.is_file():
        what = "is a folder" if target.is_dir() else "is a pipe, a device or a circle of links"
        raise ConfigError(str(path), what, todo)
    if not target.parent.is_dir():
        what = "is a file" if lexists(target.parent) else "No such folder"
        raise ConfigError(str(path.parent), what, todo)
    for needed in (target.parent, target):
        if lexists(needed) and not os.access(needed, os.W_OK):
            raise ConfigError(str(needed), "Permission denied", todo)


def write_whole(path: Path, pieces: Iterable[bytes], todo: str = "pass another path") -> None:
    """Write a file whole or not at all; ConfigError, with `todo`, where it cannot be.

    A link stays one: the file that it leads to is written.
    """
    check_writable(path, todo)
    target = real(path)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with locked(partial, "another command is writing it", todo) as file:
            file.truncate(0)
            file.writelines(pieces)
            file.flush()
            partial.replace(target)
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be written", todo) from error


def check_room(out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Raise ConfigError where a file cannot be put into place, or would replace the user's.

    A file is ours where the inventory of before names it.
    """
    ours = inventory.names(out)
    new = [*names, *inventory.more, inventory.name]
    for name in new:
        taken = [path for path in _folders(out, name) if lexists(path) and not path.is_dir()]
        if lexists(out / name) and (name not in ours or _is_folder(out / name)):
            taken.append(out / name)
        if taken:
            raise ConfigError(str(taken[0]), "is there and was not written by us", _MOVE)
    folders = {folder for name in {*new, *ours} for folder in _folders(out, name)}
    for folder in sorted(folder for folder in folders if folder.is_dir()):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(str(folder), "Permission denied", f"make it writable, or {_TODO}")
        if folder.stat().st_dev != out.stat().st_dev:
            raise ConfigError(str(folder), f"is on another file system than {out}", _MOVE)


def _folders(out: Path, name: str) -> list[Path]:
    """Folders that a file is in, `out` the last."""
    return [out / folder for folder in PurePosixPath(name).parents]


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


@contextmanager
def staging(out: Path, inventory: Inventory) -> Iterator[Path]:
    """Yield a folder inside the output that is gone afterwards, whatever happens.

    What a killed run left is cleared away first. Raises ConfigError where the output cannot be
    written to, or another command writes there.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(str(out), "is a file", _TODO)
    new = not out.exists()
    folder = out / f"{_PARTIAL}{os.getpid()}"
    what, todo = "another command is writing into it", "wait for it, or " + _TODO
    try:
        with ExitStack() as stack:
            try:
                out.mkdir(parents=True, exist_ok=True)
                stack.enter_context(locked(out / LOCK, what, todo))
                for left in sorted(out.glob(f"{_PARTIAL}*")):
                    _clear(left, out, inventory)
                folder.mkdir()
            except OSError as error:
                raise ConfigError(str(out), error.strerror or "cannot be written", _TODO) from error
            stack.callback(_clear, folder, out, inventory)
            yield folder
    finally:
        if new:
            with suppress(OSError):
                out.rmdir()


def publish(folder: Path, out: Path, names: Iterable[str], inventory: Inventory) -> None:
    """Move finished files into place, the inventory last; drop those of the one before.

    Only files that the old inventory names are replaced or removed: what else is there is the
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


def _clear(folder: Path, out: Path, inventory: Inventory) -> None:
    """Put back what a publishing that did not end has moved, then remove the staging folder."""
    try:
        _put_back(folder, out, inventory)
    except OSError as error:
        what = f"the files of before could not be put back ({error.strerror})"
        todo = f"correct that and run the command again; till then they are in {folder}"
        raise ConfigError(str(out), what, todo) from error
    shutil.rmtree(folder, ignore_errors=True)


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
    """Move those of some files that are there, in this order."""
    for name in names:
        if lexists(source / name) and not _is_folder(source / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).rename(target / name)


def _drop_empty(out: Path, names: Iterable[str]) -> None:
    """Remove the folders of some files where nothing is left in them."""
    for name in sorted(names):
        with suppress(OSError):
            for folder in _folders(out, name)[:-1]:
                folder.rmdir()
