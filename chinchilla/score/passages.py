"""Where strings stand in a text, of which many may be looked up: time grows with both together.

A long text is searched for the first few strings of each length. Then all its pieces of that
length are noted with their places, and further strings are looked up.
"""

from collections import Counter
from functools import lru_cache

_SHORT, _FEW, _LONGEST = 1_000, 64, 32
"""Characters of a text that is always searched; strings of a length; characters of a piece."""


class _Passage:
    """A long text with the first places of its pieces."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._asked: Counter[int] = Counter()
        self._places: dict[int, dict[str, int]] = {}

    def find(self, words: str) -> int:
        size = min(len(words), _LONGEST)
        self._asked[size] += 1
        if self._asked[size] <= _FEW or not size:
            return self._text.find(words)
        if size not in self._places:
            starts = range(len(self._text) - size, -1, -1)
            self._places[size] = {self._text[at : at + size]: at for at in starts}
        at = self._places[size].get(words[:size], -1)
        return at if len(words) == size or at < 0 else self._text.find(words, at)


@lru_cache(maxsize=2)
def _passage(text: str) -> _Passage:
    return _Passage(text)


def find(words: str, text: str) -> int:
    """Return the first place of words in a text, -1 where they do not stand there."""
    return text.find(words) if len(text) < _SHORT else _passage(text).find(words)


def holds(text: str, words: str) -> bool:
    """Tell whether words stand in a text."""
    return words in text if len(text) < _SHORT else _passage(text).find(words) >= 0
