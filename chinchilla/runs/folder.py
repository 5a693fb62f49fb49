"""The folder of a run, and its run.json: what ties data, settings, weights and scores together."""

import re
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chinchilla import __version__
from chinchilla.dataset.manifest import Sha256
from chinchilla.dataset.read import CONFUSIONS, LABELS, MANIFEST, Hashes, newer
from chinchilla.errors import ConfigError, InputError
from chinchilla.files import hash_file, write_whole
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.runs.parts import check_parts
from chinchilla.schema import explain

RUN = "run.json"
CHECKPOINTS = "checkpoints"
DEEPSPEED = "deepspeed"
"""The argument under [trainer] that names files to write and services to tell."""

_ANOTHER = "pass another run, or train again"
_COUNTED = re.compile("(.+-[0-9a-f]{8})-([0-9]+)")
"""The name of a folder and its counter: 20260102-030405-ab12cd34-2."""
_LIBRARIES = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")


class BuildSettings(BaseModel):
    """What of the configuration of a build is read again: how its prompts are rendered."""

    seed: int
    prompts: PromptOptions
    windows: WindowOptions


def _check_build(config: dict[str, Any]) -> dict[str, Any]:
    try:
        BuildSettings.model_validate(config)
    except ValidationError as error:
        raise ValueError(explain(error)) from error
    return config


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class RunConfig(_Part):
    """What of a run's settings is read by others than `train --resume`, which reads them all."""

    base: str
    revision: str | None = None
    subtasks: list[str]
    precision: Literal["auto", "bf16", "fp32"]
    tracker: str = "none"
    trust_remote_code: bool
    trainer: dict[str, Any] = {}


class RunData(_Part):
    """The build of a run: its folder, the sha256 of its manifest, its configuration.

    `files` and `templates` are sha256 by name; `files` by "<task>/<split>".
    """

    folder: str
    manifest: str
    files: dict[str, str] = {}
    build: Annotated[dict[str, Any], AfterValidator(_check_build)]
    templates: dict[str, str]


class Best(_Part):
    """The best F1 on dev while training, from 0 to 1, and its step."""

    eval_f1: float
    step: int


class Run(_Part):
    """A run: its folder, and what run.json says; what older runs do not say has a default.

    Times are seconds, `peak_memory` bytes, `longest_answer` tokens. `kept` is the sha256 of what
    the run keeps of its build. Fields are in their order on disk.
    """

    folder: Path = Field(exclude=True)
    name: str | None = None
    task: Literal["ner", "re", "ee", "all"]
    method: Literal["lora", "qlora", "full"]
    demo: bool
    base: str | None = None
    config: RunConfig
    data: RunData
    rows: dict[str, Any] = {}
    longest_answer: int = Field(ge=0)
    versions: dict[str, str] = {}
    state: Literal["running", "done"]
    started: str = ""
    command: str = ""
    processes: int | None = Field(default=None, ge=1)
    kept: dict[str, Sha256] | None = None
    parameters: dict[str, int] = {}
    steps: int = 0
    best: Best | None = None
    tokens_per_second: float = 0.0
    peak_memory: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def updated(self, **changes: Any) -> Self:
        """Return the run after some changes."""
        return self.model_copy(update=changes)

    def facts(self) -> dict[str, Any]:
        """Return what run.json says: the fields that were set, in their order."""
        return self.model_dump(mode="json", exclude_unset=True)

    def write(self) -> None:
        """Write run.json beside the old one, then rename it."""
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        write_whole(self.folder / RUN, [orjson.dumps(self.facts(), option=option)])

    @property
    def called(self) -> str:
        """Return the name of the run when it began, whatever its folder is called by now."""
        return self.name or self.folder.resolve().name

    @property
    def resume_command(self) -> str:
        """Return the command that goes on with the run, by as many processes as began it."""
        command = f"chinchilla train --resume {self.folder}"
        if self.config.trust_remote_code or DEEPSPEED in self.config.trainer:
            command += " --trust-remote-code"
        if self.processes in (None, 1):
            return command
        return f"torchrun --nproc-per-node {self.processes} -m {command}"

    def kept_files(self) -> Hashes:
        """Return the sha256 of what the run keeps of its build, by the name of the file."""
        if self.kept is not None:
            return self.kept
        paths = [self.folder / name for name in (LABELS, CONFUSIONS)]
        return {path.name: hash_file(path) for path in paths if path.is_file()}

    def build_folder(self, named: Path | None) -> Path:
        """Return the build to read: the one named, else that of the run.

        Raises:
            ConfigError: the run's own is not there any more.
        """
        folder = named or Path(self.data.folder)
        if named is None and not (folder / MANIFEST).is_file():
            what = "the build of this run is not there any more"
            raise ConfigError(str(folder), what, "name another place of it with --processed")
        return folder

    def check_trust(self, trusted: bool) -> None:
        """Raise ConfigError where the base brings code, and this call does not trust it."""
        if self.config.trust_remote_code and not trusted:
            what = "trained with code that its base brought along"
            todo = "read that code, then pass --trust-remote-code"
            raise ConfigError(str(self.folder), what, todo)

    def has_task(self, task: str | None) -> bool:
        """Tell whether the run was trained on a task; a run of all tasks on each it had rows of."""
        if task in (None, self.task):
            return True
        subtasks = self.config.subtasks
        chosen = not subtasks or any(task == name.partition("-")[0] for name in subtasks)
        return self.task == "all" and chosen and f"{task}/train" in self.data.files

    @property
    def _order(self) -> tuple[str, str, int, str]:
        """Return what orders runs: when each began, then its name and the counter behind it."""
        name, number = self.folder.name, 1
        if counted := _COUNTED.fullmatch(name):
            name, number = counted[1], int(counted[2])
        return self.started, name, number, str(self.folder)


def make_folder(run: Run, out: Path, now: datetime) -> Path:
    """Make the folder of a new run: its time, and a hash of what it is made from.

    A counter behind the name tells runs apart that begin in one second.

    Raises:
        ConfigError: there can be no folder.
    """
    digest = sha256(orjson.dumps(run.facts(), option=orjson.OPT_SORT_KEYS)).hexdigest()
    first = out / run.task / f"{now:%Y%m%d-%H%M%S}-{digest[:8]}"
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
    known = {"chinchilla": __version__}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            known[name] = version(name)
    return known


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return (folder / RUN).is_file()


def read_run(folder: Path) -> Run:
    """Return the run of a folder.

    Raises:
        ConfigError: there is no run.json.
        InputError: run.json is not that of a run.
    """
    path = folder / RUN
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        todo = "pass a folder that `chinchilla train` wrote"
        raise ConfigError(str(folder), f"no run is here ({RUN} is missing)", todo) from error
    except orjson.JSONDecodeError as error:
        raise InputError(str(path), f"not JSON ({error})", _ANOTHER) from error
    if not isinstance(content, dict):
        raise InputError(str(path), "not the file of a run (no JSON object)", _ANOTHER)
    try:
        return Run.model_validate(content | {"folder": folder})
    except ValidationError as error:
        what = f"not the file of a run ({explain(error)})"
        todo = newer(content, "versions", "chinchilla") or _ANOTHER
        raise InputError(str(path), what, todo) from error


def finished_run(folder: Path) -> Run:
    """Return a run that is to be used.

    Raises:
        ConfigError: it is not finished, or its weights are not whole.
        EngineError: its adapter is none of ours.
    """
    run = read_run(folder)
    if run.state != "done":
        todo = f"go on with `{run.resume_command}`"
        raise ConfigError(str(folder), "this run is not finished", todo)
    check_parts(folder, run.demo)
    return run


def newest_run(out: Path, task: str | None) -> Path:
    """Return the folder of the finished run of a task that was begun last.

    Raises:
        ConfigError: there is none.
    """
    every = [read_run(path.parent) for path in out.glob(f"*/*/{RUN}")]
    runs = sorted((run for run in every if run.has_task(task)), key=lambda run: run._order)
    done = [run for run in runs if run.state == "done"]
    if not done:
        what = f"no finished run{f' of {task}' if task else ''}"
        todo = "run `chinchilla train` first, or pass --run"
        if runs:
            todo = f"go on with `{runs[-1].resume_command}`"
        raise ConfigError(str(out), what, todo)
    return done[-1].folder


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint of a run that was written to its end, if there is one."""
    whole = filter(is_complete, (folder / CHECKPOINTS).glob("checkpoint-*"))
    # checkpoint-9 is before checkpoint-10
    return max(whole, key=lambda path: (len(path.name), path.name), default=None)


def is_complete(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written to its end: this file comes last."""
    return (checkpoint / "trainer_state.json").is_file()
