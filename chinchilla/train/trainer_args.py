"""What the library's trainer is told: our settings in its words, and those of [trainer]."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

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


class Extent(NamedTuple):
    """How much there is to train on: rows of train, and whether dev rows are asked meanwhile."""

    rows: int
    judged: bool


def arguments(config: TrainConfig, extent: Extent, folder: Path) -> TrainingArguments:
    """Return the library's arguments; those of [trainer] win over ours.

    Raises TrainError where the library does not know one or takes no such value.
    """
    _check_kinds(config.trainer)
    try:
        # the library writes into the tables it is given
        theirs = deepcopy(config.trainer)
        return one_device(TrainingArguments(**(_ours(config, extent, folder) | theirs)))
    except Exception as error:  # whatever the library raises at what it was not made for
        raise TrainError("[trainer]", _first_line(error), _TODO) from error


def _check_kinds(given: dict[str, Any]) -> None:
    """Raise TrainError for an argument that the library lacks, or a value of another kind.

    The library checks few of them, and takes a number for a file that is open.
    """
    known = {one.name for one in fields(TrainingArguments) if one.init}
    if strange := sorted(set(given) - known):
        what = f"{strange[0]} is no argument of transformers' TrainingArguments"
        raise TrainError("[trainer]", what, _TODO)
    # releases differ in the kind of fsdp, and nothing in TOML is a ParallelismConfig
    kinds = get_type_hints(TrainingArguments) | {"fsdp": bool | str, "parallelism_config": None}
    for name, value in given.items():
        try:
            TypeAdapter(kinds[name], config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            # of a union the first kind is named, which no argument is called by
            what = f"{name}: {explain(error).rpartition(': ')[2]}"
            raise TrainError("[trainer]", what, _TODO) from error


@contextmanager
def using(config: TrainConfig) -> Iterator[None]:
    """Turn what the library raises where it is told further arguments into one line of ours.

    Many of them it uses unchecked, some of them not before the first step.
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


def one_device(known: TrainingArguments) -> TrainingArguments:
    """Keep a process to one GPU, whatever their number.

    Several would be torch's DataParallel, which doubles batch and loss unseen; the library has no
    other way to leave it out.
    """
    if known.n_gpu > 1:
        known._n_gpu = 1
    return known


def ready(known: TrainingArguments) -> None:
    """Make DeepSpeed know our processes, where it is used: it spreads weights at loading already.

    The library would leave that to the start of the training, as the processes are connected.
    """
    if known.deepspeed:
        import deepspeed

        deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)


def total_steps(config: TrainConfig, rows: int) -> int:
    """Return how many steps of the optimizer a training takes, on all devices together."""
    each = math.ceil(rows / (config.batch_size * config.accumulate * how_many()))
    return config.max_steps or max(1, math.ceil(each * config.epochs))


def steps_between_looks(config: TrainConfig, rows: int) -> int:
    """Return how many steps lie between two looks at the dev sample."""
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
    # patience, and the loss since the last log, go on where a run broke
    "restore_callback_states_from_checkpoint": True,
}
"""What every training tells the library."""


def _ours(config: TrainConfig, extent: Extent, folder: Path) -> dict[str, Any]:
    judged = extent.judged
    steps = total_steps(config, extent.rows)
    between = steps_between_looks(config, extent.rows)
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
        "logging_steps": max(1, min(between, steps // 50)),
        "eval_strategy": "steps" if judged else "no",
        "eval_steps": between if judged else None,
        "save_steps": between,
        "load_best_model_at_end": judged,
        "metric_for_best_model": "eval_f1" if judged else None,
        "greater_is_better": True if judged else None,
        "dataloader_pin_memory": device() == "cuda",
        "report_to": "trackio" if config.tracker == "trackio" else "none",
        "run_name": folder.name,
    }
