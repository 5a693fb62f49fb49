"""The folder an export is written to, beside the one it goes to, and what lies in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chinchilla.errors import ConfigError
from chinchilla.export.manifest import MANIFEST
from chinchilla.outputs import Inventory, hash_file

EXPORT = "export.json"
INVENTORY = Inventory(EXPORT, "files")


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Yield a folder beside the output that is gone afterwards, whatever happens."""
    todo = "pass another folder with --out"
    if (out / MANIFEST).exists():
        raise ConfigError(str(out), "holds a build", todo)
    if out.exists() and not out.is_dir():
        raise ConfigError(str(out), "is a file", todo)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise ConfigError(str(out), error.strerror or "cannot be written", todo) from error


def hash_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the sha256 and size of each file below a folder, by its name."""
    return {
        name: {"sha256": hash_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in names_below(folder)
    }


def names_below(folder: Path) -> list[str]:
    """List the files below a folder, by their names as seen from it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files]
