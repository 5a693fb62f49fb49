"""Splits that no publisher made: a seeded share of the texts, duplicates kept together."""

from hashlib import blake2b

from chinchilla.corpus.card import Carve
from chinchilla.schema import Split


def carved_split(carve: Carve, text: str) -> Split:
    """Return the split of a text: a pure function of the seed and the text without spaces.

    No draw depends on another, so any part of a file can be read on its own, and two texts
    that differ in spaces alone never stand on both sides of a split.
    """
    key = "".join(character for character in text if not character.isspace())
    digest = blake2b(f"{carve.seed}\0{key}".encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < carve.dev:
        return "dev"
    return "test" if place < carve.dev + carve.test else "train"
