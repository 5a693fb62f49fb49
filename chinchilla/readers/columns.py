"""One character and its tag a line, a blank line after each sentence.

    中 B-ORG
    共 I-ORG

The separator is a tab or one space; a character that is itself a space keeps its place. A cell
holds one code point, as offsets count those. A line of blanks alone is a blank line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chinchilla.errors import InputError, Tally
from chinchilla.readers.lines import MAX_SENTENCE, Slice, open_file, shown, text_lines, too_much
from chinchilla.readers.recognise import Kind, Refusals

_WANTED: frozenset[Kind] = frozenset({"columns", "tsv", "csv"})
_DOCUMENT = "-DOCSTART-"
_TAG = re.compile(r"[Oo]|[BIMESLUbimeslu][-_]\S+")
_INNER_END = re.compile(r"[。！？](?=.)", re.DOTALL)
_LOOK_BACK = 1 << 12


class Sentence(NamedTuple):
    """The characters of a sentence and their tags, one each; `before` is the tag in front of it.

    That is the last tag of the sentence before, "" at the beginning of a file.
    """

    characters: list[str]
    tags: list[str]
    before: str = ""


def sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, Sentence]]:
    """Yield the line a sentence starts at, and the sentence; one with a bad line is refused."""
    refusals = Refusals(part.path, _WANTED, tally)
    block = _Block(part, tally, _tag_before(part))
    breaks = 0
    for number, line in text_lines(part, tally):
        if not line.strip() or line.startswith(_DOCUMENT):
            if line.startswith(_DOCUMENT):
                tally.mend("docstart-line-left-out", part.at(number))
            breaks += not line.strip()
            if block.whole:
                yield block.start, block.sentence
            block = _Block(part, tally, block.last)
        elif (error := block.take(number, line)) and not refusals.goes_on(error):
            return
    if block.whole:
        if not breaks and len(_INNER_END.findall(text_of(block.sentence))) > 1:
            todo = "put a blank line between the sentences"
            tally.warn("no-blank-line-in-the-file", part.at(block.start), todo)
        yield block.start, block.sentence


def text_of(sentence: Sentence) -> str:
    """Return the characters of a sentence as one text."""
    return "".join(sentence.characters)


class _Block:
    """The lines of a sentence as they come; once one is refused, the sentence is lost."""

    def __init__(self, part: Slice, tally: Tally, before: str) -> None:
        self.part, self.tally, self.times = part, tally, tally.times
        self.sentence = Sentence([], [], before)
        self.last = before
        self.start = 0

    @property
    def whole(self) -> bool:
        """Tell whether there is a sentence and nothing of it was refused."""
        return bool(self.sentence.tags) and self.tally.times == self.times

    def take(self, number: int, line: str) -> InputError | None:
        """Take a line; return the first error of the sentence."""
        self.start = self.start or number
        if self.tally.times != self.times:
            return None
        cell = _split(line)
        if cell is None:
            return _bad_cell(self.part.at(number), line)
        if len(self.sentence.tags) == MAX_SENTENCE:
            what = f"a sentence of more than {MAX_SENTENCE:,} characters"
            return too_much(self.part.at(self.start), what, "the blank line")
        self.sentence.characters.append(cell[0])
        self.sentence.tags.append(cell[1])
        self.last = cell[1]
        return None


def _tag_before(part: Slice) -> str:
    """Return the last tag in front of a slice, so that slices of any size read the same."""
    if not part.start:
        return ""
    with open_file(part.path) as file:
        at = max(0, part.start - _LOOK_BACK)
        file.seek(at)
        lines = file.read(part.start - at).decode("utf-8", errors="replace").split("\n")
    for line in reversed(lines):
        cell = _split(line.rstrip("\r"))
        if cell is not None:
            return cell[1]
    return ""


def _split(line: str) -> tuple[str, str] | None:
    """Split at the last tab or space, which U+3000 in front of it is not."""
    for separator in ("\t", " "):
        character, found, tag = line.rpartition(separator)
        if found:
            # a cell of several would shift every offset after it
            return (character, tag) if tag and len(character) == 1 else None
    return None


def _bad_cell(where: str, line: str) -> InputError:
    """Say what a line of columns has that is not a character and a tag."""
    cells = line.split()
    cell = line.rpartition("\t" if "\t" in line else " ")[0]
    what, todo = f"expected a character and a tag, found {shown(line)}", _SEPARATE
    if len(cells) == 2 and len(cells[1]) == 1 and _TAG.fullmatch(cells[0]):
        what, todo = f"the tag stands first in {shown(line)}", "put the character first"
    elif len(cells) > 2:
        todo = f"there are {len(cells)} columns: leave two, the character and its tag"
    elif len(cell.strip()) > 1:
        what = f"expected one character, found {shown(cell)}"
        todo = "give each character a line and a tag of its own"
    return InputError(where, what, todo, reason="bad-cell")


_SEPARATE = "put one tab or space between the two"
