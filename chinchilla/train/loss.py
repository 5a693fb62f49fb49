"""The loss: cross-entropy of the answer's tokens, and of nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch

from chinchilla.train.batching import IGNORED


def answer_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the mean loss over the label tokens of a step, however it is divided.

    The logits are those of the columns of `labels`, a column predicting the next one, or of an
    `AnswerHead`: a row of those that predict a label.
    """
    logits = outputs["logits"]
    wanted = labels[:, 1:].to(logits.device)
    known = wanted != IGNORED
    told = logits[:, :-1][known] if logits.shape[:2] == labels.shape else logits[0]
    total = torch.nn.functional.cross_entropy(told.float(), wanted[known], reduction="sum")
    items = known.sum() if num_items_in_batch is None else num_items_in_batch
    return total / items


class AnswerHead:
    """Let the head of a model see the columns that predict a label, and no others.

    Logits are the largest tensors of a step, a number for each word of the vocabulary; the rows
    of a batch have answers of different lengths, so that no slice of columns holds labels alone.
    """

    def __init__(self, model: Any) -> None:
        """Watch the head of a model; one that names none computes all it is asked to."""
        self._wanted: torch.Tensor | None = None
        head = model.get_output_embeddings()
        if head is not None:
            head.register_forward_pre_hook(self._choose)

    @contextmanager
    def only(self, labels: torch.Tensor) -> Iterator[None]:
        """Choose by `labels` in what is computed meanwhile."""
        self._wanted = labels[:, 1:] != IGNORED
        try:
            yield
        finally:
            self._wanted = None

    def _choose(self, module: Any, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._wanted is None or given[0][:, :-1].shape[:2] != self._wanted.shape:
            return None
        states = given[0][:, :-1]
        return (states[self._wanted.to(states.device)][None], *given[1:])


def takes(model: Any, name: str) -> bool:
    """Tell whether the forward of a model, adapter apart, has an argument of that name."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return name in signature(inner.forward).parameters
