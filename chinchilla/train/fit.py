"""Train: open the data, encode it, make the model, fit it, keep the run."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, TrainingArguments

from chinchilla.dataset.read import CONFUSIONS, LABELS, MANIFEST, check_file
from chinchilla.errors import TrainError
from chinchilla.files import LOCK, locked
from chinchilla.predict.engine import Prompt, room_for
from chinchilla.predict.local import too_long
from chinchilla.predict.model_loading import device, path_of, quiet
from chinchilla.runs.eval_sets import Exam
from chinchilla.runs.folder import (
    MODEL,
    fingerprint,
    is_complete,
    last_checkpoint,
    make_folder,
    read_run,
    versions,
    write_run,
)
from chinchilla.schema import InstructionRow
from chinchilla.train.batching import Encoded, Packed, Padded, encode
from chinchilla.train.callbacks import Look, Stop, Watch, write_curve
from chinchilla.train.config import TINY, TrainConfig
from chinchilla.train.data import Data, dev_exams, origin, split_rows
from chinchilla.train.dev_eval import DevJudge
from chinchilla.train.distributed import by_first, from_first, gathered, how_many, is_first, wait
from chinchilla.train.loss import takes
from chinchilla.train.model import (
    Base,
    check_words,
    make_trainable,
    name_base,
    open_base,
    parameters,
    pinned,
)
from chinchilla.train.trainer import ExtractionTrainer
from chinchilla.train.trainer_args import Extent, arguments, ready, using

_SAMPLED = 20_000
"""Rows of train that the demo model's tokenizer is trained on at most."""


class Prepared(NamedTuple):
    """Everything a training needs, the weights apart."""

    data: Data
    task: str
    config: TrainConfig
    base: Base
    encoded: Encoded
    exams: list[Exam]
    longest_answer: int


class Trained(NamedTuple):
    """What a training came to: its folder, its best F1 on the dev sample and where."""

    folder: Path
    facts: dict[str, Any]


def prepare(data: Data, task: str, config: TrainConfig, say: Callable[[str], None]) -> Prepared:
    """Find the base, encode the rows of train and choose the dev sample.

    Raises TrainError for arguments of the library that it cannot be told.
    """
    if config.packing:
        check_packing()
    base = open_base(config, _texts(data) if config.base == TINY else [], say)
    limit = min(config.max_tokens, base.places or config.max_tokens)
    encoded = encode(split_rows(data, "train"), base.chat, limit)
    exams = dev_exams(data, config.eval.rows, config.seed)
    rows = [row for exam in exams for row in exam.rows]
    longest = max(map(len, base.chat.answers([row.output for row in rows])), default=0)
    longest = max(longest, encoded.longest_answer)
    _check_looks(rows, longest, base)
    config = pinned(config, base.source)
    prepared = Prepared(data, task, config, base, encoded, exams, longest)
    arguments(config, extent_of(prepared), data.folder)
    return prepared


def _check_looks(rows: list[InstructionRow], longest: int, base: Base) -> None:
    """Raise LengthError for a row of dev that would end a training when it is asked."""
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


def _texts(data: Data) -> list[str]:
    texts = []
    for number, row in enumerate(split_rows(data, "train")):
        if number >= _SAMPLED:
            break
        texts += [row.prompt, row.output]
    return texts


def begin(prepared: Prepared, out: Path, now: datetime, command: str) -> Path:
    """Make the folder of a new run; return it."""
    facts = facts_of(prepared)
    # the others wait for the name that the first has found to be free
    folder = by_first(lambda: make_folder(out, prepared.task, facts, now))
    if is_first():
        started = {"state": "running", "started": now.isoformat(), "command": command}
        kept = _keep_labels(prepared.data, folder)
        begun = {"name": folder.name, **facts, **started, "processes": how_many(), "kept": kept}
        write_run(folder, begun)
    wait()
    return folder


def _keep_labels(data: Data, folder: Path) -> dict[str, str]:
    """Copy to a run what of its build prediction asks by; return the sha256 of each file."""
    hashes = data.processed.hashes
    kept = {name: hashes[name] for name in (LABELS, CONFUSIONS) if name in hashes}
    for name, named in kept.items():
        (folder / name).write_bytes(check_file(data.folder / name, named, MANIFEST))
    return kept


def extent_of(prepared: Prepared) -> Extent:
    """Return how much there is to train on."""
    return Extent(len(prepared.encoded.examples), judged=bool(prepared.exams))


def facts_of(prepared: Prepared) -> dict[str, Any]:
    """Return what decides a training, as run.json keeps it."""
    config, encoded = prepared.config, prepared.encoded
    return {
        "task": prepared.task,
        "method": config.chosen_method,
        "demo": config.base == TINY,
        "base": fingerprint(prepared.base.source),
        "config": config.model_dump(mode="json") | {"base": _lasting(config.base)},
        "data": origin(prepared.data),
        "rows": {
            "train": len(encoded.examples),
            "tokens": encoded.tokens,
            "refused": encoded.refused._asdict(),
            "dev": sum(len(exam.rows) for exam in prepared.exams),
        },
        "longest_answer": prepared.longest_answer,
        "versions": versions(),
    }


def _lasting(base: str) -> str:
    """Return the name of a base under which it is found from any folder."""
    path = path_of(base)
    return str(path.absolute()) if base != TINY and path.exists() else base


def fit(prepared: Prepared, folder: Path, look: Look, stop: Stop | None = None) -> Trained:
    """Train in a run's folder, from its last checkpoint where there is one.

    Raises KeyboardInterrupt where `stop` was asked, with a checkpoint written, and ConfigError
    where another command trains in that folder.
    """
    with ExitStack() as held:
        by_first(lambda: _hold(folder, held))
        return _fit(prepared, folder, look, stop)


def _hold(folder: Path, held: ExitStack) -> None:
    """Keep other commands from training in a run's folder."""
    what, todo = "another command is training it", "wait for it, or stop it first"
    held.enter_context(locked(folder / LOCK, what, todo))


def _fit(prepared: Prepared, folder: Path, look: Look, stop: Stop | None) -> Trained:
    quiet()
    facts, begun = by_first(lambda: read_run(folder)), time.monotonic()
    # ZeRO-3 spreads the weights while they are loaded, but only where these are alive
    known = arguments(prepared.config, extent_of(prepared), folder)
    ready(known)
    model = make_trainable(prepared.base, prepared.config, folder)
    check_words(model, prepared.encoded, prepared.base.chat.pad)
    with using(prepared.config):
        trainer = make_trainer(prepared, model, known, folder, look)
    if stop is not None:
        trainer.add_callback(stop)
    every, trained = parameters(model)
    facts |= {"parameters": {"all": every, "trained": trained}}
    if is_first():
        write_run(folder, facts)
    with using(prepared.config):
        _train(trainer, folder)
    _check_weights(model)
    stopped = stop is not None and stop.stopped
    if not stopped:
        trainer.save_model(str(folder / MODEL))
        if is_first():
            name_base(folder / MODEL, prepared.base.source)
        facts |= {"state": "done", "steps": trainer.state.global_step, "best": _best(trainer)}
        facts |= _measured(trainer)
    if is_first():
        write_curve(trainer.state.log_history, folder)
        prepared.base.chat.save(folder / MODEL)
        facts |= _spent(facts, begun)
        write_run(folder, facts)
    if stopped:
        raise KeyboardInterrupt
    return Trained(folder, facts)


def _train(trainer: ExtractionTrainer, folder: Path) -> None:
    """Train from the last checkpoint there is; name what to change where memory runs out."""
    resumed = _checkpoint_of_all(folder)
    if resumed is not None:
        trainer.check_begun(resumed)
    try:
        trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except torch.OutOfMemoryError as error:
        step = trainer.state.global_step + 1
        what = f"out of memory at step {step} (the longest rows come first)"
        todo = (
            "lower batch_size and raise accumulate, lower max_tokens, or set checkpointing = 'on'"
        )
        raise TrainError("train", what, todo) from error


def _check_weights(model: Any) -> None:
    """Raise TrainError where the last step made weights of no use: its loss is never computed."""
    if not all(one.isfinite().all() for one in model.parameters() if one.requires_grad):
        todo = "lower learning_rate, or lengthen warmup"
        raise TrainError("train", "weights are no numbers after the last step", todo)


def _checkpoint_of_all(folder: Path) -> Path | None:
    """Return the checkpoint that the first process finds; raise TrainError unless all have it."""
    found = from_first(last_checkpoint(folder))
    if found is not None and not all(gathered([is_complete(found)])):
        what = "this checkpoint is not on the disk of every process"
        raise TrainError(str(found), what, "resume in a folder that all machines share")
    return found


def _spent(facts: dict[str, Any], begun: float) -> dict[str, float]:
    """Return seconds since `begun` and of this process's work, with those of earlier sittings."""
    return {
        "seconds": facts.get("seconds", 0.0) + time.monotonic() - begun,
        "cpu_seconds": facts.get("cpu_seconds", 0.0) + time.process_time(),
    }


def _measured(trainer: ExtractionTrainer) -> dict[str, float]:
    """Return how fast the last sitting learnt, and on a GPU the bytes it held at most."""
    watch = next(one for one in trainer.callback_handler.callbacks if isinstance(one, Watch))
    found = {"tokens_per_second": watch.speed(trainer.state)}
    if device() == "cuda":
        found["peak_memory"] = float(torch.cuda.max_memory_allocated())
    return found


def _best(trainer: ExtractionTrainer) -> dict[str, Any] | None:
    state = trainer.state
    if state.best_metric is None:
        return None
    return {"eval_f1": state.best_metric, "step": state.best_global_step}


def make_trainer(
    prepared: Prepared, model: Any, known: TrainingArguments, folder: Path, look: Look
) -> ExtractionTrainer:
    """Put the parts of a training together."""
    config, base = prepared.config, prepared.base
    judge = None
    if prepared.exams:
        judge = DevJudge(
            prepared.exams,
            prepared.data.marking,
            base.chat,
            folder / "evals",
            prepared.longest_answer,
            config.eval.batch_size,
        )
    trainer = ExtractionTrainer(
        prepared.encoded,
        judge,
        model=model,
        args=known,
        data_collator=collator(prepared, model),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(look, prepared.encoded.tokens))
    if config.tracker == "tensorboard" and is_first():
        trainer.add_callback(_tensorboard(folder / "tensorboard"))
    if config.eval.patience and judge is not None:
        trainer.add_callback(EarlyStoppingCallback(config.eval.patience))
    return trainer


def collator(prepared: Prepared, model: Any) -> Packed | Padded:
    """Return what makes tensors of examples, as settings and model ask."""
    if prepared.config.packing:
        return Packed()
    keeps, places = takes(model, "logits_to_keep"), takes(model, "position_ids")
    return Padded(prepared.base.chat.pad, keeps, places)


def _tensorboard(folder: Path) -> TrainerCallback:
    """Return what writes the curve for TensorBoard: into the run, not among its checkpoints."""
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations.integration_utils import TensorBoardCallback

    return TensorBoardCallback(SummaryWriter(str(folder)))
