"""Rows to tokens, nothing cut; tokens to batches and tensors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from chinchilla.errors import TrainError
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.schema import InstructionRow
from chinchilla.tally import Count

TOGETHER = 512
"""Rows encoded in one call of the tokenizer."""


class TokenExample(NamedTuple):
    """A row as tokens: those from `answer` on are trained on, the last ends the answer."""

    id: str
    tokens: NDArray[np.int32]
    answer: int


@dataclass
class Encoded:
    """The rows to train on, and how many took more than `limit` tokens, with the first."""

    limit: int = 0
    examples: list[TokenExample] = field(default_factory=list)
    refused: Count = field(default_factory=lambda: Count(0, ""))

    @property
    def tokens(self) -> int:
        """Return the number of tokens in all, padding not counted."""
        return sum(self.lengths)

    @property
    def lengths(self) -> list[int]:
        """Return the number of tokens of each example."""
        return [len(example.tokens) for example in self.examples]

    @property
    def answer_lengths(self) -> list[int]:
        """Return the number of tokens of each example's answer, its end among them."""
        return [len(example.tokens) - example.answer for example in self.examples]


def encode(rows: Iterable[InstructionRow], chat: ChatTemplate, limit: int) -> Encoded:
    """Encode rows; one whose prompt and answer take more than `limit` tokens is refused.

    Raises:
        TrainError: a row has no answer, or no row is left.
    """
    encoded = Encoded(limit)
    for example in _examples(rows, chat):
        if len(example.tokens) > limit:
            first = encoded.refused.example or f"{example.id} ({len(example.tokens)} tokens)"
            encoded.refused = Count(encoded.refused.times + 1, first)
        else:
            encoded.examples.append(example)
    if not encoded.examples:
        what = "no row to train on"
        if encoded.refused.times:
            what = f"all {encoded.refused.times:,} rows are longer than {limit} tokens"
        todo = "build with shorter prompts (labels_per_prompt, [windows]), or raise max_tokens"
        raise TrainError("train", what, todo)
    return encoded


def _examples(rows: Iterable[InstructionRow], chat: ChatTemplate) -> Iterator[TokenExample]:
    rows = iter(rows)
    while batch := list(islice(rows, TOGETHER)):
        prompts = chat.prompts([row.prompt for row in batch])
        answers = chat.answers([row.output for row in batch])
        for row, prompt, answer in zip(batch, prompts, answers, strict=True):
            if len(answer) < 2:
                todo = "leave the row out, or give it an answer"
                raise TrainError(f"row {row.id}", "its answer has no token to train on", todo)
            yield TokenExample(row.id, np.array(prompt + answer, dtype=np.int32), len(prompt))


IGNORED = -100
POOL = 50
"""Batches whose rows are sorted by length together: enough to waste little on padding."""


class LengthGroups(Sampler[int]):
    """Order examples so that a batch holds rows of like length; each epoch in another order.

    The batch with the longest row comes first and that with the longest answers second, so that
    what does not fit into memory shows at once. The order depends on seed and epoch alone.
    """

    def __init__(self, encoded: Encoded, batch: int, seed: int) -> None:
        self._lengths, self._answers = encoded.lengths, encoded.answer_lengths
        self._batch, self._seed = batch, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = Random(f"{self._seed}-{self._epoch}")
        return iter(order(self._lengths, self._answers, self._batch, rng))


def order(lengths: Sequence[int], answers: Sequence[int], batch: int, rng: Random) -> list[int]:
    """Return the indices of all examples, batch by batch.

    First comes the batch of the longest example, which has the largest activations; second, of
    the others, that with most tokens of answers, which has the most logits.

    Args:
        lengths: tokens of each example.
        answers: tokens of each example's answer.
        batch: examples of a batch.
        rng: what shuffles examples and batches.
    """
    indices = list(range(len(lengths)))
    rng.shuffle(indices)
    batches: list[list[int]] = []
    for start in range(0, len(indices), POOL * batch):
        pool = sorted(indices[start : start + POOL * batch], key=lambda index: -lengths[index])
        batches += [pool[first : first + batch] for first in range(0, len(pool), batch)]
    rest = [batches.pop()] if len(batches[-1]) < batch and len(batches) > 1 else []
    rng.shuffle(batches)
    _bring(batches, 0, lambda indices: lengths[indices[0]])
    _bring(batches, 1, lambda indices: sum(answers[index] for index in indices))
    return [index for indices in [*batches, *rest] for index in indices]


def _bring(batches: list[list[int]], position: int, size: Callable[[list[int]], int]) -> None:
    """Put the largest batch of those from a position on into that position."""
    later = range(position, len(batches))
    if later:
        largest = max(later, key=lambda number: size(batches[number]))
        batches[position], batches[largest] = batches[largest], batches[position]


@dataclass(frozen=True)
class Padded:
    """Pad examples on the left, as they are when a model is asked.

    The answers then end in one column, so that the head is computed for the last columns alone
    (`keeps`: the model takes `logits_to_keep`): `labels` has just those columns. `positions`: the
    model takes `position_ids`.
    """

    pad: int
    keeps: bool = True
    positions: bool = True

    def __call__(self, examples: Sequence[TokenExample]) -> dict[str, Any]:
        """Return the tensors of a batch, (rows, tokens); `labels` is -100 but in answers."""
        width = max(len(example.tokens) for example in examples)
        kept = 1 + max(len(example.tokens) - example.answer for example in examples)
        kept = min(kept, width) if self.keeps else width
        ids = torch.full((len(examples), width), self.pad)
        mask = torch.zeros_like(ids)
        labels = torch.full_like(ids, IGNORED)
        for row, example in enumerate(examples):
            tokens = torch.from_numpy(example.tokens).long()
            ids[row, width - len(tokens) :] = tokens
            mask[row, width - len(tokens) :] = 1
            labels[row, width - len(tokens) + example.answer :] = tokens[example.answer :]
        batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        batch["labels"] = labels[:, width - kept :]
        if self.positions:
            batch["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        if self.keeps:
            batch["logits_to_keep"] = kept
        return batch


@dataclass(frozen=True)
class Packed:
    """Put examples end to end into one row without padding; positions begin anew with each.

    FlashAttention keeps them apart by their positions, at no cost; `logits_to_keep` names the
    columns that predict an answer.
    """

    def __call__(self, examples: Sequence[TokenExample]) -> dict[str, Any]:
        """Return the tensors of a batch, (1, tokens of all examples)."""
        ids = torch.cat([torch.from_numpy(example.tokens).long() for example in examples])
        positions = torch.cat([torch.arange(len(example.tokens)) for example in examples])
        columns, labels = [], []
        start = 0
        for example in examples:
            end = start + len(example.tokens)
            columns.append(torch.arange(start + example.answer - 1, end))
            labels.append(torch.tensor([IGNORED]))
            labels.append(torch.from_numpy(example.tokens[example.answer :]).long())
            start = end
        return {
            "input_ids": ids[None],
            "position_ids": positions[None],
            "labels": torch.cat(labels)[None],
            "logits_to_keep": torch.cat(columns),
            "use_cache": False,
        }
