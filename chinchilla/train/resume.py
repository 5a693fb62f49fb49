"""Go on with a run that was stopped: the same data, settings and order, from its checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chinchilla.errors import ConfigError
from chinchilla.train.config import TrainConfig
from chinchilla.train.data import folder_of, open_data
from chinchilla.train.fit import Prepared, prepare
from chinchilla.train.learnt import base_of
from chinchilla.train.processes import by_first, how_many
from chinchilla.train.runs import read_run


def reopen(folder: Path, say: Callable[[str], None], processed: Path | None = None) -> Prepared:
    """Return what a run was begun with; `processed` names the build where it was moved.

    Raises ConfigError where its data, base or number of processes is another by now.
    """
    facts = by_first(lambda: read_run(folder))
    if facts["state"] == "done":
        raise ConfigError(str(folder), "this run is finished", "train anew for another one")
    _check_processes(folder, facts)
    config = TrainConfig.model_validate(facts["config"])
    data = open_data(folder_of(facts, processed), facts["task"], config.subtasks)
    if data.processed.sha256 != facts["data"]["manifest"]:
        what = "not the build that this run was begun on (another manifest)"
        raise ConfigError(str(data.folder), what, "build as then, or train anew")
    if not facts["demo"]:
        base_of(folder, facts, say)
    return prepare(data, facts["task"], config, say)


def _check_processes(folder: Path, facts: dict[str, Any]) -> None:
    """Raise ConfigError where a step would have other rows, as more or fewer processes share it."""
    now = how_many()
    then = facts.get("processes", now)  # older runs do not tell
    if then != now:
        what = f"begun by {_processes(then)}, not by {_processes(now)}"
        todo = "go on without torchrun"
        if then > 1:
            todo = f"go on with as many, as by torchrun --nproc-per-node {then}"
        raise ConfigError(str(folder), what, todo)


def _processes(number: int) -> str:
    return "one process" if number == 1 else f"{number} processes"
