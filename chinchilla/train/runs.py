"""A run: the folder that ties data, settings, weights and scores together.

runs/<task>/<time>-<hash>/
    run.json        what was trained, on what, how, with which versions, how it went
    labels.json     the labels of each source, as the build had them
    base/           the demo model's own base, where an adapter stands on it
    model/          the best weights (an adapter, or a whole model) and the tokenizer
    checkpoints/    what `--resume` goes on from
    evals/          questions, gold and answers of each look at the dev sample
    eval/           what `chinchilla eval` wrote
    tensorboard/    what `--tracker tensorboard` wrote
    curve.csv, curve.png
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from chinchilla import __version__
from chinchilla.errors import ConfigError, InputError

RUN = "run.json"
MODEL = "model"
CHECKPOINTS = "checkpoints"
_LIBRARIES = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")


def run_folder(out: Path, task: str, facts: Mapping[str, Any], now: datetime) -> Path:
    """Return the folder of a new run: its time, and a hash of what it is made from."""
    digest = sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return out / task / f"{now:%Y%m%d-%H%M%S}-{digest[:8]}"


def versions() -> dict[str, str]:
    """Return the versions of the libraries that take part."""
    found = {"chinchilla": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_run(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write run.json beside the old one, then rename it."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{RUN}.partial"
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    partial.write_bytes(orjson.dumps(facts, option=option))
    partial.replace(folder / RUN)


def read_run(folder: Path) -> dict[str, Any]:
    """Read run.json; raise ConfigError where the folder is no run."""
    try:
        found = orjson.loads((folder / RUN).read_bytes())
    except OSError as error:
        todo = "pass a folder that `chinchilla train` wrote"
        raise ConfigError(str(folder), f"no run is here ({RUN} is missing)", todo) from error
    except orjson.JSONDecodeError as error:
        raise InputError(str(folder / RUN), f"not JSON ({error})", "train again") from error
    if not isinstance(found, dict) or "task" not in found:
        raise InputError(str(folder / RUN), "not the file of a run", "train again")
    return found


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return (folder / RUN).is_file()


def newest_run(out: Path, task: str | None) -> Path:
    """Return the newest finished run; raise ConfigError where there is none.

    Runs are told apart by the time in their name, so the newest is the last begun.
    """
    folders = [path.parent for path in out.glob(f"{task or '*'}/*/{RUN}")]
    done = [folder for folder in folders if read_run(folder).get("state") == "done"]
    if not done:
        what = f"no finished run{f' of {task}' if task else ''}"
        todo = "run `chinchilla train` first, or pass --run"
        if folders:
            todo = f"go on with `chinchilla train --resume {max(folders, key=_time)}`"
        raise ConfigError(str(out), what, todo)
    return max(done, key=_time)


def _time(folder: Path) -> tuple[str, str]:
    return folder.name, str(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint of a run that was written to its end, if there is one."""
    found = sorted(
        (path for path in (folder / CHECKPOINTS).glob("checkpoint-*") if is_complete(path)),
        key=lambda path: int(path.name.rpartition("-")[2]),
    )
    return found[-1] if found else None


def is_complete(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written to its end: this file comes last."""
    return (checkpoint / "trainer_state.json").is_file()
