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

from chinchilla.errors import Count, TrainError
from chinchilla.predict.chat_template import Chat
from chinchilla.schema import InstructionRow

TOGETHER = 512
"""Rows encoded in one call of the tokenizer."""


class Example(NamedTuple):
    """A row as tokens: those from `answer` on are learnt, the last ends the answer."""

    id: str
    tokens: NDArray[np.int32]
    answer: int


@dataclass
class Encoded:
    """The rows that can be learnt, and how many took more than `limit` tokens, with the first."""

    limit: int = 0
    examples: list[Example] = field(default_factory=list)
    refused: Count = field(default_factory=lambda: Count(0, ""))
    longest_answer: int = 0

    @property
    def tokens(self) -> int:
        """Return the number of tokens in all, padding not counted."""
        return sum(len(one.tokens) for one in self.examples)

    @property
    def lengths(self) -> list[int]:
        """Return the length of each example."""
        return [len(one.tokens) for one in self.examples]

    @property
    def learnt(self) -> list[int]:
        """Return how many tokens of each example are learnt."""
        return [len(one.tokens) - one.answer for one in self.examples]


def encode(rows: Iterable[InstructionRow], chat: Chat, limit: int) -> Encoded:
    """Encode rows; one whose prompt and answer take more than `limit` tokens is refused.

    Raises TrainError for a row without an answer, and where no row is left.
    """
    found = Encoded(limit)
    for example in _examples(rows, chat):
        if len(example.tokens) > limit:
            first = found.refused.example or f"{example.id} ({len(example.tokens)} tokens)"
            found.refused = Count(found.refused.times + 1, first)
        else:
            found.examples.append(example)
            found.longest_answer = max(found.longest_answer, len(example.tokens) - example.answer)
    if not found.examples:
        what = "no row to learn from"
        if found.refused.times:
            what = f"all {found.refused.times:,} rows are longer than {limit} tokens"
        todo = "build with shorter prompts (labels_per_prompt, [windows]), or raise max_tokens"
        raise TrainError("train", what, todo)
    return found


def _examples(rows: Iterable[InstructionRow], chat: Chat) -> Iterator[Example]:
    for some in _together(rows):
        prompts = chat.prompts([row.prompt for row in some])
        answers = chat.answers([row.output for row in some])
        for row, prompt, answer in zip(some, prompts, answers, strict=True):
            if len(answer) < 2:
                todo = "leave the row out, or give it an answer"
                raise TrainError(f"row {row.id}", "no token of its answer is learnt", todo)
            yield Example(row.id, np.array(prompt + answer, dtype=np.int32), len(prompt))


def _together(rows: Iterable[InstructionRow]) -> Iterator[Sequence[InstructionRow]]:
    rows = iter(rows)
    while some := list(islice(rows, TOGETHER)):
        yield some


IGNORED = -100
POOL = 50
"""Batches whose rows are sorted by length together: enough to waste little on padding."""


class LengthGroups(Sampler[int]):
    """Order examples so that a batch holds rows of like length; each epoch in another order.

    The batch with the longest row comes first and that with most to learn second, so that what
    does not fit into memory shows at once. The order depends on seed and epoch alone.
    """

    def __init__(self, encoded: Encoded, batch: int, seed: int) -> None:
        """Take the examples, the rows of one step, and the seed."""
        self._lengths, self._learnt = encoded.lengths, encoded.learnt
        self._batch, self._seed = batch, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        """Iterate over the places of the examples."""
        rng = Random(f"{self._seed}-{self._epoch}")
        return iter(order(self._lengths, self._learnt, self._batch, rng))


def order(lengths: Sequence[int], learnt: Sequence[int], batch: int, rng: Random) -> list[int]:
    """Return the places of all examples, batch by batch.

    First comes the batch of the longest example, which has the largest activations; second, of
    the others, that with most tokens to learn, which has the most logits.
    """
    places = list(range(len(lengths)))
    rng.shuffle(places)
    batches: list[list[int]] = []
    for start in range(0, len(places), POOL * batch):
        pool = sorted(places[start : start + POOL * batch], key=lambda one: -lengths[one])
        batches += [pool[first : first + batch] for first in range(0, len(pool), batch)]
    rest = [batches.pop()] if len(batches[-1]) < batch and len(batches) > 1 else []
    rng.shuffle(batches)
    _bring(batches, 0, lambda one: lengths[one[0]])
    _bring(batches, 1, lambda one: sum(learnt[place] for place in one))
    return [place for one in [*batches, *rest] for place in one]


def _bring(batches: list[list[int]], place: int, size: Callable[[list[int]], int]) -> None:
    """Put the largest batch of those from a place on into that place."""
    later = range(place, len(batches))
    if later:
        found = max(later, key=lambda one: size(batches[one]))
        batches[place], batches[found] = batches[found], batches[place]


@dataclass(frozen=True)
class Padded:
    """Pad examples on the left, as they are when a model is asked.

    The answers then end at one place, so that the head is computed for the last columns alone
    (`logits_to_keep`, where the model takes it): `labels` has just those columns.
    """

    pad: int
    keeps: bool = True
    places: bool = True

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Return the tensors of a batch; `labels` is -100 where nothing is learnt."""
        width = max(len(one.tokens) for one in examples)
        kept = 1 + max(len(one.tokens) - one.answer for one in examples)
        kept = min(kept, width) if self.keeps else width
        ids = torch.full((len(examples), width), self.pad)
        mask = torch.zeros_like(ids)
        labels = torch.full_like(ids, IGNORED)
        for row, one in enumerate(examples):
            tokens = torch.from_numpy(one.tokens).long()
            ids[row, width - len(tokens) :] = tokens
            mask[row, width - len(tokens) :] = 1
            labels[row, width - len(tokens) + one.answer :] = tokens[one.answer :]
        batch: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        batch["labels"] = labels[:, width - kept :]
        if self.places:
            batch["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        if self.keeps:
            batch["logits_to_keep"] = kept
        return batch


@dataclass(frozen=True)
class Packed:
    """Put examples end to end into one row without padding; places begin anew with each.

    FlashAttention keeps them apart by their places, at no cost; `logits_to_keep` names the
    columns that predict an answer.
    """

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Return the tensors of a batch of one row."""
        ids = torch.cat([torch.from_numpy(one.tokens).long() for one in examples])
        places = torch.cat([torch.arange(len(one.tokens)) for one in examples])
        columns, labels = [], []
        start = 0
        for one in examples:
            columns.append(torch.arange(start + one.answer - 1, start + len(one.tokens)))
            answer = torch.from_numpy(one.tokens[one.answer :]).long()
            labels.append(torch.cat([torch.tensor([IGNORED]), answer]))
            start += len(one.tokens)
        return {
            "input_ids": ids[None],
            "position_ids": places[None],
            "labels": torch.cat(labels)[None],
            "logits_to_keep": torch.cat(columns),
            "use_cache": False,
        }
