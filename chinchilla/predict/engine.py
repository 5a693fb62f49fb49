"""What every engine is given and gives back."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from chinchilla.answers import Query


class Limits(NamedTuple):
    """What an answer may say: form and question, and the passage its spans are copied from."""

    form: str
    query: Query
    passage: str


class Prompt(NamedTuple):
    """One thing to ask: the id of its row, what the user says, and what may be answered.

    `limits` is null where the answer is free.
    """

    id: str
    text: str
    limits: Limits | None = None


class Answer(NamedTuple):
    """What a model said: the raw text, its length in tokens, whether it was cut at the limit."""

    id: str
    raw: str
    tokens: int = 0
    cut: bool = False


class Engine(Protocol):
    """Turn prompts into answers, each exactly once, in whatever order they are ready."""

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Yield the answers; raise EngineError where the model cannot be asked."""


UNKNOWN_ANSWER = 512
"""Tokens an answer may take where no gold answers tell."""


def room_for(longest_answer: int) -> int:
    """Return how many tokens an answer may take, where the longest gold one takes so many."""
    return longest_answer + max(8, longest_answer // 4)
