"""Hold answers to labels that are asked and spans that stand in the passage."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from llguidance import LLMatcher
from llguidance.numpy import (
    allocate_token_bitmask,
    consume_token_par,
    fill_next_token_bitmask_par,
)
from numpy.typing import NDArray

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.engine import Limits, Prompt
from chinchilla.predict.grammars import writer

if TYPE_CHECKING:
    from llguidance import LLExecutor


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


# the twin of this module for torch compiles a kernel when it is imported


_WORD = 32


def masks_of(prompts: Sequence[Prompt], constraint: Constraint) -> "Masks":
    """Make the masks of one batch; a prompt without limits is answered freely."""
    return Masks([prompt.limits and grammar_of(prompt.limits) for prompt in prompts], constraint)


class Masks:
    """A logits processor for one call of `generate`: a grammar a row, null for a free one.

    It is called with the tokens so far (rows, length) and the scores of the next (rows,
    vocabulary); the first call tells the length of the prompts, which are padded on the left.
    Each further call has one token more a row, so beams and drafts are not for it. `lifted` says
    why a row could not be held to its grammar and was left free, by the number of the row.
    """

    def __init__(self, grammars: Sequence[str | None], constraint: Constraint) -> None:
        """Compile the grammars."""
        self.constraint = constraint
        self.lifted: dict[int, str] = {}
        self._open: dict[int, LLMatcher] = {}
        self._length = 0
        self._free = np.ones(len(grammars), dtype=np.bool_)
        self._bits = allocate_token_bitmask(len(grammars), constraint.tokens.vocab_size)
        for row, grammar in enumerate(grammars):
            if grammar is not None:
                self._begin(row, grammar)

    def _begin(self, row: int, grammar: str) -> None:
        try:
            self._open[row] = self.constraint.matcher(grammar)
            self._free[row] = False
        except ConstraintError as error:
            self.lifted[row] = str(error)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores, those of what may not come next at minus infinity.

        Raises EngineError where the batch is not the one these masks were made for.
        """
        self._check(*input_ids.shape)
        if self._length:
            self._consume(input_ids[:, -1].tolist())
        self._length = input_ids.shape[1]
        self._fill()
        return scores.masked_fill(~self._allowed(scores), -torch.inf)

    def _check(self, rows: int, length: int) -> None:
        if rows != len(self._free):
            what = f"{rows} rows for {len(self._free)} grammars"
            raise EngineError("constrained decoding", what, "give one a row and use no beams")
        if self._length and length != self._length + 1:
            what = f"{length} tokens come after {self._length}"
            raise EngineError("constrained decoding", what, "make new masks for each batch")

    def _consume(self, newest: list[int]) -> None:
        for row in [row for row in self._open if newest[row] in self.constraint.ends]:
            del self._open[row]
            self._bits[row] = self._ends()
        if self._open:
            pairs = [(matcher, newest[row]) for row, matcher in self._open.items()]
            consume_token_par(self.constraint.executor, pairs)

    def _ends(self) -> NDArray[np.int32]:
        """Return the bits of the tokens that end an answer."""
        flags = np.zeros(self._bits.shape[1] * _WORD, dtype=np.uint8)
        flags[self.constraint.ends] = 1
        return np.packbits(flags, bitorder="little").view("<i4")

    def _fill(self) -> None:
        """Fill in what may come next; a row whose matcher gave up is left free."""
        if self._open:
            pairs = [(matcher, row) for row, matcher in self._open.items()]
            fill_next_token_bitmask_par(self.constraint.executor, pairs, self._bits)
        for row in [row for row, matcher in self._open.items() if matcher.is_error()]:
            self.lifted[row] = first_line(self._open.pop(row).get_error())
            self._free[row], self._bits[row] = True, -1

    def _allowed(self, scores: torch.Tensor) -> torch.Tensor:
        """Unpack the bits on the device of the scores; the model may know more ids than bits."""
        rows, width = scores.shape
        places = torch.arange(_WORD, dtype=torch.int32, device=scores.device)
        bits = torch.from_numpy(self._bits).to(scores.device)
        known = ((bits[:, :, None] >> places) & 1).bool().view(rows, -1)[:, :width]
        free = torch.from_numpy(self._free).to(scores.device)
        more = free[:, None].expand(rows, width - known.shape[1])
        return torch.cat([known, more], dim=1)
