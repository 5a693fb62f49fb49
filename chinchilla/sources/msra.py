"""MSRA: persons, places and organisations in newswire (SIGHAN 2006); two editions.

word-tag, full-width, one sentence a line, a space at its end; only train is segmented:

    中共中央/nt 致/o 大会/o 的/o 贺词/o

bio, half-width letters and digits, one character and its tag a line, tab or space:

    中<TAB>B-ORG
    共<TAB>I-ORG

A BIO file that circulates as a training file holds train and test one after the other; it is
known by its 55,289 sentences and cut. Its sentences were cut at 100 characters, entities too.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers import columns, wordtag
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Boundary, Slice, open_file
from chinchilla.readers.recognise import other_file
from chinchilla.schema import Split
from chinchilla.spans import Fault, Tagged, decode, entities

OUTSIDE = "o"
JOINED_NAME = "dh_msra.txt"
Row = wordtag.TaggedWords | columns.Sentence


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
        return wordtag.sentences(part.slice, part.line_tally)
    return columns.sentences(part.slice, part.line_tally)


def to_fields(row: Row, context: RowContext) -> Fields:
    """Return text and entities of a sentence."""
    spans = column_spans(row, context) if isinstance(row, columns.Sentence) else word_spans(row)
    text = row.text
    return {"text": text, "entities": entities(text, spans)}


def word_spans(words: wordtag.TaggedWords) -> list[Tagged]:
    """Return the spans of tagged words."""
    spans, at = [], 0
    for word, tag in words:
        if tag != OUTSIDE:
            spans.append(Tagged(tag, at, at + len(word)))
        at += len(word)
    return spans


def column_spans(sentence: columns.Sentence, context: RowContext) -> list[Tagged]:
    """Return the spans of a BIO sentence.

    The second half of an entity that was cut with its sentence is no entity: it is counted, and
    the first half stays, as in the counts of the literature. It is one only where the sentence
    before ends in a tag of its label.
    """
    spans, faults = decode(sentence.tags, "bio")
    for fault in faults:
        if not _is_half(fault, sentence) or columns.begins_inside(context.part.slice.path):
            raise columns.wrong_tags(context, fault, "bio")
    for _ in faults:
        context.fix("second-half-of-a-cut-entity")
    return spans


def _is_half(fault: Fault, sentence: columns.Sentence) -> bool:
    """Tell whether a sentence begins with what is left of the last entity before it."""
    cut = fault.kind == "no-begin" and fault.at == 0
    return cut and sentence.before[2:] == fault.stretch.label
