"""Go on with a run that was stopped: the same data, settings and order, from its checkpoint."""

from collections.abc import Callable
from pathlib import Path

from chinchilla.errors import ConfigError
from chinchilla.train.config import TrainConfig
from chinchilla.train.data import folder_of, open_data
from chinchilla.train.fit import Prepared, prepare
from chinchilla.train.runs import read_run


def reopen(folder: Path, say: Callable[[str], None], processed: Path | None = None) -> Prepared:
    """Return what a run was begun with; raise ConfigError where its data is another by now.

    `processed` names the build where it was moved.
    """
    facts = read_run(folder)
    if facts["state"] == "done":
        raise ConfigError(str(folder), "this run is finished", "train anew for another one")
    config = TrainConfig.model_validate(facts["config"])
    data = open_data(folder_of(facts, processed), facts["task"], config.subtasks)
    if data.processed.sha256 != facts["data"]["manifest"]:
        what = "not the build that this run was begun on (another manifest)"
        raise ConfigError(str(data.folder), what, "build as then, or train anew")
    return prepare(data, facts["task"], config, say)
