"""A built data set: its manifest checked, its rows, its labels."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from chinchilla import __version__
from chinchilla.dataset.manifest import Manifest
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import SPLITS, InstructionRow, LabelSet, explain

MANIFEST = "manifest.json"
LABELS = "labels.json"
CONFUSIONS = "confusions.json"
RECORDS = "records"
AGAIN = "run `chinchilla build` again"

Hashes = Mapping[str, str]
"""The sha256 of files, by their names as seen from their folder."""
Confusable = dict[str, tuple[str, ...]]
"""For each label of a source those most easily taken for it, the closest first."""
Step = Callable[[int], None]
"""Called with the number of bytes of each line read."""
Kept = TypeVar("Kept")


class RowsFile(NamedTuple):
    """The rows of one task and split: a file that the manifest names."""

    task: str
    split: str
    path: Path
    sha256: str
    bytes: int


class Processed(NamedTuple):
    """A build, and the parts of it that were chosen, a split after the other."""

    manifest: Manifest
    sha256: str
    parts: tuple[RowsFile, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits of the parts, in order."""
        return tuple(_unique(part.split for part in self.parts))

    @property
    def hashes(self) -> dict[str, str]:
        """Sha256 of every file of the build, by its name."""
        return self.manifest.hashes

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the parts, in the order of the build."""
        chosen = {part.task for part in self.parts}
        every = _unique(PurePosixPath(name).parts[0] for name in self.manifest.outputs)
        return tuple(task for task in every if task in chosen)


def open_processed(folder: Path, tasks: Sequence[str], splits: Sequence[str]) -> Processed:
    """Read the manifest of a build and choose among its files; none named means all.

    Raises:
        ConfigError: the folder is no build, or has nothing of what was named.
        InputError: its manifest, or the file of its labels, cannot be used.
    """
    manifest, digest = read_manifest(folder)
    for name in (LABELS, CONFUSIONS):
        if name in manifest.outputs:
            check_file(folder / name, manifest.outputs[name].sha256, MANIFEST)
    parts = _parts(manifest, folder)
    _check("task", tasks, _unique(part.task for part in parts), folder)
    _check("split", splits, _unique(part.split for part in parts), folder)
    chosen = tuple(
        part
        for part in parts
        if (not tasks or part.task in tasks) and (not splits or part.split in splits)
    )
    if not chosen:
        what = f"no rows of {'/'.join([*tasks, *splits]) or 'any task'}"
        raise ConfigError(str(folder), what, "name other tasks or splits, or build them")
    return Processed(manifest, digest, chosen)


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Manifest of a build, and its sha256."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        what = f"no build is here ({MANIFEST} is missing or cannot be read)"
        raise ConfigError(str(folder), what, "pass a folder `chinchilla build` wrote") from error
    try:
        facts = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(str(path), f"not JSON ({error})", AGAIN) from error
    if not isinstance(facts, dict):
        raise InputError(str(path), "not the manifest of a build (no JSON object)", AGAIN)
    try:
        return Manifest.model_validate_json(data), sha256(data).hexdigest()
    except ValidationError as error:
        what = f"not the manifest of a build ({explain(error)})"
        raise InputError(str(path), what, newer(facts, "chinchilla") or AGAIN) from error


def newer(facts: object, *keys: str) -> str | None:
    """What to do about a file that a later version wrote, None where none did.

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
    return [int(number) for number in re.findall("[0-9]{1,9}", version)[:3]]


def rows(part: RowsFile, step: Step) -> Iterator[InstructionRow]:
    """Yield the rows of a part; raise InputError unless they are those of the manifest."""
    for where, line in hashed_lines(part.path, part.sha256):
        try:
            row = InstructionRow.model_validate_json(line)
        except ValidationError as error:
            raise InputError(where, explain(error), AGAIN) from error
        yield row
        step(len(line))


def hashed_lines(path: Path, named: str | None) -> Iterator[tuple[str, bytes]]:
    """Yield path:line and the line, for each line of a file of a build.

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
    """Content of a file; raise InputError unless its sha256 is the one that the file `by` names."""
    try:
        _no_pipe(path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror or "cannot be read", AGAIN) from error
    if sha256(data).hexdigest() != named:
        raise InputError(str(path), f"not the file that {by} names", AGAIN)
    return data


def _no_pipe(path: Path) -> None:
    """Raise InputError for a pipe, a device or a folder in place of a file."""
    if path.exists() and not path.is_file():
        raise InputError(str(path), "is no file", AGAIN)


def read_labels(folder: Path, named: Hashes, by: str = MANIFEST) -> dict[str, LabelSet]:
    """Labels of each source as a build, or a run made from it, keeps them.

    Args:
        folder: folder of the build or of the run.
        named: sha256 of its files.
        by: name of the file that names them.

    Raises:
        InputError: the file is missing, is another one, or has no labels in it.
    """
    if LABELS not in named:
        raise InputError(str(folder / by), f"does not name {LABELS}", AGAIN)
    data = check_file(folder / LABELS, named[LABELS], by)
    return _by_source(folder / LABELS, data, LabelSet.model_validate, "labels")


def read_confusions(folder: Path, named: Hashes, by: str = MANIFEST) -> dict[str, Confusable]:
    """Confusable labels of each source, with the arguments and errors of `read_labels`.

    Without hard negatives there is no such file, and none are returned.
    """
    if CONFUSIONS not in named:
        return {}
    data = check_file(folder / CONFUSIONS, named[CONFUSIONS], by)
    validate = TypeAdapter(Confusable).validate_python
    return _by_source(folder / CONFUSIONS, data, validate, "confusable labels")


def _by_source(
    path: Path, data: bytes, validate: Callable[[object], Kept], what: str
) -> dict[str, Kept]:
    try:
        return {source: validate(value) for source, value in orjson.loads(data).items()}
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise InputError(str(path), f"not the {what} of a build", AGAIN) from error
    except ValidationError as error:
        raise InputError(str(path), explain(error), AGAIN) from error


def _parts(manifest: Manifest, folder: Path) -> list[RowsFile]:
    """Files of rows that a manifest names, a split after the other."""
    parts = []
    for name, file in manifest.outputs.items():
        path = PurePosixPath(name)
        if len(path.parts) == 2 and path.suffix == ".jsonl" and path.parts[0] != RECORDS:
            task, split = path.parts[0], path.stem
            parts.append(RowsFile(task, split, folder / name, file.sha256, file.bytes))
    order = dict[str, int]((split, number) for number, split in enumerate(SPLITS))
    return sorted(parts, key=lambda part: (order.get(part.split, len(order)), part.split))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _check(kind: str, named: Sequence[str], there: Sequence[str], folder: Path) -> None:
    for name in named:
        if name not in there:
            known = ", ".join(there) or "none"
            raise ConfigError(str(folder), f"no {kind} {name!r} in this build", f"it has {known}")
