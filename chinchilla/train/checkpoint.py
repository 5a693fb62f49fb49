"""A checkpoint before a training resumes from it: whole, and reading nothing outside its run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import TrainerState

from chinchilla.errors import ChinchillaError, TrainError
from chinchilla.runs.parts import SETTINGS
from chinchilla.schema import explain

_NAME = re.compile("checkpoint-[0-9]+")
_TODO = "remove this checkpoint to go on from the one before it, or train again"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Logged(_Strict, extra="allow"):
    """What was logged at a step: numbers, as losses and scores are."""

    __pydantic_extra__: dict[str, float] = Field(init=False)
    step: int


class _Counter(_Strict):
    early_stopping_patience_counter: int = 0


class _EarlyStopping(_Strict):
    attributes: _Counter


class _Callbacks(_Strict):
    EarlyStoppingCallback: _EarlyStopping = _EarlyStopping(attributes=_Counter())


class _State(_Strict):
    """What of a trainer_state.json is used again."""

    global_step: int = Field(ge=0)
    epoch: float
    log_history: list[_Logged]
    stateful_callbacks: _Callbacks
    best_metric: float | None = None
    best_global_step: int | None = None
    best_model_checkpoint: str | None = None
    total_flos: float = 0
    num_input_tokens_seen: int = 0
    train_batch_size: int | None = None


@contextmanager
def reading(checkpoint: Path, part: str) -> Iterator[None]:
    """Raise one TrainError for whatever is raised while a part of a checkpoint is read.

    torch, transformers and pickle raise what they like at files that were cut or edited.
    """
    try:
        yield
    except (ChinchillaError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        first = next((line for line in str(error).split("\n") if line.strip()), repr(error))
        raise TrainError(str(checkpoint), f"{part} cannot be read ({first})", _TODO) from error


class Resumed(BaseModel):
    """What of a checkpoint we restore ourselves: its best one, and evaluations without a gain."""

    best: str | None
    patience_counter: int


def read_state(checkpoint: Path) -> Resumed:
    """Return what of the state of a checkpoint we restore ourselves.

    Raises:
        TrainError: its state is none, or its best checkpoint is not beside it.
    """
    with reading(checkpoint, "its trainer_state.json"):
        # the library reads the file again, by the same function
        state = vars(TrainerState.load_from_json(str(checkpoint / "trainer_state.json")))
        try:
            known = _State.model_validate(state)
        except ValidationError as error:
            raise ValueError(explain(error)) from error
    best = known.best_model_checkpoint
    counter = known.stateful_callbacks.EarlyStoppingCallback.attributes
    return Resumed(
        best=None if best is None else str(_beside(checkpoint, best)),
        patience_counter=counter.early_stopping_patience_counter,
    )


def _beside(checkpoint: Path, named: str) -> Path:
    """Return the best checkpoint: a run may have been moved, and reads nothing outside."""
    name = re.split(r"[/\\]", named)[-1]
    best = checkpoint.parent / name
    if not _NAME.fullmatch(name) or not best.is_dir():
        what = f"its best checkpoint {name!r} is not beside it"
        raise TrainError(str(checkpoint), what, "copy the whole run again, or train again")
    return best


def check_files(checkpoint: Path, *names: str) -> None:
    """Raise TrainError where a file that a training resumes from is missing, or one too many.

    The library would go on without the optimizer's state, and load an adapter in a folder below.
    """
    for name in names:
        if not (checkpoint / name).is_file():
            raise TrainError(str(checkpoint), f"{name} is missing", _TODO)
    for path in checkpoint.glob(f"*/{SETTINGS}"):
        raise TrainError(str(path), "an adapter that no run of ours has", _TODO)
