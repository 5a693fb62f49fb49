"""Mask what an answer may not say, token by token, in batched generation of transformers."""

from collections.abc import Sequence

import numpy as np
import torch
from llguidance import LLMatcher

# the twin of this module for torch compiles a kernel when it is imported
from llguidance.numpy import (
    allocate_token_bitmask,
    consume_token_par,
    fill_next_token_bitmask_par,
)
from numpy.typing import NDArray

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.constrain import Constraint, first_line, grammar_of
from chinchilla.predict.engine import Prompt

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
