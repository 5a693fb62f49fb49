"""Put a finished export into place: written beside, then renamed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from chinchilla.errors import ConfigError
from chinchilla.export.processed import MANIFEST

EXPORT = "export.json"


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
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        files[path.relative_to(folder).as_posix()] = {
            "sha256": digest,
            "bytes": path.stat().st_size,
        }
    return files


def publish(folder: Path, out: Path, export: Mapping[str, Any]) -> None:
    """Move the files into place, export.json last; drop those of the export before.

    Only files that the old export.json names are removed: what else lies there is the user's.
    """
    data = orjson.dumps(export, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / EXPORT).write_bytes(data)
    before = _old_files(out)
    for name in [*export["files"], EXPORT]:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).replace(out / name)
    for name in sorted(before - set(export["files"])):
        (out / name).unlink(missing_ok=True)
        with suppress(OSError):
            (out / name).parent.rmdir()


def _old_files(out: Path) -> set[str]:
    try:
        files = orjson.loads((out / EXPORT).read_bytes())["files"]
        return {name for name in files if ".." not in name and name[:1] != "/"}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return set()
