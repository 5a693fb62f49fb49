"""The folder of a build: its manifest checked, its rows, its labels."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chinchilla import __version__
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import SPLITS, InstructionRow, LabelSet, explain

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


LABELS = "labels.json"
CONFUSIONS = "confusions.json"
_RECORDS = "records"

Confusable = dict[str, tuple[str, ...]]
"""For each label of a source those most easily taken for it, the closest first."""

Kept = TypeVar("Kept")
Step = Callable[[int], None]
"""Called with the number of bytes of each line read."""


class Part(NamedTuple):
    """The rows of one task and split: a file that the manifest names."""

    task: str
    split: str
    path: Path
    sha256: str
    bytes: int


class Processed(NamedTuple):
    """A build, and the parts of it that were asked for, a split after the other."""

    manifest: dict[str, Any]
    sha256: str
    parts: tuple[Part, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits of the parts, in order."""
        return tuple(dict.fromkeys(part.split for part in self.parts))

    @property
    def hashes(self) -> dict[str, str]:
        """Return the sha256 of every file of the build, by its name."""
        return hashes_of(self.manifest)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the tasks of the parts, in the order of the build."""
        return tuple(task for task in _tasks(self.manifest) if task in _column(self.parts, 0))


def open_processed(folder: Path, tasks: Sequence[str], splits: Sequence[str]) -> Processed:
    """Read the manifest of a build and choose among its files; none named means all.

    Raises ConfigError where the folder is no build, or holds nothing of what was named.
    """
    manifest, digest = read_manifest(folder)
    for name, named in hashes_of(manifest).items():
        if name in (LABELS, CONFUSIONS):
            check_file(folder / name, named, MANIFEST)
    parts = _parts(manifest, folder)
    _check("task", tasks, _column(parts, 0), folder)
    _check("split", splits, _column(parts, 1), folder)
    chosen = tuple(
        part
        for part in parts
        if (not tasks or part.task in tasks) and (not splits or part.split in splits)
    )
    if not chosen:
        what = f"no rows of {'/'.join([*tasks, *splits]) or 'any task'}"
        raise ConfigError(str(folder), what, "name other tasks or splits, or build them")
    return Processed(manifest, digest, chosen)


def rows(part: Part, step: Step) -> Iterator[InstructionRow]:
    """Yield the rows of a part; raise InputError unless they are those of the manifest."""
    for place, line in hashed_lines(part.path, part.sha256):
        yield _row(line, place)
        step(len(line))


def read_labels(folder: Path, named: Hashes, by: str = MANIFEST) -> dict[str, LabelSet]:
    """Read the labels of each source as a build, or a run made from it, keeps them.

    `named` holds the sha256 of the files of that folder, as the file `by` names them. Raises
    InputError where the file is missing, is another one, or holds no labels.
    """
    if LABELS not in named:
        raise InputError(str(folder / by), f"does not name {LABELS}", AGAIN)
    data = check_file(folder / LABELS, named[LABELS], by)
    return _read_kept(folder / LABELS, data, LabelSet.model_validate, "labels")


def read_confusions(folder: Path, named: Hashes, by: str = MANIFEST) -> dict[str, Confusable]:
    """Read the confusable labels of each source as a build, or a run made from it, keeps them.

    Without hard negatives there is no such file. Raises InputError as `read_labels` does.
    """
    if CONFUSIONS not in named:
        return {}
    data = check_file(folder / CONFUSIONS, named[CONFUSIONS], by)
    validate = TypeAdapter(Confusable).validate_python
    return _read_kept(folder / CONFUSIONS, data, validate, "confusable labels")


def _read_kept(
    path: Path, data: bytes, validate: Callable[[Any], Kept], what: str
) -> dict[str, Kept]:
    try:
        found = orjson.loads(data)
        return {name: validate(one) for name, one in found.items()}
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise InputError(str(path), f"not the {what} of a build", AGAIN) from error
    except ValidationError as error:
        raise InputError(str(path), explain(error), AGAIN) from error


def _row(line: bytes, where: str) -> InstructionRow:
    try:
        return InstructionRow.model_validate_json(line)
    except ValidationError as error:
        raise InputError(where, explain(error), AGAIN) from error


def _parts(manifest: dict[str, Any], folder: Path) -> list[Part]:
    """Return the files of rows that a manifest names, a split after the other."""
    parts = []
    for name, file in manifest["outputs"].items():
        path = PurePosixPath(name)
        if len(path.parts) == 2 and path.suffix == ".jsonl" and path.parts[0] != _RECORDS:
            task, split = path.parts[0], path.stem
            parts.append(Part(task, split, folder / name, file["sha256"], file["bytes"]))
    return sorted(parts, key=lambda part: _rank(part.split))


def _rank(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _tasks(manifest: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(PurePosixPath(name).parts[0] for name in manifest["outputs"]))


def _column(parts: Sequence[Part], number: int) -> list[str]:
    return list(dict.fromkeys(str(part[number]) for part in parts))


def _check(kind: str, named: Sequence[str], there: Sequence[str], folder: Path) -> None:
    for name in named:
        if name not in there:
            known = ", ".join(there) or "none"
            raise ConfigError(str(folder), f"no {kind} {name!r} in this build", f"it has {known}")
