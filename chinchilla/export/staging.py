"""The folder an export is written to, and what lies in it."""

from pathlib import Path
from typing import Any

from chinchilla.dataset.read import MANIFEST
from chinchilla.errors import ConfigError
from chinchilla.files import Inventory, hash_file

EXPORT = "export.json"
INVENTORY = Inventory(EXPORT, "files")


def check_no_build(out: Path) -> None:
    """Raise ConfigError for a folder that holds a build: an export would lie between its files."""
    if (out / MANIFEST).exists():
        raise ConfigError(str(out), "holds a build", "pass another folder with --out")


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
