"""Exact shares of rows by hash: which rows stay does not depend on order or on workers.

Each row has a place on a line, by a hash of seed and id. A first pass counts the places in
bins; the rows below a limit are then as many as wanted, but for the rows of one bin.
"""

from hashlib import blake2b

BINS = 1 << 16
LINE = 1 << 64
_WIDTH = LINE // BINS


def place(seed: int, row_id: str) -> int:
    """Return the place of a row on the line, 0 to LINE - 1."""
    digest = blake2b(f"{seed}\0{row_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Places:
    """Count rows by their place; two counts of parts of the rows can be added."""

    def __init__(self) -> None:
        """Start with no rows."""
        self.bins: dict[int, int] = {}

    def add(self, at: int) -> None:
        """Count a row."""
        number = at // _WIDTH
        self.bins[number] = self.bins.get(number, 0) + 1

    def merge(self, other: "Places") -> None:
        """Add the counts of other rows."""
        for number, count in other.bins.items():
            self.bins[number] = self.bins.get(number, 0) + count

    @property
    def total(self) -> int:
        """Return the number of rows."""
        return sum(self.bins.values())

    def limit(self, wanted: int) -> int:
        """Return the limit below which as many rows lie as are wanted, to within a bin."""
        below = 0
        for number in sorted(self.bins):
            count = self.bins[number]
            if below + count > wanted:
                return number * _WIDTH + _WIDTH * (wanted - below) // count
            below += count
        return LINE
