"""Choose rows by a hash of seed and row id, so that the choice depends on nothing else.

A first pass puts every row into a Histogram, in any order and in any number of parts; the
threshold it gives then decides each row by itself, in any process.
"""

from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from operator import add
from typing import NamedTuple

BINS = 1 << 16
WIDTH = 1 << 48
PLACES = BINS * WIDTH
"""Hashes are places from 0 to PLACES - 1, in BINS bins of WIDTH places each."""

EXACT_ROWS = 1 << 20
"""Up to so many rows (8 MiB) the hashes themselves are kept, and the number chosen is exact."""

COPY = "~"


def place(seed: int, row_id: str) -> int:
    """Return the place of a row, the same on every machine; other seeds give other orders."""
    return int.from_bytes(blake2b(f"{seed}-{row_id}".encode(), digest_size=8).digest(), "big")


class Histogram:
    """Count rows by place; parts of one input may be counted apart and merged.

    Up to EXACT_ROWS rows it holds their places, beyond that the number of rows in each bin:
    which of the two depends on the number of rows alone.
    """

    def __init__(self) -> None:
        """Begin with no row."""
        self.rows = 0
        self._places: array[int] | None = array("Q")
        self._bins: array[int] | None = None

    def add(self, place: int) -> None:
        """Count one row."""
        self.rows += 1
        if self._places is not None:
            self._places.append(place)
            self._coarsen()
        elif self._bins is not None:
            self._bins[place // WIDTH] += 1

    def merge(self, other: "Histogram") -> None:
        """Add the rows of another part."""
        self.rows += other.rows
        if self._places is not None and other._places is not None:
            self._places.extend(other._places)
            self._coarsen()
            return
        mine, theirs = self._as_bins(), other._as_bins()
        self._bins = array("Q", map(add, mine, theirs))
        self._places = None

    def threshold(self, target: int) -> int:
        """Return the place below which `target` rows lie.

        Exact up to EXACT_ROWS rows; beyond, off by less than the rows of one bin, that is about
        rows / BINS. A smaller target chooses a part of what a larger one chooses. Raises
        ValueError for a target that is negative or larger than the number of rows.
        """
        if not 0 <= target <= self.rows:
            raise ValueError(f"{target} of {self.rows} rows cannot be chosen")
        if target == self.rows:
            return PLACES
        if self._places is not None:
            return sorted(self._places)[target]
        return _threshold(self._as_bins(), target)

    def _coarsen(self) -> None:
        if self._places is not None and len(self._places) > EXACT_ROWS:
            self._bins, self._places = self._as_bins(), None

    def _as_bins(self) -> "array[int]":
        if self._bins is not None:
            return self._bins
        bins = array("Q", bytes(8 * BINS))
        for place in self._places or ():
            bins[place // WIDTH] += 1
        return bins


def histogram(seed: int, row_ids: Iterable[str]) -> Histogram:
    """Count the rows of one part."""
    counted = Histogram()
    for row_id in row_ids:
        counted.add(place(seed, row_id))
    return counted


class Choice(NamedTuple):
    """How often each row is written: `copies` times, and once more below the threshold."""

    seed: int
    copies: int
    threshold: int

    def times(self, row_id: str) -> int:
        """Return how often a row is written, 0 for a row left out."""
        return self.copies + kept(place(self.seed, row_id), self.threshold)

    def ids(self, row_id: str) -> Iterator[str]:
        """Yield the id of each copy: the row's own, then with a suffix `~2`, `~3` ..."""
        for number in range(1, self.times(row_id) + 1):
            yield row_id if number == 1 else f"{row_id}{COPY}{number}"


def kept(place: int, threshold: int) -> bool:
    """Tell whether a row of that place is among those chosen."""
    return place < threshold


def choose(counted: Histogram, target: int, seed: int) -> Choice:
    """Decide how often each row is written so that `target` rows are, repeats included.

    Where the target is larger than the number of rows, every row is written as often as the
    target is a multiple of it, and the rest is chosen. No rows give none, whatever the target.
    """
    if not counted.rows:
        return Choice(seed, 0, 0)
    copies, rest = divmod(target, counted.rows)
    return Choice(seed, copies, counted.threshold(rest))


def _threshold(bins: "array[int]", target: int) -> int:
    """Find the bin in which the target is reached and take a share of that bin."""
    below = 0
    for number, rows in enumerate(bins):
        if below + rows > target:
            return number * WIDTH + WIDTH * (target - below) // rows
        below += rows
    return PLACES
