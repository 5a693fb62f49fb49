"""A checkpoint before it is gone on from: whole, and read nowhere but in its own run."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import TrainerState
from transformers.trainer_callback import ExportableState

from chinchilla.errors import ChinchillaError, TrainError
from chinchilla.schema import explain
from chinchilla.train.adapter import SETTINGS

_NAME = re.compile("checkpoint-[0-9]+")
_TODO = "remove this checkpoint to go on from the one before it, or train again"


class _Logged(BaseModel):
    """What was logged at a step: numbers, as losses and scores are."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)
    step: int


class _State(BaseModel):
    """What of a trainer_state.json is counted with."""

    model_config = ConfigDict(strict=True)
    global_step: int = Field(ge=0)
    epoch: float
    log_history: list[_Logged]
    stateful_callbacks: dict[str, Any]
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    total_flos: float = 0
    num_input_tokens_seen: int = 0
    train_batch_size: int | None = None


@contextmanager
def reading(checkpoint: Path, what: str) -> Iterator[None]:
    """Turn what is raised while a part of a checkpoint is read into one line of ours.

    torch, transformers and pickle raise what they like at files that were cut or are others'.
    """
    try:
        yield
    except (ChinchillaError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        first = next((line for line in str(error).split("\n") if line.strip()), repr(error))
        raise TrainError(str(checkpoint), f"{what} cannot be read ({first})", _TODO) from error


def read_state(checkpoint: Path) -> TrainerState:
    """Return how far a checkpoint had come; the best one before it is one of the same run.

    Raises TrainError where it does not tell, or where the best one is not there.
    """
    with reading(checkpoint, "its trainer_state.json"):
        state: TrainerState = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        _check(vars(state))
    if state.best_model_checkpoint is not None:
        state.best_model_checkpoint = str(_best(checkpoint, str(state.best_model_checkpoint)))
    return state


def _check(state: dict[str, Any]) -> None:
    """Raise ValueError where a state has something else in the place of what a run writes."""
    try:
        _State.model_validate(state)
    except ValidationError as error:
        raise ValueError(explain(error)) from error


def _best(checkpoint: Path, named: str) -> Path:
    """Return the best checkpoint: a run may have been moved, and reads nothing outside."""
    name = re.split(r"[/\\]", named)[-1]
    found = checkpoint.parent / name
    if not _NAME.fullmatch(name) or not found.is_dir():
        what = f"its best checkpoint {name!r} is not beside it"
        raise TrainError(str(checkpoint), what, "copy the whole run again, or train again")
    return found


def check_parts(checkpoint: Path, *names: str) -> None:
    """Raise TrainError where a file that a training goes on from is missing, or one too many.

    The library would go on without the optimizer's state, and load an adapter it finds below.
    """
    for name in names:
        if not (checkpoint / name).is_file():
            raise TrainError(str(checkpoint), f"{name} is missing", _TODO)
    for path in checkpoint.glob(f"*/{SETTINGS}"):
        raise TrainError(str(path), "an adapter that no run of ours has", _TODO)


def check_attributes(stored: Any, callbacks: Sequence[object]) -> None:
    """Raise ValueError where the state of a callback sets what that callback does not keep."""
    own = {type(one).__name__: one for one in callbacks if isinstance(one, ExportableState)}
    for name, states in stored.items():
        for state in states if isinstance(states, list) else [states]:
            known = own[name].state()["attributes"] if name in own else state["attributes"]
            if strange := sorted(set(state["attributes"]) - set(known)):
                raise ValueError(f"{name} keeps no {strange[0]}")
