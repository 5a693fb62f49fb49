"""A folder of output published all or nothing: staged inside, moved into place, or put back.

While files are moved, the old ones lie in the staging folder. A run that is stopped puts them
back; after one that was killed the next run does. The inventory (a manifest) is the first to go
and the last to come, so that it never describes files that are not its own.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from os.path import lexists
from pathlib import Path, PurePosixPath

from chinchilla.errors import ConfigError
from chinchilla.locks import LOCK, locked
from chinchilla.outputs import Inventory, check_room, is_folder

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
