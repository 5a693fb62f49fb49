"""The arguments of transformers' Trainer: our settings in its terms, and those of [trainer]."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import OutOfMemoryError
from transformers import TrainingArguments

from chinchilla.errors import ChinchillaError, TrainError
from chinchilla.predict.model_loading import device, precision_of
from chinchilla.runs.folder import CHECKPOINTS
from chinchilla.schema import explain
from chinchilla.train.config import TrainConfig
from chinchilla.train.distributed import how_many

_TODO = "correct that argument or leave it out"


def arguments(
    config: TrainConfig, rows: int, folder: Path, *, evaluates: bool
) -> TrainingArguments:
    """Return the library's arguments; those of [trainer] win over ours.

    Args:
        config: settings of the training.
        rows: rows to train on.
        folder: the run's.
        evaluates: whether there is a dev sample to evaluate on meanwhile.

    Raises:
        TrainError: the library does not know an argument of [trainer], or takes no such value.
    """
    _check_kinds(config.trainer)
    try:
        # the library writes into the tables it is given
        theirs = deepcopy(config.trainer)
        return one_device(TrainingArguments(**(_ours(config, rows, folder, evaluates) | theirs)))
    except Exception as error:  # whatever the library raises at what it was not made for
        raise TrainError("[trainer]", _first_line(error), _TODO) from error


def _check_kinds(values: dict[str, Any]) -> None:
    """Raise TrainError for an argument that the library lacks, or a value of another kind.

    The library checks few of them, and takes a number for a file that is open.
    """
    known = {field.name for field in fields(TrainingArguments) if field.init}
    if unknown := sorted(set(values) - known):
        what = f"{unknown[0]} is no argument of transformers' TrainingArguments"
        raise TrainError("[trainer]", what, _TODO)
    # releases differ in the kind of fsdp, and nothing in TOML is a ParallelismConfig
    kinds = get_type_hints(TrainingArguments) | {"fsdp": bool | str, "parallelism_config": None}
    for name, value in values.items():
        try:
            TypeAdapter(kinds[name], config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            # of a union the first kind is named, which no argument is called by
            what = f"{name}: {explain(error).rpartition(': ')[2]}"
            raise TrainError("[trainer]", what, _TODO) from error


@contextmanager
def using(config: TrainConfig) -> Iterator[None]:
    """Raise one TrainError for what the library raises where [trainer] sets further arguments.

    Many of them it uses unchecked, a few of them not before the first step.
    """
    try:
        yield
    except (ChinchillaError, OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        if not config.trainer:
            raise
        what = f"training with {', '.join(config.trainer)} ends in an error ({_first_line(error)})"
        raise TrainError("[trainer]", what, "correct these arguments or leave them out") from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).split("\n") if line.strip()), repr(error)).strip()


def one_device(args: TrainingArguments) -> TrainingArguments:
    """Keep a process to one GPU, whatever their number.

    Several would be torch's DataParallel, which doubles batch and loss unseen; the library has no
    other way to leave it out.
    """
    if args.n_gpu > 1:
        args._n_gpu = 1
    return args


def connect_deepspeed(args: TrainingArguments) -> None:
    """Connect the processes for DeepSpeed, where it is used: loading spreads weights already.

    The library would leave that to the start of the training, as the processes are connected.
    """
    if args.deepspeed:
        import deepspeed

        deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)


def total_steps(config: TrainConfig, rows: int) -> int:
    """Return how many steps of the optimizer a training takes, on all devices together."""
    each = math.ceil(rows / (config.batch_size * config.accumulate * how_many()))
    return config.max_steps or max(1, math.ceil(each * config.epochs))


def eval_steps(config: TrainConfig, rows: int) -> int:
    """Return the number of steps from one evaluation to the next."""
    return config.eval.steps or max(1, math.ceil(total_steps(config, rows) / config.eval.times))


_ALWAYS: dict[str, Any] = {
    "logging_first_step": True,
    "logging_nan_inf_filter": False,
    "save_strategy": "steps",
    "save_total_limit": 2,
    "remove_unused_columns": False,
    "disable_tqdm": True,
    "project": "chinchilla",
    "ddp_find_unused_parameters": False,
    "log_level": "error",
    "log_level_replica": "error",
}
"""Arguments of every training."""


def _ours(config: TrainConfig, rows: int, folder: Path, evaluates: bool) -> dict[str, Any]:
    between = eval_steps(config, rows)
    return _ALWAYS | {
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
        "logging_steps": max(1, min(between, total_steps(config, rows) // 50)),
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": between if evaluates else None,
        "save_steps": between,
        "load_best_model_at_end": evaluates,
        "metric_for_best_model": "eval_f1" if evaluates else None,
        "greater_is_better": True if evaluates else None,
        "dataloader_pin_memory": device() == "cuda",
        "report_to": config.tracker,
        "run_name": folder.name,
    }
