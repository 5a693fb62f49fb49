"""How long rows are for a trainer: counted by split, and those over a limit left out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chinchilla.schema import InstructionRow

LIMITS = (1024, 2048, 4096)
"""What trainers cut rows at, or drop them."""


class RowRuler(NamedTuple):
    """What lengths are measured in, and the longest row that is exported (0 sets no limit)."""

    measure: Callable[[str], int] = len
    unit: Literal["characters", "tokens"] = "characters"
    tokenizer: str | None = None
    """The sha256 of the tokenizer's file."""
    longest: int = 0


CHARACTERS = RowRuler()


def row_length(row: InstructionRow, measure: Callable[[str], int]) -> int:
    """Return how long a row is for a trainer: prompt and answer."""
    return measure(row.prompt) + measure(row.output)


@dataclass
class ExportLengths:
    """Count the rows written that are longer than a trainer may take, and those left out."""

    ruler: RowRuler
    longer: Counter[tuple[str, int]] = field(default_factory=Counter)
    longest: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def keep(self, row: InstructionRow, split: str) -> bool:
        """Tell whether a row is exported, and count it."""
        length = row_length(row, self.ruler.measure)
        if self.ruler.longest and length > self.ruler.longest:
            self.left_out[split] += 1
            return False
        self.longest[split] = max(length, self.longest.get(split, 0))
        for limit in LIMITS:
            self.longer[split, limit] += length > limit
        return True

    def manifest(self, splits: tuple[str, ...]) -> dict[str, Any]:
        """Return what export.json says of lengths."""
        return {
            "unit": self.ruler.unit,
            "tokenizer": self.ruler.tokenizer,
            "longest": {split: self.longest.get(split, 0) for split in splits},
            "longer": {
                split: {str(limit): self.longer[split, limit] for limit in LIMITS}
                for split in splits
            },
            "max_tokens": self.ruler.longest or None,
            "left_out": {split: self.left_out[split] for split in splits},
        }
