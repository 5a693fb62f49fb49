"""One character and its tag a line, a blank line after each sentence.

    中 B-ORG
    共 I-ORG

The separator is a tab or one space; a character that is itself a space keeps its place. A cell
holds one code point, as offsets count those.
"""

from collections.abc import Iterator
from typing import NamedTuple

from chinchilla.errors import InputError, Tally
from chinchilla.readers.lines import Slice, text_lines


class Sentence(NamedTuple):
    """The characters of a sentence and their tags, one each."""

    characters: list[str]
    tags: list[str]


def sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, Sentence]]:
    """Yield the line a sentence starts at, and the sentence; one with a bad line is refused."""
    start, sentence, before = 0, Sentence([], []), tally.times
    for number, line in text_lines(part, tally):
        if not line:
            if sentence.tags and tally.times == before:
                yield start, sentence
            start, sentence, before = 0, Sentence([], []), tally.times
            continue
        start = start or number
        cell = _split(line)
        if cell is not None:
            sentence.characters.append(cell[0])
            sentence.tags.append(cell[1])
        elif tally.times == before:
            tally.refuse(_bad_cell(part.at(number), line))
    if sentence.tags and tally.times == before:
        yield start, sentence


def text_of(sentence: Sentence) -> str:
    """Return the characters of a sentence as one text."""
    return "".join(sentence.characters)


def _split(line: str) -> tuple[str, str] | None:
    """Split at the last tab or space, which U+3000 in front of it is not."""
    for separator in ("\t", " "):
        character, found, tag = line.rpartition(separator)
        if found:
            # a cell of several would shift every offset after it
            return (character, tag) if tag and len(character) == 1 else None
    return None


def _bad_cell(where: str, line: str) -> InputError:
    cell = line.rpartition("\t" if "\t" in line else " ")[0]
    if len(cell) > 1:
        what = f"expected one character, found {_shown(cell)}"
        return InputError(where, what, "give each character a line and a tag of its own")
    what = f"expected a character and a tag, found {_shown(line)}"
    return InputError(where, what, "put one tab or space between the two")


def _shown(words: str) -> str:
    return repr(words if len(words) <= 20 else words[:20] + "...")
