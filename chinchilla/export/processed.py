"""The folder of a build, as `chinchilla build` writes it: its manifest and its rows."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import SPLITS, InstructionRow, LabelSet, explain

MANIFEST = "manifest.json"
LABELS = "labels.json"
CONFUSIONS = "confusions.json"
_RECORDS = "records"
_AGAIN = "run `chinchilla build` again"

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
    def tasks(self) -> tuple[str, ...]:
        """Return the tasks of the parts, in the order of the build."""
        return tuple(task for task in _tasks(self.manifest) if task in _column(self.parts, 0))


def open_processed(folder: Path, tasks: Sequence[str], splits: Sequence[str]) -> Processed:
    """Read the manifest of a build and choose among its files; none named means all.

    Raises ConfigError where the folder is no build, or holds nothing of what was named.
    """
    try:
        data = (folder / MANIFEST).read_bytes()
        manifest = orjson.loads(data)
        parts = _parts(manifest, folder)
        manifest["sources"].items()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        what = f"no build is here ({MANIFEST} is missing or not one of a build)"
        raise ConfigError(str(folder), what, "pass a folder `chinchilla build` wrote") from error
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
    return Processed(manifest, sha256(data).hexdigest(), chosen)


def rows(part: Part, step: Step) -> Iterator[InstructionRow]:
    """Yield the rows of a part; raise InputError unless they are those of the manifest."""
    digest = sha256()
    try:
        with part.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                digest.update(line)
                yield _row(line, f"{part.path}:{number}")
                step(len(line))
    except OSError as error:
        raise InputError(str(part.path), error.strerror or "cannot be read", _AGAIN) from error
    if digest.hexdigest() != part.sha256:
        raise InputError(str(part.path), f"not the file that {MANIFEST} names", _AGAIN)


def read_labels(folder: Path) -> dict[str, LabelSet]:
    """Read the labels of each source as a build, or a run made from it, keeps them.

    Raises InputError where the file is missing or holds no labels.
    """
    return _read_kept(folder / LABELS, LabelSet.model_validate, "labels")


def read_confusions(folder: Path) -> dict[str, Confusable]:
    """Read the confusable labels of each source as a build, or a run made from it, keeps them.

    Without hard negatives there is no such file. Raises InputError where it holds none.
    """
    path = folder / CONFUSIONS
    if not path.is_file():
        return {}
    return _read_kept(path, TypeAdapter(Confusable).validate_python, "confusable labels")


def _read_kept(path: Path, validate: Callable[[Any], Kept], what: str) -> dict[str, Kept]:
    try:
        found = orjson.loads(path.read_bytes())
        return {name: validate(one) for name, one in found.items()}
    except OSError as error:
        raise InputError(str(path), error.strerror or "cannot be read", _AGAIN) from error
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise InputError(str(path), f"not the {what} of a build", _AGAIN) from error
    except ValidationError as error:
        raise InputError(str(path), explain(error), _AGAIN) from error


def _row(line: bytes, where: str) -> InstructionRow:
    try:
        return InstructionRow.model_validate_json(line)
    except ValidationError as error:
        raise InputError(where, explain(error), _AGAIN) from error


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
