"""The signature of a score: what it takes to get the same number again."""

from pathlib import Path

from chinchilla import __version__
from chinchilla.errors import InputError
from chinchilla.files import hash_file

_SHOWN = 16


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; raise InputError where it cannot be read."""
    try:
        return hash_file(path)
    except OSError as error:
        raise InputError(str(path), error.strerror or "unreadable", "pass another file") from error


def signature(parts: dict[str, str]) -> str:
    """Join the parts to one line: `name:value|name:value|...|version:0.1.0`."""
    return "|".join([f"{name}:{value}" for name, value in parts.items()] + [_version()])


def short(digest: str) -> str:
    """Return the first digits of a hash, enough to tell files apart."""
    return digest[:_SHOWN]


def _version() -> str:
    return f"version:{__version__}"
