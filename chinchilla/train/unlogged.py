"""The loss of the steps since the last log, which a break between two logs must not lose."""

from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from chinchilla.train.processes import mean


class Unlogged(TrainerCallback, ExportableState):
    """Sum up the losses of steps until they are logged; a checkpoint holds the sum.

    The library begins its sum anew with each sitting, so that the first mean a resumed run logs
    would leave out the steps before the break.
    """

    def __init__(self, total: float = 0.0, steps: int = 0) -> None:
        """Take what a checkpoint holds of steps that were not logged yet."""
        self._total, self._steps = torch.tensor(total), steps

    def add(self, loss: torch.Tensor) -> None:
        """Add the loss of one pass, which is a part of its step's."""
        self._total = self._total.to(loss.device) + loss

    def drain(self) -> float:
        """Return the mean loss of the steps, and begin anew."""
        mean_loss = float(self._total) / max(self._steps, 1)
        self._total, self._steps = torch.zeros_like(self._total), 0
        return mean_loss

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count a step; the sum is that of all processes, as the first one saves it."""
        self._steps += 1
        self._total = mean(self._total)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint is to hold."""
        return {"args": {"total": float(self._total), "steps": self._steps}, "attributes": {}}
