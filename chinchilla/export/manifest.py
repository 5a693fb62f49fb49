"""The manifest of a build as it is read again: its shape, and the files that it names."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chinchilla import __version__
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import explain

MANIFEST = "manifest.json"
AGAIN = "run `chinchilla build` again"

Hashes = Mapping[str, str]
"""The sha256 of files, by their names as seen from their folder."""


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or re.search(r"[\\:\0]", name):
        raise ValueError(f"{name!r} names no file of this folder")
    return name


_Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
"""The name of a source, after which files are named."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _File(BaseModel):
    model_config = ConfigDict(strict=True)
    sha256: Sha256
    bytes: int = Field(ge=0)


class _Source(BaseModel):
    model_config = ConfigDict(strict=True)
    title: str
    licence: str
    edition: str
    sample: bool
    metric: str | None = None


class _Manifest(BaseModel):
    """What of manifest.json is read again."""

    chinchilla: str
    config: dict[str, Any]
    sources: dict[_Name, _Source]
    templates: dict[str, str]
    outputs: dict[Annotated[str, AfterValidator(_inside)], _File]


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the manifest of a build and its sha256."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        what = f"no build is here ({MANIFEST} is missing or cannot be read)"
        raise ConfigError(str(folder), what, "pass a folder `chinchilla build` wrote") from error
    try:
        manifest: dict[str, Any] = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(str(folder / MANIFEST), f"not JSON ({error})", AGAIN) from error
    if not isinstance(manifest, dict):
        what = "not the manifest of a build (no JSON object)"
        raise InputError(str(folder / MANIFEST), what, AGAIN)
    try:
        _Manifest.model_validate(manifest)
    except ValidationError as error:
        what = f"not the manifest of a build ({explain(error)})"
        todo = newer(manifest, "chinchilla") or AGAIN
        raise InputError(str(folder / MANIFEST), what, todo) from error
    return manifest, sha256(data).hexdigest()


def hashes_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of every file of a build, by its name."""
    return {name: file["sha256"] for name, file in manifest["outputs"].items()}


def newer(facts: object, *keys: str) -> str | None:
    """Return what to do about a file that a later version wrote, null where none did.

    `keys` lead to the version in the file.
    """
    for key in keys:
        facts = facts.get(key) if isinstance(facts, dict) else None
    if not isinstance(facts, str) or _numbers(facts) <= _numbers(__version__):
        return None
    return (
        f"chinchilla {facts[:20]} wrote it, and this is {__version__}: install that or a later one"
    )


def _numbers(version: str) -> list[int]:
    return [int(one) for one in re.findall("[0-9]{1,9}", version)[:3]]


def hashed_lines(path: Path, named: str | None) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file of a build, each with its place.

    Raises InputError where it cannot be read, and behind its last line unless its sha256 is the
    one that is `named`.
    """
    digest = sha256()
    try:
        _no_pipe(path)
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                yield f"{path}:{number}", line
    except OSError as error:
        raise InputError(str(path), error.strerror or "cannot be read", AGAIN) from error
    if digest.hexdigest() != named:
        raise InputError(str(path), f"not the file that {MANIFEST} names", AGAIN)


def check_file(path: Path, named: str, by: str) -> bytes:
    """Return what a file holds; raise InputError unless its sha256 is the one that is named.

    `by` says where it is named.
    """
    try:
        _no_pipe(path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror or "cannot be read", AGAIN) from error
    if sha256(data).hexdigest() != named:
        raise InputError(str(path), f"not the file that {by} names", AGAIN)
    return data


def _no_pipe(path: Path) -> None:
    """Raise InputError for a pipe, a device or a folder in the place of a file."""
    if path.exists() and not path.is_file():
        raise InputError(str(path), "is no file", AGAIN)
