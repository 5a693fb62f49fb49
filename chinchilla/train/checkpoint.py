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


class State(_Strict):
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

    @property
    def patience_counter(self) -> int:
        """Return the evaluations without a better F1 so far."""
        return (
            self.stateful_callbacks.EarlyStoppingCallback.attributes.early_stopping_patience_counter
        )


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


def read_state(checkpoint: Path) -> State:
    """Return the state of a checkpoint, its best checkpoint as a path beside it.

    Raises:
        TrainError: its state is none, or its best checkpoint is not beside it.
    """
    with reading(checkpoint, "its trainer_state.json"):
        # the library reads the file again, by the same function
        state = vars(TrainerState.load_from_json(str(checkpoint / "trainer_state.json")))
        try:
            known = State.model_validate(state)
        except ValidationError as error:
            raise ValueError(explain(error)) from error
    best = known.best_model_checkpoint
    if best is None:
        return known
    return known.model_copy(update={"best_model_checkpoint": str(_beside(checkpoint, best))})


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
