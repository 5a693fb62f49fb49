"""Rows chosen by a hash of seed and row id, so that the choice depends on nothing else.

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
HASHES = BINS * WIDTH
"""Hashes are whole numbers below HASHES, in BINS bins of WIDTH each."""

EXACT_ROWS = 1 << 20
"""Up to so many rows (8 MiB) the hashes themselves are kept, and the number chosen is exact."""

COPY = "~"


def row_hash(seed: int, row_id: str) -> int:
    """Hash of a row, the same on every machine; another seed gives another order."""
    return int.from_bytes(blake2b(f"{seed}-{row_id}".encode(), digest_size=8).digest(), "big")


class Histogram:
    """Count rows by hash; parts of one input may be counted apart and merged.

    Up to EXACT_ROWS rows it holds their hashes, beyond that the number of rows in each bin:
    which of the two depends on the number of rows alone.
    """

    def __init__(self) -> None:
        """Start with no row."""
        self.rows = 0
        self._hashes: array[int] | None = array("Q")
        self._bins: array[int] | None = None

    def add(self, hashed: int) -> None:
        """Count one row."""
        self.rows += 1
        if self._hashes is not None:
            self._hashes.append(hashed)
            self._coarsen()
        elif self._bins is not None:
            self._bins[hashed // WIDTH] += 1

    def merge(self, other: "Histogram") -> None:
        """Add the rows of another part."""
        self.rows += other.rows
        if self._hashes is not None and other._hashes is not None:
            self._hashes.extend(other._hashes)
            self._coarsen()
            return
        mine, theirs = self._as_bins(), other._as_bins()
        self._bins = array("Q", map(add, mine, theirs))
        self._hashes = None

    def threshold(self, target: int) -> int:
        """Hash below which there are `target` rows.

        Exact up to EXACT_ROWS rows; beyond, off by less than the rows of one bin, that is about
        rows / BINS. A smaller target chooses a part of what a larger one chooses. Raises
        ValueError for a target that is negative or larger than the number of rows.
        """
        if not 0 <= target <= self.rows:
            raise ValueError(f"{target} of {self.rows} rows cannot be chosen")
        if target == self.rows:
            return HASHES
        if self._hashes is not None:
            return sorted(self._hashes)[target]
        return _threshold(self._as_bins(), target)

    def _coarsen(self) -> None:
        if self._hashes is not None and len(self._hashes) > EXACT_ROWS:
            self._bins, self._hashes = self._as_bins(), None

    def _as_bins(self) -> "array[int]":
        if self._bins is not None:
            return self._bins
        bins = array("Q", bytes(8 * BINS))
        for hashed in self._hashes or ():
            bins[hashed // WIDTH] += 1
        return bins


def histogram(seed: int, row_ids: Iterable[str]) -> Histogram:
    """Histogram of the rows of one part."""
    counted = Histogram()
    for row_id in row_ids:
        counted.add(row_hash(seed, row_id))
    return counted


class Choice(NamedTuple):
    """How often each row is written: `copies` times, and once more below the threshold."""

    seed: int
    copies: int
    threshold: int

    def times(self, row_id: str) -> int:
        """How often a row is written, 0 for a row left out."""
        return self.copies + (row_hash(self.seed, row_id) < self.threshold)

    def ids(self, row_id: str) -> Iterator[str]:
        """Yield the id of each copy: the row's own, then with a suffix `~2`, `~3` ..."""
        for number in range(1, self.times(row_id) + 1):
            yield row_id if number == 1 else f"{row_id}{COPY}{number}"


def choose(counted: Histogram, target: int, seed: int) -> Choice:
    """Choice of how often each row is written so that `target` rows are, repeats included.

    Where the target is larger than the number of rows, every row is written as often as the
    target is a multiple of it, and the rest is chosen. No rows give none, whatever the target.
    """
    if not counted.rows:
        return Choice(seed, 0, 0)
    copies, rest = divmod(target, counted.rows)
    return Choice(seed, copies, counted.threshold(rest))


def _threshold(bins: "array[int]", target: int) -> int:
    """Hash at which the target is reached: the bins below, and a share of the one it is in."""
    below = 0
    for number, rows in enumerate(bins):
        if below + rows > target:
            return number * WIDTH + WIDTH * (target - below) // rows
        below += rows
    return HASHES
