"""Go on with a run that was stopped: the same data, settings and order, from its checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from chinchilla.dataset.read import newer
from chinchilla.errors import ConfigError, InputError
from chinchilla.runs.folder import DEEPSPEED, RUN, check_links, check_trust, read_run
from chinchilla.runs.model import base_of
from chinchilla.schema import explain
from chinchilla.train.config import TrainConfig
from chinchilla.train.data import folder_of, open_data
from chinchilla.train.distributed import by_first, how_many
from chinchilla.train.fit import Prepared, prepare


def reopen(
    folder: Path,
    say: Callable[[str], None],
    processed: Path | None = None,
    trusted: bool = False,
) -> Prepared:
    """Return what a run was begun with; `processed` names the build where it was moved.

    Code that came with its base runs only where it is `trusted` now. Raises ConfigError where
    its data, base or number of processes is another by now.
    """
    facts = by_first(lambda: read_run(folder))
    if facts["state"] == "done":
        raise ConfigError(str(folder), "this run is finished", "train anew for another one")
    _check_processes(folder, facts)
    check_links(folder)
    check_trust(folder, facts, trusted)
    config = _settings_of(folder, facts).model_copy(update={"trust_remote_code": trusted})
    if DEEPSPEED in config.trainer and not trusted:
        what = "its settings tell DeepSpeed what to write, and what services to connect to"
        todo = f"read config.trainer in its {RUN}, then pass --trust-remote-code"
        raise ConfigError(str(folder), what, todo)
    data = open_data(folder_of(facts, processed), facts["task"], config.subtasks)
    if data.processed.sha256 != facts["data"]["manifest"]:
        what = "not the build that this run was begun on (another manifest)"
        raise ConfigError(str(data.folder), what, "build as then, or train anew")
    if not facts["demo"]:
        base_of(folder, facts, say, trusted)
    return prepare(data, facts["task"], config, say)


def _settings_of(folder: Path, facts: dict[str, Any]) -> TrainConfig:
    """Return the settings of a run; raise InputError where a training cannot be told them."""
    try:
        return TrainConfig.model_validate_json(orjson.dumps(facts["config"]))
    except ValidationError as error:
        what = f"not the settings of a training (config.{explain(error)})"
        todo = newer(facts, "versions", "chinchilla") or "train again"
        raise InputError(str(folder / RUN), what, todo) from error


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
