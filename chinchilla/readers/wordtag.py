"""A sentence a line, words with their tags: `中共中央/nt 致/o 大会/o `.

Words stand between single spaces, with one more space at the end of the line.
"""

from collections.abc import Iterator

from chinchilla.errors import InputError, Tally
from chinchilla.readers.lines import Slice, text_lines

Words = list[tuple[str, str]]


def sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, Words]]:
    """Yield line number and (word, tag) pairs; a line with an untagged word is refused."""
    for number, line in text_lines(part, tally):
        tokens = [token for token in line.split(" ") if token]
        if not tokens:
            continue
        words = [_split(token) for token in tokens]
        if all(word and tag for word, tag in words):
            yield number, words
        else:
            bad = next(token for token in tokens if not all(_split(token)))
            what = f"expected word/tag, found {bad!r}"
            tally.refuse(InputError(part.at(number), what, "give every word a tag"))


def text_of(words: Words) -> str:
    """Return the words of a sentence as one text."""
    return "".join(word for word, _ in words)


def _split(token: str) -> tuple[str, str]:
    # a word may hold "/" itself, a tag never does
    word, _, tag = token.rpartition("/")
    return word, tag
