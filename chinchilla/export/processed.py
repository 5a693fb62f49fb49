"""The folder of a build, as `chinchilla build` writes it: its manifest and its rows."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from chinchilla.errors import ConfigError, InputError
from chinchilla.export.manifest import (
    AGAIN,
    MANIFEST,
    Hashes,
    check_file,
    hashed_lines,
    hashes_of,
    read_manifest,
)
from chinchilla.schema import SPLITS, InstructionRow, LabelSet, explain

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
