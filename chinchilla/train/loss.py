"""The loss: cross-entropy of the answer's tokens, and of nothing else."""

from inspect import signature
from typing import Any

import torch

from chinchilla.train.batches import IGNORED


def answer_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the mean loss over the label tokens of a step, however it is divided.

    `labels` has a column for each column of the logits; a column predicts the next one.
    """
    logits = outputs["logits"][:, :-1].float()
    wanted = labels[:, 1:].to(logits.device)
    known = wanted != IGNORED
    total = torch.nn.functional.cross_entropy(logits[known], wanted[known], reduction="sum")
    items = known.sum() if num_items_in_batch is None else num_items_in_batch
    return total / items


def takes(model: Any, name: str) -> bool:
    """Tell whether the forward of a model, adapter apart, has an argument of that name."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return name in signature(inner.forward).parameters
