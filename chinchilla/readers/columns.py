"""One character and its tag a line, a blank line after each sentence.

    中 B-ORG
    共 I-ORG

The separator is a tab or one space; a character that is itself a space is kept. A cell has one
code point, as offsets count those. A line of blanks alone is a blank line.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.context import RowContext
from chinchilla.readers.lines import MAX_SENTENCE, Slice, excerpt, open_file, text_lines, too_much
from chinchilla.readers.recognise import TAG, Kind, Refusals
from chinchilla.schema import Frozen
from chinchilla.spans import Fault, Scheme
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"columns", "tsv"})
_DOCUMENT = "-DOCSTART-"
_TAG = re.compile(TAG)
_INNER_END = re.compile(r"[。！？](?=.)", re.DOTALL)
_LOOK_BACK = 1 << 12


class JoinedFile(Frozen):
    """A file that holds train and test one after the other.

    It has `sentences` in all; the first `train` of them have so many `characters`.
    """

    sentences: int
    train: int
    characters: int


class Sentence(NamedTuple):
    """The characters of a sentence and their tags, one each; `before` is the tag in front of it.

    That is the last tag of the sentence before, "" at the beginning of a file.
    """

    characters: list[str]
    tags: list[str]
    before: str = ""

    @property
    def text(self) -> str:
        """Return the characters as one text."""
        return "".join(self.characters)


def sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, Sentence]]:
    """Yield the line a sentence starts at, and the sentence; one with a bad line is refused."""
    lines = _Lines(part, tally)
    start, sentence, times = 0, Sentence([], [], _tag_before(part)), tally.times
    characters, tags, _ = sentence
    for number, line in text_lines(part, tally):
        start = start or number
        # `_split`, inlined: a call for each of millions of lines takes as long as all else here
        character, separator, tag = line.rpartition("\t")
        if not separator:
            character, _, tag = line.rpartition(" ")
        if tag and len(character) == 1 and len(tags) < MAX_SENTENCE:
            characters.append(character)
            tags.append(tag)
        elif lines.is_break(number, line):
            if tags or tally.times != times:
                lines.ended(start, sentence)
            if tags and tally.times == times:
                yield start, sentence
            before = tags[-1] if tags else sentence.before
            start, sentence, times = 0, Sentence([], [], before), tally.times
            characters, tags, _ = sentence
        elif tally.times == times and not lines.goes_on(start, number, line):
            return
    if tags and tally.times == times:
        lines.ended(start, sentence)
        yield start, sentence
    lines.warn_of_one()


class _Lines:
    """Judge the lines that are no character and tag of a sentence."""

    def __init__(self, part: Slice, tally: Tally) -> None:
        self._part, self._tally = part, tally
        self._refusals = Refusals(part.path, _WANTED, tally)
        self._sentences = 0
        self._last: tuple[int, Sentence] = (0, Sentence([], []))

    def is_break(self, number: int, line: str) -> bool:
        """Tell whether a line ends a sentence; those that name a document are counted."""
        if line.startswith(_DOCUMENT):
            self._tally.fix("docstart-line-left-out", self._part.at(number))
            return True
        return not line.strip()

    def ended(self, start: int, sentence: Sentence) -> None:
        self._sentences += 1
        self._last = start, sentence

    def goes_on(self, start: int, number: int, line: str) -> bool:
        """Refuse the first line of a sentence that is wrong; say whether to read on."""
        if _split(line) is None:
            return self._refusals.goes_on(_bad_cell(self._part.at(number), line))
        what = f"a sentence of more than {MAX_SENTENCE:,} characters"
        return self._refusals.goes_on(too_much(self._part.at(start), what, "the blank line"))

    def warn_of_one(self) -> None:
        """Warn where the one sentence of a whole file reads as several."""
        start, sentence = self._last
        part, ends = self._part, _INNER_END.findall(sentence.text)
        whole = not part.start and part.stop in (None, part.path.stat().st_size)
        if whole and self._sentences == 1 and len(ends) > 1:
            todo = "put a blank line between the sentences"
            self._tally.warn("no-blank-line-in-the-file", self._part.at(start), todo)


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
        character, sep, tag = line.rpartition(separator)
        if sep:
            # a cell of several would shift every offset after it
            return (character, tag) if tag and len(character) == 1 else None
    return None


def _bad_cell(where: str, line: str) -> InputError:
    """Say what a line of columns has that is not a character and a tag."""
    cells = line.split()
    cell = line.rpartition("\t" if "\t" in line else " ")[0]
    what = f"expected a character and a tag, found {excerpt(line)}"
    todo = "put one tab or space between the two"
    if len(cells) == 2 and len(cells[1]) == 1 and _TAG.fullmatch(cells[0]):
        what, todo = f"the tag is first in {excerpt(line)}", "put the character first"
    elif len(cells) > 2:
        todo = f"there are {len(cells)} columns: leave two, the character and its tag"
    elif len(cell.strip()) > 1:
        what = f"expected one character, found {excerpt(cell)}"
        todo = "give each character a line and a tag of its own"
    return InputError(where, what, todo, reason="bad-cell")


_OTHER_SCHEMES: dict[Scheme, dict[str, str]] = {
    "bio": {"S": "BIOES or BMES", "E": "BIOES or BMES", "M": "BMES", "L": "BILOU", "U": "BILOU"},
    "bmes": {"I": "BIO or BIOES", "L": "BILOU", "U": "BILOU"},
}


def wrong_tags(context: RowContext, fault: Fault, scheme: Scheme) -> InputError:
    """Return the error for a tag that breaks its scheme, with the scheme it may be of."""
    where, tag = context.where(fault.at), fault.tag
    other = _OTHER_SCHEMES[scheme].get(tag[:1])
    if fault.kind == "unknown-prefix" and other and tag[1:2] in ("-", "_"):
        what, todo = f"the tag {tag} is of {other}", f"convert the tags to {scheme.upper()}"
        return InputError(where, what, todo, reason="tags-of-another-scheme")
    if fault.kind == "unknown-prefix" and tag[:1].islower() and tag[:1].upper() in "BIOMES":
        what, todo = f"the tag {tag} is in lower case", "write O and the prefixes in capitals"
        return InputError(where, what, todo, reason="tags-in-lower-case")
    if scheme == "bio" and fault.kind == "no-begin" and begins_inside(context.part.slice.path):
        what = f"the tag {tag} begins an entity, as in IOB1; BIO is read"
        todo = "convert the tags to BIO (IOB2): begin every entity with B-"
        return InputError(where, what, todo, reason="tags-of-another-scheme")
    what = f"wrong tag sequence: {tag} after {fault.before}"
    return InputError(where, what, "begin each entity with B-", reason="wrong-tags")


_BEGINS = re.compile(rb"[\t ]B[-_]")
# an I- tag at the start of the file, after a blank line, or after an O: "中 O\n国 I-LOC"
_INSIDE_FIRST = re.compile(rb"(?:\A|\n[\t ]*\r?\n|[\t ]O[\t ]*\r?\n)[^\n]*[\t ]I[-_]")


@lru_cache(maxsize=8)
def begins_inside(path: Path) -> bool:
    """Tell whether entities of a file of columns mostly begin with I- (IOB1)."""
    with open_file(path) as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        first = sum(1 for _ in _INSIDE_FIRST.finditer(data))
        return first > sum(1 for _ in _BEGINS.finditer(data))
