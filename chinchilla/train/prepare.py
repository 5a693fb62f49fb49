"""What a training begins with: its base, its rows as tokens, its dev sample, its run's folder."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from transformers import TrainingArguments

from chinchilla.dataset.read import CONFUSIONS, LABELS, MANIFEST, check_file, newer
from chinchilla.errors import ConfigError, InputError, TrainError
from chinchilla.predict.engine import Prompt, room_for
from chinchilla.predict.local import too_long
from chinchilla.predict.model_loading import path_of
from chinchilla.runs.eval_sets import EvalSet
from chinchilla.runs.folder import DEEPSPEED, RUN, Run, make_folder, read_run, versions
from chinchilla.runs.model import base_of
from chinchilla.runs.parts import check_links, fingerprint
from chinchilla.schema import InstructionRow, explain
from chinchilla.train.batching import Encoded, encode
from chinchilla.train.config import TINY, TrainConfig
from chinchilla.train.data import Data, dev_eval_sets, open_data, origin, split_rows
from chinchilla.train.distributed import by_first, how_many, is_first, wait
from chinchilla.train.model import Base, open_base, pinned
from chinchilla.train.trainer_args import arguments

_SAMPLED = 20_000
"""Rows of train that the demo model's tokenizer is trained on at most."""


class Prepared(NamedTuple):
    """Everything a training needs, the weights apart; `longest_answer` is in tokens."""

    data: Data
    task: str
    config: TrainConfig
    base: Base
    encoded: Encoded
    eval_sets: list[EvalSet]
    longest_answer: int

    @property
    def dev_rows(self) -> list[InstructionRow]:
        """Return the rows of the dev sample."""
        return [row for eval_set in self.eval_sets for row in eval_set.rows]

    def arguments(self, folder: Path) -> TrainingArguments:
        """Return the library's arguments for a training in a folder."""
        rows = len(self.encoded.examples)
        return arguments(self.config, rows, folder, evaluates=bool(self.eval_sets))


def prepare(data: Data, task: str, config: TrainConfig, say: Callable[[str], None]) -> Prepared:
    """Find the base, encode the rows of train and choose the dev sample.

    Raises:
        TrainError: no row fits, or the library does not take the arguments of [trainer].
        EngineError: there is no such base.
        LengthError: a row of dev leaves no room to answer.
    """
    if config.packing:
        check_packing()
    sampled = islice(split_rows(data, "train"), _SAMPLED)
    # the demo model alone has a tokenizer of its own, and reads them
    base = open_base(config, (text for row in sampled for text in (row.prompt, row.output)), say)
    limit = min(config.max_tokens, base.places or config.max_tokens)
    encoded = encode(split_rows(data, "train"), base.chat, limit)
    eval_sets = dev_eval_sets(data, config.eval.rows, config.seed)
    prepared = Prepared(data, task, pinned(config, base.source), base, encoded, eval_sets, 0)
    answers = base.chat.answers([row.output for row in prepared.dev_rows])
    longest = max([*encoded.answer_lengths, *map(len, answers)])
    _check_room(prepared.dev_rows, longest, base)
    prepared.arguments(data.folder)
    return prepared._replace(longest_answer=longest)


def _check_room(rows: list[InstructionRow], longest: int, base: Base) -> None:
    """Raise LengthError for a row of dev that would end a training when it is evaluated."""
    prompts = [Prompt(row.id, row.prompt) for row in rows]
    encoded = base.chat.prompts([prompt.text for prompt in prompts])
    for error in too_long(prompts, encoded, room_for(longest), base.places).values():
        raise error


def check_packing() -> None:
    """Raise TrainError unless FlashAttention is there to keep packed rows apart cheaply."""
    from transformers.utils.import_utils import is_flash_attn_2_available

    if not is_flash_attn_2_available():
        what = "packing needs FlashAttention, which is not here"
        raise TrainError("packing", what, "leave packing off: rows are grouped by length")


def begin(prepared: Prepared, out: Path, now: datetime, command: str) -> Path:
    """Make the folder of a new run below `out`, write its run.json; return the folder.

    Raises:
        ConfigError: there can be no folder.
    """
    new = _new_run(prepared, out)
    # the others wait for the name that the first has found to be free
    folder = by_first(lambda: make_folder(new, out, now))
    if is_first():
        new.updated(
            folder=folder,
            name=folder.name,
            started=now.isoformat(),
            command=command,
            processes=how_many(),
            kept=_keep_labels(prepared.data, folder),
        ).write()
    wait()
    return folder


def _keep_labels(data: Data, folder: Path) -> dict[str, str]:
    """Copy what prompts are rendered by from a build to a run; return the sha256 of each file."""
    hashes = data.processed.hashes
    kept = {name: hashes[name] for name in (LABELS, CONFUSIONS) if name in hashes}
    for name, named in kept.items():
        (folder / name).write_bytes(check_file(data.folder / name, named, MANIFEST))
    return kept


def _new_run(prepared: Prepared, out: Path) -> Run:
    """Return a run with all that decides its training, not yet in a folder of its own."""
    config, encoded = prepared.config, prepared.encoded
    settings = config.model_dump(mode="json") | {"base": _lasting(config.base)}
    return Run.model_validate(
        {
            "folder": out,
            "task": prepared.task,
            "method": config.chosen_method,
            "demo": config.base == TINY,
            "base": fingerprint(prepared.base.source),
            "config": settings,
            "data": origin(prepared.data),
            "rows": {
                "train": len(encoded.examples),
                "tokens": encoded.tokens,
                "refused": encoded.refused._asdict(),
                "dev": len(prepared.dev_rows),
            },
            "longest_answer": prepared.longest_answer,
            "versions": versions(),
            "state": "running",
        }
    )


def _lasting(base: str) -> str:
    """Return the name of a base under which it is found from any folder."""
    path = path_of(base)
    return str(path.absolute()) if base != TINY and path.exists() else base


def reopen(
    folder: Path, say: Callable[[str], None], processed: Path | None = None, trusted: bool = False
) -> Prepared:
    """Return what a run was begun with, to go on from its last checkpoint.

    Args:
        folder: the run's.
        say: called with lines for the user.
        processed: its build, where that was moved.
        trusted: run code that comes with its base.

    Raises:
        ConfigError: the run is finished; its data, its base or the number of processes is
            another by now; or it needs to be trusted.
        InputError: its settings are those of no training.
    """
    run = by_first(lambda: read_run(folder))
    if run.state == "done":
        raise ConfigError(str(folder), "this run is finished", "train anew for another one")
    _check_processes(run)
    check_links(folder)
    run.check_trust(trusted)
    config = _settings_of(run).model_copy(update={"trust_remote_code": trusted})
    if DEEPSPEED in config.trainer and not trusted:
        what = "its settings tell DeepSpeed what to write, and what services to connect to"
        todo = f"read config.trainer in its {RUN}, then pass --trust-remote-code"
        raise ConfigError(str(folder), what, todo)
    data = open_data(run.build_folder(processed), run.task, config.subtasks)
    if data.processed.sha256 != run.data.manifest:
        what = "not the build that this run was begun on (another manifest)"
        raise ConfigError(str(data.folder), what, "build as then, or train anew")
    if not run.demo:
        base_of(run, say, trusted)
    return prepare(data, run.task, config, say)


def _settings_of(run: Run) -> TrainConfig:
    """Return the settings of a run; raise InputError where no training takes them."""
    facts = run.facts()
    try:
        return TrainConfig.model_validate(facts["config"])
    except ValidationError as error:
        what = f"not the settings of a training (config.{explain(error)})"
        todo = newer(facts, "versions", "chinchilla") or "train again"
        raise InputError(str(run.folder / RUN), what, todo) from error


def _check_processes(run: Run) -> None:
    """Raise ConfigError where a step would have other rows, as more or fewer processes share it."""
    now = how_many()
    then = run.processes or now  # older runs do not say
    if then != now:
        begun, here = ("one process" if n == 1 else f"{n} processes" for n in (then, now))
        todo = "go on without torchrun"
        if then > 1:
            todo = f"go on with as many, as by torchrun --nproc-per-node {then}"
        raise ConfigError(str(run.folder), f"begun by {begun}, not by {here}", todo)
