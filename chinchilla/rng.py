"""Random numbers of one record or one row, from a hash of the seed and a name."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from struct import Struct
from typing import Any, TypeVar

Item = TypeVar("Item")
WORD = 64
_unpack = Struct("<8Q").unpack


class Rng(Random):
    """Draw numbers from BLAKE2b of a seed and a name, the same on every machine.

    To start anew costs one hash, a fraction of seeding a Mersenne Twister: a row draws a
    handful of numbers. A hash gives eight words, the last one drawn first; each draw takes
    whole words. Hashes after the first differ by their salt. `seed` of the class above
    has no effect on what is drawn; `start` has.
    """

    def __init__(self) -> None:
        """Begin with the seed 0 and no name."""
        super().__init__(0)
        self.start(0, "")

    def start(self, seed: int, name: str) -> None:
        """Begin anew for a record or a row."""
        self._key = f"{seed}-{name}".encode()
        self._hashes = 1
        self._words: list[int] = [*_unpack(blake2b(self._key).digest())]

    def _more(self) -> list[int]:
        """Return the words of the next hash."""
        salt = self._hashes.to_bytes(16, "big")
        self._words = [*_unpack(blake2b(self._key, salt=salt).digest())]
        self._hashes += 1
        return self._words

    def choice(self, seq: Sequence[Item]) -> Item:  # type: ignore[override]
        """Return an item; each is as likely as the others, but for one part in 2 ** 64 / len."""
        return seq[(self._words or self._more()).pop() * len(seq) >> WORD]

    def getrandbits(self, k: int, /) -> int:
        """Return `k` bits."""
        if k <= WORD:
            return (self._words or self._more()).pop() >> WORD - k
        bits = self.getrandbits(k % WORD)
        for _ in range(k // WORD):
            bits = bits << WORD | self.getrandbits(WORD)
        return bits

    def random(self) -> float:
        """Return a number from 0 up to, not including, 1."""
        return ((self._words or self._more()).pop() >> 11) * 2.0**-53

    def getstate(self) -> tuple[Any, ...]:
        """Return what `setstate` needs to go on from here."""
        return self._key, self._hashes, tuple(self._words)

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go on from where `getstate` was called."""
        self._key, self._hashes = state[:2]
        self._words = [*state[2]]
