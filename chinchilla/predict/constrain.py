"""Hold answers to what may be said: labels that are asked, spans that stand in the passage.

    constraint = Constraint(tokenizer)            once for a model; ConstraintError: decode freely
    accepts(grammar_of(limits), text, constraint) whether an answer may be so, without any model

The grammars are those of `chinchilla.predict.grammars`; llguidance matches tokens against them.
What generation needs besides is in `chinchilla.predict.masks`.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.engine import Limits
from chinchilla.predict.grammars import writer

if TYPE_CHECKING:
    from llguidance import LLExecutor, LLMatcher

_PROBE = 'a {"é": [1, 0]}\n- ：（；） → \u3000\u2028 \U0001f9ff'
"""Marks of every form and a rare character; one that cannot be written leaves no way on."""


def grammar_of(limits: Limits) -> str:
    """Write the grammar of what an answer may say; raise ConstraintError for a form without."""
    return writer(limits.form)(limits.question, limits.passage)


class Constraint:
    """A tokenizer as llguidance sees it: built once, for every prompt of a model.

    `ends` are further ids that end an answer, beside the tokenizer's own. Raises EngineError
    where llguidance is not installed, ConstraintError where the tokenizer cannot be held to a
    grammar (it is not a fast one, or there is text that it cannot write byte by byte).
    """

    def __init__(self, tokenizer: Any, ends: Sequence[int] = ()) -> None:
        """Read the vocabulary of a fast tokenizer of transformers."""
        self.ends = _ends(tokenizer, ends)
        self.tokens = _vocabulary(tokenizer, self.ends)
        self.leads = _leads(tokenizer, self.tokens)

    @cached_property
    def limits(self) -> Any:
        """Return how much work llguidance may do: long documents need more than it allows."""
        from llguidance import LLParserLimits

        return LLParserLimits(
            max_items_in_row=20_000,
            initial_lexer_fuel=20_000_000,
            step_lexer_fuel=4_000_000,
            step_max_items=1_000_000,
        )

    @cached_property
    def executor(self) -> "LLExecutor":
        """Return the threads that fill the masks of a batch."""
        from llguidance import LLExecutor

        return LLExecutor()

    def matcher(self, grammar: str) -> "LLMatcher":
        """Begin an answer under a grammar; raise ConstraintError where it cannot be used."""
        from llguidance import LLMatcher

        if self.leads:
            grammar = f'start: " "? answer\nanswer:{grammar.removeprefix("start:")}'
        matcher = LLMatcher(self.tokens, grammar, limits=self.limits, log_level=0)
        if matcher.is_error():
            raise _unusable("the grammar of an answer", matcher.get_error())
        return matcher


def accepts(grammar: str, text: str, constraint: Constraint) -> bool:
    """Tell whether a whole answer may be so; raise ConstraintError for a faulty grammar."""
    matcher = constraint.matcher(grammar)
    # not as the model would cut it: a text may hold the name of a special token
    tokens = constraint.tokens.greedy_tokenize(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def _ends(tokenizer: Any, ends: Sequence[int]) -> list[int]:
    own = getattr(tokenizer, "eos_token_id", None)
    found = [*(() if own is None else (own,)), *ends]
    if not found:
        raise _unusable("the tokenizer", "it has no token that ends a text")
    return list(dict.fromkeys(found))


def _vocabulary(tokenizer: Any, ends: list[int]) -> Any:
    try:
        from llguidance.hf import from_tokenizer
    except ImportError as error:
        todo = "pip install 'chinchilla[constrained]', or decode freely"
        raise EngineError("constrained decoding", "llguidance is not installed", todo) from error
    try:
        return from_tokenizer(tokenizer, eos_token=ends)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unusable("the tokenizer", str(error)) from error


def _leads(tokenizer: Any, tokens: Any) -> bool:
    """Tell whether the tokenizer puts a blank before any text, as SentencePiece may.

    Raises ConstraintError where what it writes is not what llguidance reads.
    """
    ids = tokenizer.backend_tokenizer.encode(_PROBE, add_special_tokens=False).ids
    written, probe = tokens.decode_bytes(ids), _PROBE.encode("utf-8")
    if written not in (probe, b" " + probe):
        raise _unusable("the tokenizer", "it cannot write any text byte by byte")
    return bool(written != probe)


def _unusable(where: str, what: str) -> ConstraintError:
    return ConstraintError(where, first_line(what), "decode freely")


def first_line(what: str) -> str:
    """Return the first line of what llguidance says; behind it comes its state."""
    return what.strip().partition("\n")[0]
