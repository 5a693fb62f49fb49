"""A run: the folder that ties data, settings, weights and scores together."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chinchilla import __version__
from chinchilla.dataset.read import CONFUSIONS, LABELS, Hashes, Sha256, newer
from chinchilla.errors import ConfigError, EngineError, InputError
from chinchilla.files import hash_file, write_whole
from chinchilla.predict.model_loading import Source
from chinchilla.schema import explain
from chinchilla.train.adapter import SETTINGS, WEIGHTS, read_adapter
from chinchilla.train.data import BuildSettings

RUN = "run.json"
MODEL = "model"
BASE = "base"
CHECKPOINTS = "checkpoints"
DEEPSPEED = "deepspeed"
"""The argument under [trainer] that names files to write and services to tell."""
_ANOTHER = "pass another run, or train again"
_COUNTED = re.compile("(.+-[0-9a-f]{8})-([0-9]+)")
_LIBRARIES = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Config(_Strict):
    base: str
    revision: str | None = None
    subtasks: list[str]
    precision: Literal["auto", "bf16", "fp32"]
    tracker: str = "none"
    trust_remote_code: bool
    trainer: dict[str, Any] = {}


class _Data(_Strict):
    folder: str
    manifest: str
    build: BuildSettings
    templates: dict[str, str]
    files: dict[str, str] = {}


class _Facts(_Strict):
    """What of run.json is read again; older runs tell less."""

    task: Literal["ner", "re", "ee", "all"]
    state: Literal["running", "done"]
    method: Literal["lora", "qlora", "full"]
    demo: bool
    longest_answer: int = Field(ge=0)
    config: _Config
    data: _Data
    base: str | None = None
    name: str | None = None
    started: str = ""
    processes: int = Field(default=1, ge=1)
    kept: dict[str, Sha256] | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def make_folder(out: Path, task: str, facts: Mapping[str, Any], now: datetime) -> Path:
    """Make the folder of a new run: its time, and a hash of what it is made from.

    A counter behind the name tells runs apart that begin in one second. Raises ConfigError
    where there can be no folder.
    """
    digest = sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    first = out / task / f"{now:%Y%m%d-%H%M%S}-{digest[:8]}"
    try:
        first.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                break
    except OSError as error:
        what = error.strerror or "cannot be made"
        raise ConfigError(str(out), what, "pass another folder with --out") from error
    return folder


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
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    write_whole(folder / RUN, [orjson.dumps(facts, option=option)])


def read_run(folder: Path) -> dict[str, Any]:
    """Read run.json; raise ConfigError where the folder is no run."""
    try:
        found = orjson.loads((folder / RUN).read_bytes())
    except OSError as error:
        todo = "pass a folder that `chinchilla train` wrote"
        raise ConfigError(str(folder), f"no run is here ({RUN} is missing)", todo) from error
    except orjson.JSONDecodeError as error:
        raise InputError(str(folder / RUN), f"not JSON ({error})", _ANOTHER) from error
    if not isinstance(found, dict):
        raise InputError(str(folder / RUN), "not the file of a run (no JSON object)", _ANOTHER)
    try:
        _Facts.model_validate_json(orjson.dumps(found))
    except ValidationError as error:
        what = f"not the file of a run ({explain(error)})"
        todo = newer(found, "versions", "chinchilla") or _ANOTHER
        raise InputError(str(folder / RUN), what, todo) from error
    return found


def kept_by(folder: Path, facts: Mapping[str, Any]) -> Hashes:
    """Return the sha256 of what a run keeps of its build; older runs do not tell."""
    known: Hashes | None = facts.get("kept")
    if known is not None:
        return known
    paths = [folder / name for name in (LABELS, CONFUSIONS)]
    return {path.name: hash_file(path) for path in paths if path.is_file()}


def check_trust(folder: Path, facts: Mapping[str, Any], trusted: bool) -> None:
    """Raise ConfigError for a run whose base came with code that nobody has trusted just now."""
    if facts["config"]["trust_remote_code"] and not trusted:
        what = "trained with code that its base brought along"
        raise ConfigError(str(folder), what, "read that code, then pass --trust-remote-code")


def check_links(folder: Path) -> None:
    """Raise ConfigError for a link in a run that leads out of it: there others' files lie."""
    home = folder.resolve()
    for path in _links(folder):
        if not path.resolve().is_relative_to(home):
            what = f"a link that leads out of the run {folder}"
            raise ConfigError(str(path), what, "put the file itself there, or train again")


def _links(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (path for name in folders + files if (path := Path(place, name)).is_symlink())


def finished_run(folder: Path) -> dict[str, Any]:
    """Read run.json of a run that is to be used; raise ConfigError unless it is done and whole."""
    facts = read_run(folder)
    if facts["state"] != "done":
        todo = f"go on with `{resume_command(folder, facts)}`"
        raise ConfigError(str(folder), "this run is not finished", todo)
    check_links(folder)
    adapted = (folder / MODEL / SETTINGS).is_file()
    if adapted:
        read_adapter(folder / MODEL)
    _check_weights(folder / MODEL, WEIGHTS if adapted else "model*.safetensors")
    if adapted and facts["demo"]:
        _check_weights(folder / BASE, "model*.safetensors")
    return facts


def _check_weights(folder: Path, pattern: str) -> None:
    """Raise ConfigError where weights are missing, or were cut off when they were copied."""
    from safetensors import SafetensorError, safe_open

    todo = "copy the whole run again, or train again"
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise ConfigError(str(folder), "no weights are here", todo)
    for path in paths:
        try:
            with safe_open(path, "numpy"):
                continue
        except (SafetensorError, OSError) as error:
            raise ConfigError(str(path), f"damaged weights ({error})", todo) from error


def resume_command(folder: Path, facts: Mapping[str, Any]) -> str:
    """Return the command that goes on with a run, by as many processes as began it."""
    words = f"chinchilla train --resume {folder}"
    if facts["config"]["trust_remote_code"] or DEEPSPEED in facts["config"].get("trainer", {}):
        words += " --trust-remote-code"
    processes = facts.get("processes", 1)
    return words if processes == 1 else f"torchrun --nproc-per-node {processes} -m {words}"


def name_of(facts: Mapping[str, Any], folder: Path) -> str:
    """Return the name a run was given when it began, whatever its folder is called by now."""
    return str(facts.get("name") or folder.resolve().name)


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return (folder / RUN).is_file()


def newest_run(out: Path, task: str | None) -> Path:
    """Return the last begun of the finished runs; raise ConfigError where there is none.

    A run of all tasks is one of each task that it has learnt.
    """
    every = {path.parent: read_run(path.parent) for path in out.glob(f"*/*/{RUN}")}
    known = {folder: facts for folder, facts in every.items() if _learns(facts, task)}
    folders = sorted(known, key=lambda folder: _begun(folder, known[folder]))
    done = [folder for folder in folders if known[folder]["state"] == "done"]
    if not done:
        what = f"no finished run{f' of {task}' if task else ''}"
        todo = "run `chinchilla train` first, or pass --run"
        if folders:
            todo = f"go on with `{resume_command(folders[-1], known[folders[-1]])}`"
        raise ConfigError(str(out), what, todo)
    return done[-1]


def _learns(facts: Mapping[str, Any], task: str | None) -> bool:
    if task in (None, facts["task"]):
        return True
    told = facts["config"]["subtasks"]
    named = not told or any(task == one.partition("-")[0] for one in told)
    return facts["task"] == "all" and named and f"{task}/train" in facts["data"].get("files", {})


def _begun(folder: Path, facts: Mapping[str, Any]) -> tuple[str, str, int, str]:
    """Return what orders runs: when each began, then its name and the counter behind it."""
    name, number = folder.name, 1
    if counted := _COUNTED.fullmatch(name):
        name, number = counted[1], int(counted[2])
    return str(facts.get("started", "")), name, number, str(folder)


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


_WEIGHTS = ("*.safetensors", "*.bin")
_END = 1 << 20
"""Bytes read at either end of a file of weights: other weights differ there too."""


def fingerprint(source: Source | None) -> str | None:
    """Return the sha256 of a base's configuration and of the ends and sizes of its weights.

    Null for the demo model, which its run keeps, and for a model of the hub, whose commit is
    known.
    """
    if source is None or source.hub is not None:
        return None
    digest = sha256()
    for path in _files(source):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_END))
            file.seek(max(file.tell(), path.stat().st_size - _END))
            digest.update(file.read())
    return digest.hexdigest()


def _files(source: Source) -> list[Path]:
    folder = Path(source.place)
    if source.gguf is not None:
        return [folder / source.gguf]
    weights = {path for pattern in _WEIGHTS for path in folder.glob(pattern)}
    return [folder / "config.json", *sorted(weights)]


def check_base(run: Path, facts: dict[str, Any], source: Source | None) -> None:
    """Raise EngineError where a run's base has changed since; older runs do not tell."""
    known = facts.get("base")
    if known is not None and fingerprint(source) != known:
        name = "" if source is None else f" {source.name}"
        what = f"its base{name} is not the one that it was trained on"
        raise EngineError(str(run), what, "put that one back, or train again")
