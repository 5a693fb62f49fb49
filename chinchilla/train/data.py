"""What training reads of a build: the rows of train, the evaluation sets of dev, the labels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from chinchilla.dataset.read import (
    AGAIN,
    MANIFEST,
    Processed,
    RowsFile,
    hashed_lines,
    open_processed,
    read_labels,
    rows,
)
from chinchilla.errors import ConfigError, InputError, TrainError
from chinchilla.predict.postprocess import AnswerParser
from chinchilla.runs.eval_sets import EvalSet, make_eval_sets, sample
from chinchilla.schema import InstructionRow, LabelSet, Record, explain

GENERAL = "general"


class Data(NamedTuple):
    """An opened build: its files of the tasks wanted, the labels of each source.

    `subtasks` are those wanted, none for all.
    """

    folder: Path
    processed: Processed
    labels: dict[str, LabelSet]
    subtasks: tuple[str, ...]

    @property
    def parser(self) -> AnswerParser:
        """How answers to rows of this build are read."""
        return AnswerParser(self.labels, self.processed.manifest.config.windows.events)

    @property
    def metrics(self) -> dict[str, str | None]:
        """Return the metric of each source."""
        sources = self.processed.manifest.sources
        return {name: source.metric for name, source in sources.items()}


def open_data(folder: Path, task: str, subtasks: Sequence[str]) -> Data:
    """Return what `chinchilla build` wrote for a task, or for "all" of them.

    Raises:
        ConfigError: there is no build, or it has no rows of the task or of a sub-task.
        InputError: its labels cannot be read.
    """
    every = open_processed(folder, (), ())
    wanted = [name for name in every.tasks if task in ("all", name) or name == GENERAL]
    if task != "all" and task not in wanted:
        what = f"no rows of {task} in this build, only of {', '.join(every.tasks)}"
        raise ConfigError(str(folder), what, f"build with --task {task}")
    _check_subtasks(every.manifest.config.prompts.subtasks, task, subtasks)
    labels = read_labels(folder, every.hashes)
    return Data(folder, open_processed(folder, wanted, ()), labels, tuple(subtasks))


_TEMPLATES_TODO = {
    "built": "build again, or put the templates back",
    "trained": "put the templates back as they were, or build and train again",
}


def check_templates(
    made: str, then: Mapping[str, str], now: Mapping[str, str], where: str = "templates"
) -> None:
    """Raise TrainError where prompts are worded otherwise by now than before.

    Args:
        made: "built" or "trained": what was done with the templates of `then`.
        then: sha256 of each template, by name.
        now: the same of those that there are by now.
        where: what has the templates of `now`, or was built.
    """
    changed = sorted(name for name in {**then, **now} if then.get(name) != now.get(name))
    if not changed:
        return
    todo = _TEMPLATES_TODO[made]
    if all(now[name] == then[name] for name in now if name in then):
        # the user's own templates alone make the difference
        if then.keys() > now.keys():
            todo = "pass the folder of your templates that were used with --templates-dir"
        elif now.keys() > then.keys():
            todo = "leave --templates-dir out, or build with it"
    what = f"{made} with other wordings than those here ({', '.join(changed)} changed)"
    raise TrainError(where, what, todo)


def _check_subtasks(built: Sequence[str], task: str, wanted: Sequence[str]) -> None:
    """Raise ConfigError for a sub-task of which the build has no rows of this task."""
    known = [name for name in built if task in ("all", name.partition("-")[0])]
    for subtask in wanted:
        if subtask not in known:
            what = f"no such rows of --task {task} in this build, only of {', '.join(known)}"
            raise ConfigError(f"sub-task {subtask}", what, "name another, or build with it")


def split_rows(data: Data, split: str) -> Iterator[InstructionRow]:
    """Yield the rows of a split, of the sub-tasks wanted.

    Raises:
        InputError: a row is of a source or a sub-task that the build does not know.
    """
    for part in data.processed.parts:
        if part.split == split:
            for row in rows(part, lambda size: None):
                _check_source(row, data, part)
                if not data.subtasks or row.subtask in data.subtasks or row.task == GENERAL:
                    yield row


def split_records(data: Data, split: str) -> Iterator[Record]:
    """Yield the records of a split with their gold, read to the end of their files.

    Raises:
        InputError: a line is no record (path:line), or a file is not the one that the manifest
            names.
    """
    hashes = data.processed.hashes
    for part in data.processed.parts:
        if part.split == split and part.task != GENERAL:
            name = f"records/{part.task}/{split}.jsonl"
            if name not in hashes:
                raise InputError(str(data.folder / MANIFEST), f"does not name {name}", AGAIN)
            for where, line in hashed_lines(data.folder / name, hashes[name]):
                try:
                    yield Record.model_validate_json(line)
                except ValidationError as error:
                    raise InputError(where, explain(error), AGAIN) from error


def _check_source(row: InstructionRow, data: Data, part: RowsFile) -> None:
    """Raise InputError for a row of a source or a sub-task that its build does not know.

    Files of a run are named after both.
    """
    if row.task == GENERAL:
        return
    if row.source not in data.labels:
        what = f"row {row.id} is of the source {row.source!r}, which has no labels in this build"
        raise InputError(str(part.path), what, AGAIN)
    if row.subtask not in data.processed.manifest.config.prompts.subtasks:
        what = f"row {row.id} is of the sub-task {row.subtask!r}, which this build does not ask"
        raise InputError(str(part.path), what, AGAIN)


def dev_eval_sets(data: Data, wanted: int, seed: int) -> list[EvalSet]:
    """Return the evaluation sets of a sample of dev, none where the build has no dev split."""
    if not wanted:
        return []
    chosen = sample(list(split_rows(data, "dev")), wanted, seed)
    needed = {row.record_id for row in chosen}
    records = (record for record in split_records(data, "dev") if record.id in needed)
    return make_eval_sets(chosen, records, data.metrics)


def origin(data: Data) -> dict[str, Any]:
    """Return what ties a run to its data: hashes of the manifest, files and templates."""
    manifest = data.processed.manifest
    parts = [part for part in data.processed.parts if part.split in ("train", "dev")]
    files = {f"{part.task}/{part.split}": part.sha256 for part in parts}
    return {
        "folder": str(data.folder.absolute()),
        "manifest": data.processed.sha256,
        "files": files,
        "build": manifest.config.model_dump(mode="json"),
        "templates": manifest.templates,
        "sources": {
            name: {"edition": source.edition, "sample": source.sample}
            for name, source in manifest.sources.items()
        },
    }
