"""A sentence a line, words with their tags: `中共中央/nt 致/o 大会/o `.

Words are between single spaces, with one more space at the end of the line.
"""

import re
from collections.abc import Iterator

from chinchilla.errors import InputError
from chinchilla.readers.lines import MAX_SENTENCE, Slice, excerpt, text_lines, too_much
from chinchilla.readers.recognise import Kind, Refusals
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"word-tag"})
_INNER_TAG = re.compile(r"[^\x00-\x7f]/[A-Za-z]{1,4}(?![A-Za-z0-9/.])")
"""A tag after a word that is not ASCII: between two such words the space is missing."""


class TaggedWords(list[tuple[str, str]]):
    """The words of a sentence, each with its tag."""

    @property
    def text(self) -> str:
        """Return the words as one text."""
        return "".join(word for word, _ in self)


def sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, TaggedWords]]:
    """Yield line number and sentence; a line with an untagged word is refused."""
    refusals = Refusals(part.path, _WANTED, tally)
    for number, line in text_lines(part, tally):
        tokens = [token for token in line.split(" ") if token]
        if not line.strip():
            continue
        # a word may hold "/" itself, a tag never does: 1/2/m is 1/2 and m
        words = TaggedWords(token.rpartition("/")[::2] for token in tokens)
        error = _wrong(part.at(number), words, tokens)
        if error is None:
            yield number, words
        elif not refusals.goes_on(error):
            return


def _wrong(where: str, words: TaggedWords, tokens: list[str]) -> InputError | None:
    """Return the first error of a line, None where it has none."""
    for (word, tag), token in zip(words, tokens, strict=True):
        if "\t" in token:
            what, todo = f"a tab in {excerpt(token)}", "put one space between the words"
            return InputError(where, what, todo, reason="no-tag")
        if not (word and tag):
            what = f"expected word/tag, found {excerpt(token)}"
            return InputError(where, what, "give every word a tag", reason="no-tag")
        if _INNER_TAG.search(word):
            what, todo = f"two tags in {excerpt(token)}", "put one space between the words"
            return InputError(where, what, todo, reason="two-tags")
    length = sum(len(word) for word, _ in words)
    if length > MAX_SENTENCE:
        return too_much(where, f"a sentence of {length:,} characters", "a line break")
    return None
