"""MSRA: persons, places and organisations in newswire (SIGHAN 2006); two editions.

word-tag, full-width, one sentence a line, a space at its end; only train is segmented:

    中共中央/nt 致/o 大会/o 的/o 贺词/o

bio, half-width letters and digits, one character and its tag a line, tab or space:

    中<TAB>B-ORG
    共<TAB>I-ORG

A BIO file that circulates as a training file holds train and test one after the other; it is
known by its 55,289 sentences and cut. Its sentences were cut at 100 characters, entities too.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers import columns
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import (
    MAX_SENTENCE,
    Boundary,
    Slice,
    excerpt,
    open_file,
    text_lines,
    too_much,
)
from chinchilla.readers.recognise import Kind, Refusals, other_file
from chinchilla.schema import Split
from chinchilla.spans import Tagged, decode, entities
from chinchilla.tally import Tally

OUTSIDE = "o"
JOINED_NAME = "dh_msra.txt"
_WANTED: frozenset[Kind] = frozenset({"word-tag"})
_INNER_TAG = re.compile(r"[^\x00-\x7f]/[A-Za-z]{1,4}(?![A-Za-z0-9/.])")
"""A tag after a word that is not ASCII: between two such words the space is missing."""


class TaggedWords(list[tuple[str, str]]):
    """The words of a sentence, each with its tag."""

    @property
    def text(self) -> str:
        """Return the words as one text."""
        return "".join(word for word, _ in self)

    @property
    def spans(self) -> list[Tagged]:
        """Return the words that have a tag as spans."""
        spans, at = [], 0
        for word, tag in self:
            if tag != OUTSIDE:
                spans.append(Tagged(tag, at, at + len(word)))
            at += len(word)
        return spans


Row = TaggedWords | columns.Sentence


def boundary(path: Path) -> Boundary:
    """Cut a file of words after any line, one of columns after a sentence."""
    with open_file(path) as file:
        return "lines" if b"/" in file.readline(1 << 16) else "blocks"


def slice_of(path: Path, split: Split, joined: columns.JoinedFile | None) -> Slice:
    """Return the part of a file that is the split: half of a file of train and test.

    Raises InputError where a file named like the joined one is another.
    """
    if joined is None:
        return Slice(path)
    ends = sentence_ends(path, joined.train)
    if (ends.sentences, ends.characters) != (joined.sentences, joined.characters):
        if path.name == JOINED_NAME:
            other = other_file(f"{path}:1", path, frozenset({"columns"}))
            if other is not None:
                raise other
            what = f"{ends.sentences} sentences, not the {joined.sentences} of train and test"
            raise InputError(str(path), what, "put train and test there as two files")
        return Slice(path)
    if split == "test":
        return Slice(path, ends.byte, None, ends.line)
    return Slice(path, 0, ends.byte)


class Ends(NamedTuple):
    """How many sentences a file has, and where the first so many of them end."""

    sentences: int
    characters: int
    byte: int
    line: int


@lru_cache(maxsize=8)
def sentence_ends(path: Path, first: int) -> Ends:
    """Return the number of sentences, and characters, byte and line at the end of the first."""
    sentences = byte = taken = 0
    end = (0, 0, 1)
    inside = False
    with open_file(path) as file:
        for number, line in enumerate(file, start=1):
            byte += len(line)
            blank = not line.strip(b"\r\n")
            taken += not blank
            if blank and inside:
                sentences += 1
                if sentences == first:
                    end = (taken, byte, number + 1)
            inside = not blank
    return Ends(sentences + inside, *end)


def rows(part: SplitSlice) -> Iterator[tuple[int, Row]]:
    """Yield the sentences of a slice of either edition."""
    if part.edition == "word-tag":
        return tagged_sentences(part.slice, part.line_tally)
    return columns.sentences(part.slice, part.line_tally)


def tagged_sentences(part: Slice, tally: Tally) -> Iterator[tuple[int, TaggedWords]]:
    """Yield line number and sentence; a line with an untagged word is refused.

    Words are between single spaces, with one more space at the end of the line.
    """
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


def to_fields(row: Row, context: RowContext) -> Fields:
    """Return text and entities of a sentence."""
    spans = row.spans if isinstance(row, TaggedWords) else _column_spans(row, context)
    return {"text": row.text, "entities": entities(row.text, spans)}


def _column_spans(sentence: columns.Sentence, context: RowContext) -> list[Tagged]:
    """Return the spans of a BIO sentence.

    The second half of an entity that was cut with its sentence is no entity: it is counted, and
    the first half stays, as in the counts of the literature. It is one only where the sentence
    before ends in a tag of its label.
    """
    spans, faults = decode(sentence.tags, "bio")
    for fault in faults:
        cut = fault.kind == "no-begin" and fault.at == 0
        half = cut and sentence.before[2:] == fault.stretch.label
        if not half or columns.begins_inside(context.part.slice.path):
            raise columns.wrong_tags(context, fault, "bio")
    for _ in faults:
        context.fix("second-half-of-a-cut-entity")
    return spans
