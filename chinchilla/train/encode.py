"""Rows to tokens: prompt and answer encoded apart, nothing cut, what is too long refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chinchilla.errors import Count, TrainError
from chinchilla.predict.chat import Chat
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
