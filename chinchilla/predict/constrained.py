"""Keep answers to labels that are asked and spans that are in the passage, token by token.

The masks of llguidance are bits: 32 tokens a word, bit b of word w for token 32 * w + b.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.engine import Prompt
from chinchilla.predict.grammars import grammar_of

try:
    from llguidance import LLExecutor, LLMatcher, LLParserLimits
    from llguidance.hf import from_tokenizer

    # the same for torch, llguidance.torch, compiles a kernel when it is imported
    from llguidance.numpy import (
        allocate_token_bitmask,
        consume_token_par,
        fill_next_token_bitmask_par,
    )
except ImportError as error:
    todo = "pip install 'chinchilla[constrained]', or decode freely"
    raise EngineError("constrained decoding", "llguidance is not installed", todo) from error

_PROBE = 'a {"é": [1, 0]}\n- ：（；） → \u3000\u2028 \U0001f9ff'
"""Marks of every format and a rare character: a vocabulary without one of them is a dead end."""
_WORD = 32
_LIMITS = LLParserLimits(
    max_items_in_row=20_000,
    initial_lexer_fuel=20_000_000,
    step_lexer_fuel=4_000_000,
    step_max_items=1_000_000,
)
"""How much work llguidance may do: long documents need more than its default."""


class Constraint:
    """A tokenizer as llguidance sees it: built once, for every prompt of a model.

    `ends` are the ids that end an answer, the tokenizer's own first; `leads` says that the
    tokenizer writes a blank before any text.
    """

    def __init__(self, tokenizer: Any, ends: Sequence[int] = ()) -> None:
        """Read the vocabulary of a fast tokenizer of transformers.

        Raises:
            ConstraintError: the tokenizer cannot follow a grammar: it is not a fast one, or there
                is text that it cannot write byte by byte.
        """
        self.ends = _ends(tokenizer, ends)
        try:
            self.tokens = from_tokenizer(tokenizer, eos_token=self.ends)
        except (ValueError, TypeError, RuntimeError) as error:
            raise _unusable("the tokenizer", str(error)) from error
        self.leads = _leads(tokenizer, self.tokens)
        self.executor = LLExecutor()

    def matcher(self, grammar: str) -> LLMatcher:
        """Return the state of an answer under a grammar; raise ConstraintError for a faulty one."""
        if self.leads:
            grammar = f'start: " "? answer\nanswer:{grammar.removeprefix("start:")}'
        matcher = LLMatcher(self.tokens, grammar, limits=_LIMITS, log_level=0)
        if matcher.is_error():
            raise _unusable("the grammar of an answer", matcher.get_error())
        return matcher


def _ends(tokenizer: Any, ends: Sequence[int]) -> list[int]:
    own = getattr(tokenizer, "eos_token_id", None)
    known = [*(() if own is None else (own,)), *ends]
    if not known:
        raise _unusable("the tokenizer", "it has no token that ends a text")
    return list(dict.fromkeys(known))


def _leads(tokenizer: Any, tokens: Any) -> bool:
    """Whether the tokenizer puts a blank before any text, as SentencePiece may.

    Raises ConstraintError where what it writes is not what llguidance reads.
    """
    ids = tokenizer.backend_tokenizer.encode(_PROBE, add_special_tokens=False).ids
    written, probe = tokens.decode_bytes(ids), _PROBE.encode("utf-8")
    if written not in (probe, b" " + probe):
        raise _unusable("the tokenizer", "it cannot write any text byte by byte")
    return bool(written != probe)


def _unusable(where: str, what: str) -> ConstraintError:
    return ConstraintError(where, _first_line(what), "decode freely")


def _first_line(message: str) -> str:
    """Return the first line of a message of llguidance; its state follows."""
    return message.strip().partition("\n")[0]


def masks_of(prompts: Sequence[Prompt], constraint: Constraint) -> "Masks":
    """Return the masks of one batch; a prompt without limits is answered freely."""
    return Masks([prompt.limits and grammar_of(prompt.limits) for prompt in prompts], constraint)


class Masks:
    """A logits processor for one call of `generate`: a grammar a row, None for a free answer.

    The first call tells the length of the prompts, padded on the left; each further call has one
    token more a row, so beams and speculative decoding are not supported. `unconstrained` says
    why a row was left free of its grammar, by the number of the row.
    """

    def __init__(self, grammars: Sequence[str | None], constraint: Constraint) -> None:
        self.constraint = constraint
        self.unconstrained: dict[int, str] = {}
        self._open: dict[int, LLMatcher] = {}
        self._length = 0
        # (rows,) and (rows, words): which rows are free, and which tokens may come next
        self._free = np.ones(len(grammars), dtype=np.bool_)
        self._bits = allocate_token_bitmask(len(grammars), constraint.tokens.vocab_size)
        for row, grammar in enumerate(grammars):
            if grammar is None:
                continue
            try:
                self._open[row] = self.constraint.matcher(grammar)
                self._free[row] = False
            except ConstraintError as error:
                self.unconstrained[row] = str(error)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores, those of tokens that may not come next at minus infinity.

        Args:
            input_ids: the tokens so far (rows, length), int64.
            scores: those of the next token (rows, vocabulary).

        Raises:
            EngineError: the batch is not the one these masks were made for.
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
        """Move each open row past its newest token (rows,); a row that ended may only end."""
        for row in [row for row in self._open if newest[row] in self.constraint.ends]:
            del self._open[row]
            self._bits[row] = self._ends()
        if self._open:
            pairs = [(matcher, newest[row]) for row, matcher in self._open.items()]
            consume_token_par(self.constraint.executor, pairs)

    def _ends(self) -> NDArray[np.int32]:
        """Return the bits (words,) of the tokens that end an answer: [1, 33] is [2, 2]."""
        flags = np.zeros(self._bits.shape[1] * _WORD, dtype=np.uint8)
        flags[self.constraint.ends] = 1
        return np.packbits(flags, bitorder="little").view("<i4")

    def _fill(self) -> None:
        """Set the bits of what may come next; a row whose matcher failed is left free."""
        if self._open:
            pairs = [(matcher, row) for row, matcher in self._open.items()]
            fill_next_token_bitmask_par(self.constraint.executor, pairs, self._bits)
        for row in [row for row, matcher in self._open.items() if matcher.is_error()]:
            self.unconstrained[row] = _first_line(self._open.pop(row).get_error())
            self._free[row], self._bits[row] = True, -1

    def _allowed(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the bits as flags (rows, vocabulary) on the device of the scores.

        A model may have more ids than the tokenizer: those are allowed in free rows alone.
        """
        rows, vocabulary = scores.shape
        shifts = torch.arange(_WORD, dtype=torch.int32, device=scores.device)
        bits = torch.from_numpy(self._bits).to(scores.device)
        known = ((bits[:, :, None] >> shifts) & 1).bool().view(rows, -1)[:, :vocabulary]
        free = torch.from_numpy(self._free).to(scores.device)
        more = free[:, None].expand(rows, vocabulary - known.shape[1])
        return torch.cat([known, more], dim=1)
