"""What every engine takes and gives: prompts with their limits, answers, and what went wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from chinchilla.answers import Query
from chinchilla.errors import LengthError, PromptError

UNKNOWN_ANSWER = 512
"""Tokens an answer may take where there is no gold to measure."""


class Limits(NamedTuple):
    """What an answer may hold: format and query, and the passage its spans are copied from."""

    form: str
    query: Query
    passage: str


class Prompt(NamedTuple):
    """The text of a user's turn and the id of its row; `limits` is None for a free answer."""

    id: str
    text: str
    limits: Limits | None = None


class Answer(NamedTuple):
    """The raw text of an answer, its length in tokens, whether it was cut at the limit."""

    id: str
    raw: str
    tokens: int = 0
    cut: bool = False


class Engine(Protocol):
    """Turn prompts into answers, each exactly once, in whatever order they are ready.

    By the id of a prompt: `refused` says why it was left without an answer, `unconstrained` why
    its answer could not be held to its limits.
    """

    @property
    def refused(self) -> Mapping[str, PromptError]:
        """Return the prompts that were left out, where the engine leaves any out."""

    @property
    def unconstrained(self) -> Mapping[str, str]:
        """Return the prompts whose limits could not be kept."""

    def too_long(self, prompts: Sequence[Prompt]) -> dict[str, LengthError]:
        """Return by id what is wrong with prompts that leave no room for an answer."""

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Yield the answers; raise EngineError where the model cannot be asked."""


def room_for(longest_answer: int) -> int:
    """Return the tokens an answer may take, a quarter more than the longest gold one."""
    return longest_answer + max(8, longest_answer // 4)
