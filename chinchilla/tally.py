"""Counts of what was refused, fixed, lost or warned of, with the first places of each."""

from dataclasses import dataclass, field
from typing import NamedTuple

from chinchilla.errors import ChinchillaError

PLACES = 3
"""How many places a count names; the number says how many more there are."""


class Count(NamedTuple):
    """How often something happened, the first places it happened at, and what to do about it."""

    times: int
    example: str
    places: tuple[str, ...] = ()
    todo: str = ""

    def plus(self, later: "Count") -> "Count":
        """Return both as one: the first places are kept, and the first advice."""
        places = (self.places + later.places)[:PLACES]
        return Count(self.times + later.times, self.example, places, self.todo or later.todo)


@dataclass
class Tally:
    """Count what was refused, what was fixed and what is suspicious, with the first examples.

    A tally that is not `forgiving` raises instead of refusing: the default of every command.
    `keep` is how many errors of each reason are kept in full. What is refused is a record; `lost`
    is a part of one that is kept without it.
    What is warned of is read all the same; a warning says which setting or command would fit.
    """

    forgiving: bool = False
    keep: int = 0
    refused: dict[str, Count] = field(default_factory=dict)
    fixed: dict[str, Count] = field(default_factory=dict)
    warned: dict[str, Count] = field(default_factory=dict)
    lost: dict[str, Count] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def times(self) -> int:
        """Return how often anything was refused."""
        return sum(count.times for count in self.refused.values())

    def refuse(self, error: ChinchillaError) -> None:
        """Raise the error, or count it when the user asked to go on."""
        if not self.forgiving:
            raise error
        _add(self.refused, error.reason, Count(1, str(error), (error.where,), error.todo))
        if self.refused[error.reason].times <= self.keep:
            self.errors.append(str(error))

    def lose(self, error: ChinchillaError) -> None:
        """Raise the error, or count it as a part left out of a record that is kept."""
        if not self.forgiving:
            raise error
        _add(self.lost, error.reason, Count(1, str(error), (error.where,), error.todo))
        if self.lost[error.reason].times <= self.keep:
            self.errors.append(str(error))

    def drop(self, reason: str, example: str) -> None:
        """Count a record left out for a reason that is no error."""
        _add(self.refused, reason, Count(1, example, (example,)))

    def fix(self, reason: str, example: str) -> None:
        """Count a known quirk of a source that was corrected."""
        _add(self.fixed, reason, Count(1, example, (example,)))

    def warn(self, reason: str, where: str, todo: str) -> None:
        """Count what was read as it is and looks wrong, with what would fix it."""
        _add(self.warned, reason, Count(1, where, (where,), todo))

    def merge(self, other: "Tally") -> None:
        """Add the counts of a later part of the same input."""
        for name in ("refused", "fixed", "warned", "lost"):
            mine = getattr(self, name)
            for reason, count in getattr(other, name).items():
                _add(mine, reason, count)
        self.errors.extend(other.errors)


def _add(counts: dict[str, Count], reason: str, more: Count) -> None:
    known = counts.get(reason)
    counts[reason] = known.plus(more) if known else more
