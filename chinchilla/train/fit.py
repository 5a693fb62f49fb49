"""Train: open the data, encode it, make the model, fit it, keep the run."""

import math
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainingArguments

from chinchilla.errors import TrainError
from chinchilla.predict.loading import quiet
from chinchilla.train.batches import Packed, Padded
from chinchilla.train.config import TINY, TrainConfig
from chinchilla.train.data import LABELS, Data, dev_exams, origin, split_rows
from chinchilla.train.encode import Encoded, encode
from chinchilla.train.exams import Exam
from chinchilla.train.judge import DevJudge
from chinchilla.train.loss import takes
from chinchilla.train.models import Base, make_trainable, open_base, parameters
from chinchilla.train.processes import from_first, is_first, wait
from chinchilla.train.runs import (
    CHECKPOINTS,
    MODEL,
    last_checkpoint,
    read_run,
    run_folder,
    versions,
    write_run,
)
from chinchilla.train.trainer import ExtractionTrainer
from chinchilla.train.watch import Look, Watch, write_curve

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
    """Find the base, encode the rows of train and choose the dev sample."""
    if config.packing:
        check_packing()
    base = open_base(config, _texts(data), say)
    encoded = encode(split_rows(data, "train"), base.chat, config.max_tokens)
    exams = dev_exams(data, config.eval.rows, config.seed)
    answers = [row.output for exam in exams for row in exam.rows]
    longest = max(map(len, base.chat.answers(answers)), default=0)
    return Prepared(data, task, config, base, encoded, exams, max(longest, encoded.longest_answer))


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
    folder = from_first(run_folder(out, prepared.task, facts, now))
    if is_first():
        started = {"state": "running", "started": now.isoformat(), "command": command}
        write_run(folder, {**facts, **started})
        (folder / LABELS).write_bytes((prepared.data.folder / LABELS).read_bytes())
    wait()
    return folder


def facts_of(prepared: Prepared) -> dict[str, Any]:
    """Return what decides a training, as run.json keeps it."""
    config, encoded = prepared.config, prepared.encoded
    return {
        "task": prepared.task,
        "method": config.chosen_method,
        "demo": config.base == TINY,
        "config": config.model_dump(mode="json"),
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


def fit(prepared: Prepared, folder: Path, look: Look) -> Trained:
    """Train in a run's folder, from its last checkpoint where there is one."""
    quiet()
    begun = time.monotonic()
    config, base = prepared.config, prepared.base
    facts = read_run(folder)
    model = make_trainable(base, config, folder)
    trainer = make_trainer(prepared, model, folder, look)
    every, trained = parameters(model)
    facts |= {"parameters": {"all": every, "trained": trained}}
    if trainer.is_world_process_zero():
        write_run(folder, facts)
    resumed = last_checkpoint(folder)
    try:
        trainer.train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except torch.OutOfMemoryError as error:
        what = (
            f"out of memory at step {trainer.state.global_step + 1} (the longest rows come first)"
        )
        todo = (
            "lower batch_size and raise accumulate, lower max_tokens, or set checkpointing = 'on'"
        )
        raise TrainError("train", what, todo) from error
    trainer.save_model(str(folder / MODEL))
    if trainer.is_world_process_zero():
        base.chat.tokenizer.save_pretrained(folder / MODEL)
        write_curve(trainer.state.log_history, folder)
        facts |= {"state": "done", "steps": trainer.state.global_step, "best": _best(trainer)}
        facts |= {"seconds": time.monotonic() - begun, "cpu_seconds": time.process_time()}
        write_run(folder, facts)
    return Trained(folder, facts)


def _best(trainer: ExtractionTrainer) -> dict[str, Any] | None:
    state = trainer.state
    if state.best_metric is None:
        return None
    return {"eval_f1": state.best_metric, "step": state.best_global_step}


def make_trainer(prepared: Prepared, model: Any, folder: Path, look: Look) -> ExtractionTrainer:
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
    keeps, places = takes(model, "logits_to_keep"), takes(model, "position_ids")
    trainer = ExtractionTrainer(
        prepared.encoded,
        judge,
        model=model,
        args=arguments(prepared, folder),
        data_collator=Packed() if config.packing else Padded(base.chat.pad, keeps, places),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Watch(look, prepared.encoded.tokens))
    if config.eval.patience and judge is not None:
        trainer.add_callback(EarlyStoppingCallback(config.eval.patience))
    return trainer


def arguments(prepared: Prepared, folder: Path) -> TrainingArguments:
    """Return the library's arguments; those of [trainer] win over ours."""
    from chinchilla.predict.loading import device, precision_of

    config, judged = prepared.config, bool(prepared.exams)
    steps = total_steps(prepared)
    between = config.eval.steps or max(1, math.ceil(steps / config.eval.times))
    ours: dict[str, Any] = {
        "output_dir": str(folder / CHECKPOINTS),
        "num_train_epochs": config.epochs,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.batch_size,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": config.warmup,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": precision_of(config.precision) == "bf16",
        "use_cpu": device() == "cpu",
        "seed": config.seed,
        "logging_steps": max(1, min(between, steps // 50)),
        "logging_first_step": True,
        "eval_strategy": "steps" if judged else "no",
        "eval_steps": between if judged else None,
        "save_strategy": "steps",
        "save_steps": between,
        "save_total_limit": 2,
        "load_best_model_at_end": judged,
        "metric_for_best_model": "eval_f1" if judged else None,
        "greater_is_better": True if judged else None,
        "remove_unused_columns": False,
        "dataloader_pin_memory": device() == "cuda",
        "disable_tqdm": True,
        "report_to": config.tracker,
        "ddp_find_unused_parameters": False,
        "log_level": "error",
    }
    return TrainingArguments(**(ours | config.trainer))


def total_steps(prepared: Prepared) -> int:
    """Return how many steps of the optimizer a training takes, on one device."""
    config = prepared.config
    each = math.ceil(len(prepared.encoded.examples) / (config.batch_size * config.accumulate))
    return config.max_steps or max(1, math.ceil(each * config.epochs))
