"""Chance for one record or one row: numbers out of a hash of the seed and a name."""

from hashlib import blake2b
from random import Random
from typing import Any

BLOCK_BITS = 512


class Chance(Random):
    """Draw numbers from BLAKE2b of a seed and a name, the same on every machine.

    To start anew costs one hash, a fifth of seeding a Mersenne Twister: a row draws a handful
    of numbers. Blocks after the first are told apart by the salt of the hash. `seed` of the
    class above has no effect on what is drawn; `start` has.
    """

    def __init__(self) -> None:
        """Begin with the seed 0 and no name."""
        super().__init__(0)
        self.start(0, "")

    def start(self, seed: int, name: str) -> None:
        """Begin anew for a record or a row."""
        self._key = f"{seed}-{name}".encode()
        self._blocks, self._left = 1, BLOCK_BITS
        self._pool = int.from_bytes(blake2b(self._key).digest(), "big")

    def getrandbits(self, k: int, /) -> int:
        """Return `k` bits that were not drawn before."""
        while k > self._left:
            salt = self._blocks.to_bytes(16, "big")
            block = int.from_bytes(blake2b(self._key, salt=salt).digest(), "big")
            self._pool |= block << self._left
            self._left += BLOCK_BITS
            self._blocks += 1
        found = self._pool & ((1 << k) - 1)
        self._pool >>= k
        self._left -= k
        return found

    def random(self) -> float:
        """Return a number from 0 up to, not including, 1."""
        return self.getrandbits(53) * 2.0**-53

    def getstate(self) -> tuple[Any, ...]:
        """Return what `setstate` needs to go on from here."""
        return self._key, self._blocks, self._left, self._pool

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go on from where `getstate` was called."""
        self._key, self._blocks, self._left, self._pool = state
