"""Lengths of rows for a trainer: counted by split, and those over a limit left out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from chinchilla.dataset.shard import row_length
from chinchilla.schema import Frozen, InstructionRow

LIMITS = (1024, 2048, 4096)
"""What trainers cut rows at, or drop them."""

Unit = Literal["characters", "tokens"]


class RowRuler(NamedTuple):
    """What lengths are measured in, and the longest row that is exported (0 sets no limit)."""

    measure: Callable[[str], int] = len
    unit: Unit = "characters"
    tokenizer: str | None = None
    """The sha256 of the tokenizer's file."""
    longest: int = 0


CHARACTERS = RowRuler()


class LengthReport(Frozen):
    """What export.json has of lengths: by split the longest row, rows over each limit, left out."""

    unit: Unit
    tokenizer: str | None
    longest: dict[str, int]
    longer: dict[str, dict[str, int]]
    max_tokens: int | None
    left_out: dict[str, int]


@dataclass
class ExportCounts:
    """Count the rows written, by source, task and split, and those left out as too long."""

    ruler: RowRuler
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    longer: Counter[tuple[str, int]] = field(default_factory=Counter)
    longest: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def keep(self, row: InstructionRow, split: str) -> bool:
        """Whether a row is exported; it is counted either way."""
        length = row_length(row, self.ruler.measure)
        if self.ruler.longest and length > self.ruler.longest:
            self.left_out[split] += 1
            return False
        self.rows[row.source, row.task, split] += 1
        self.longest[split] = max(length, self.longest.get(split, 0))
        for limit in LIMITS:
            self.longer[split, limit] += length > limit
        return True

    def lengths(self, splits: tuple[str, ...]) -> LengthReport:
        """What is known of the lengths in these splits."""
        return LengthReport(
            unit=self.ruler.unit,
            tokenizer=self.ruler.tokenizer,
            longest={split: self.longest.get(split, 0) for split in splits},
            longer={
                split: {str(limit): self.longer[split, limit] for limit in LIMITS}
                for split in splits
            },
            max_tokens=self.ruler.longest or None,
            left_out={split: self.left_out[split] for split in splits},
        )
