"""A lock on a file: held by one process at a time, let go by the system when that one ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import fstat
from pathlib import Path
from typing import BinaryIO

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
