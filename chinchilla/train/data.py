"""What a build gives to training: the rows of train, the exams of dev, labels and hashes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from chinchilla.dataset.read import (
    AGAIN,
    MANIFEST,
    Part,
    Processed,
    hashed_lines,
    newer,
    open_processed,
    read_labels,
    rows,
)
from chinchilla.errors import ConfigError, InputError, TrainError
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.runs.eval_sets import Exam, Marking, make_exams, sample
from chinchilla.schema import InstructionRow, LabelSet, Record, explain

GENERAL = "general"


class BuildSettings(BaseModel):
    """What of the configuration of a build is read again: how its rows ask."""

    seed: int
    prompts: PromptOptions
    windows: WindowOptions


class Data(NamedTuple):
    """An opened build: its manifest, the files of the tasks wanted, the labels of each source."""

    folder: Path
    processed: Processed
    labels: dict[str, LabelSet]
    subtasks: tuple[str, ...]

    @property
    def marking(self) -> Marking:
        """Return how answers to rows of this build are read and scored."""
        windows = self.processed.manifest["config"]["windows"]
        return Marking(self.labels, windows["events"])

    @property
    def metrics(self) -> dict[str, str | None]:
        """Return the metric of each source."""
        sources = self.processed.manifest["sources"]
        return {name: source.get("metric") for name, source in sources.items()}


def open_data(folder: Path, task: str, subtasks: Sequence[str]) -> Data:
    """Open what `chinchilla build` wrote for a task, or for all of them.

    Raises ConfigError where there is no build, InputError where its labels cannot be read.
    """
    every = open_processed(folder, (), ())
    wanted = [one for one in every.tasks if task in ("all", one) or one == GENERAL]
    if task != "all" and task not in wanted:
        found = ", ".join(every.tasks)
        what = f"no rows of {task} in this build, only of {found}"
        raise ConfigError(str(folder), what, f"build with --task {task}")
    _check_subtasks(_settings_of(every, folder).prompts.subtasks, task, subtasks)
    labels = read_labels(folder, every.hashes)
    return Data(folder, open_processed(folder, wanted, ()), labels, tuple(subtasks))


def _settings_of(build: Processed, folder: Path) -> BuildSettings:
    """Return how the rows of a build ask; raise InputError where its manifest does not tell."""
    try:
        return BuildSettings.model_validate(build.manifest["config"])
    except ValidationError as error:
        what = f"not the manifest of a build (config.{explain(error)})"
        todo = newer(build.manifest, "chinchilla") or AGAIN
        raise InputError(str(folder / MANIFEST), what, todo) from error


def changed_in(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return the names of the templates that are not the same, with commas between."""
    return ", ".join(sorted(name for name in {**then, **now} if then.get(name) != now.get(name)))


def instead_of(todo: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return what to do about templates that changed: the folder of the user's may be all.

    It is where those of then that are not here now are all that is missing, or was not asked.
    """
    if all(now[name] == then[name] for name in now if name in then):
        if then.keys() > now.keys():
            return "pass the folder of your templates that were used with --templates-dir"
        if now.keys() > then.keys():
            return "leave --templates-dir out, or build with it"
    return todo


def check_build(data: Data, now: Mapping[str, str]) -> None:
    """Raise TrainError for a build worded by other templates than those there are now.

    Its rows would train a model that `eval` and `predict` ask otherwise.
    """
    manifest = data.processed.manifest
    if changed := changed_in(manifest["templates"], now):
        what = f"built with other wordings than those here ({changed} changed)"
        todo = "build again, or put the templates back"
        raise TrainError(str(data.folder), what, instead_of(todo, manifest["templates"], now))


def folder_of(facts: Mapping[str, Any], named: Path | None) -> Path:
    """Return the build to read: the one named, else that of a run.

    Raises ConfigError where the run's own is not there any more.
    """
    folder = named or Path(facts["data"]["folder"])
    if named is None and not (folder / MANIFEST).is_file():
        what = "the build of this run is not there any more"
        raise ConfigError(str(folder), what, "name another place of it with --processed")
    return folder


def _check_subtasks(built: Sequence[str], task: str, wanted: Sequence[str]) -> None:
    """Raise ConfigError for a sub-task of which the build has no rows of this task."""
    known = [one for one in built if task in ("all", one.partition("-")[0])]
    for subtask in wanted:
        if subtask not in known:
            what = f"no such rows of --task {task} in this build, only of {', '.join(known)}"
            raise ConfigError(f"sub-task {subtask}", what, "name another, or build with it")


def split_rows(data: Data, split: str) -> Iterator[InstructionRow]:
    """Yield the rows of a split; those of sub-tasks that were not asked for are left out.

    Raises InputError for a row of a source without labels.
    """
    for part in data.processed.parts:
        if part.split == split:
            for row in rows(part, lambda size: None):
                _check_source(row, data, part)
                if not data.subtasks or row.subtask in data.subtasks or row.task == GENERAL:
                    yield row


def split_records(data: Data, split: str) -> Iterator[Record]:
    """Yield the records of a split, gold among them, read to the end of their files.

    Raises InputError naming path:line for one that is none, and where a file is not the one
    that the manifest names.
    """
    outputs = data.processed.manifest["outputs"]
    for part in data.processed.parts:
        if part.split == split and part.task != GENERAL:
            name = f"records/{part.task}/{split}.jsonl"
            if name not in outputs:
                raise InputError(str(data.folder / MANIFEST), f"does not name {name}", AGAIN)
            yield from _records(data.folder / name, outputs[name]["sha256"])


def _check_source(row: InstructionRow, data: Data, part: Part) -> None:
    """Raise InputError for a row of a source or a sub-task that its build does not know.

    Files of a run are named after both.
    """
    if row.task == GENERAL:
        return
    if row.source not in data.labels:
        what = f"row {row.id} is of the source {row.source!r}, which has no labels in this build"
        raise InputError(str(part.path), what, AGAIN)
    if row.subtask not in data.processed.manifest["config"]["prompts"]["subtasks"]:
        what = f"row {row.id} is of the sub-task {row.subtask!r}, which this build does not ask"
        raise InputError(str(part.path), what, AGAIN)


def _records(path: Path, named: str | None) -> Iterator[Record]:
    for place, line in hashed_lines(path, named):
        try:
            yield Record.model_validate_json(line)
        except ValidationError as error:
            raise InputError(place, explain(error), AGAIN) from error


def dev_exams(data: Data, wanted: int, seed: int) -> list[Exam]:
    """Return the exams of a sample of dev, none where the build has no dev split."""
    if not wanted:
        return []
    chosen = sample(list(split_rows(data, "dev")), wanted, seed)
    needed = {row.record_id for row in chosen}
    records = (record for record in split_records(data, "dev") if record.id in needed)
    return make_exams(chosen, records, data.metrics)


def origin(data: Data) -> dict[str, Any]:
    """Return what ties a run to its data: hashes of the manifest, files and templates."""
    manifest = data.processed.manifest
    files = {f"{part.task}/{part.split}": part.sha256 for part in _named(data.processed.parts)}
    return {
        "folder": str(data.folder.absolute()),
        "manifest": data.processed.sha256,
        "files": files,
        "build": manifest["config"],
        "templates": manifest["templates"],
        "sources": {
            name: {"edition": one["edition"], "sample": one["sample"]}
            for name, one in manifest["sources"].items()
        },
    }


def _named(parts: Sequence[Part]) -> Sequence[Part]:
    return [part for part in parts if part.split in ("train", "dev")]
