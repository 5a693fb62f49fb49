"""Brat standoff: `name.txt` and beside it `name.ann`.

T1<TAB>Person 0 2<TAB>外婆
R1<TAB>Family Arg1:T1 Arg2:T2

A span in pieces (`965 966;967 968`) is read as the stretch they cover; sets (`*` lines) are
counted and left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError, Tally
from chinchilla.readers.lines import Slice, not_utf8, open_file, text_lines
from chinchilla.spans import Tagged


class Link(NamedTuple):
    """A relation between two spans of a document."""

    label: str
    head: Tagged
    tail: Tagged


class Document(NamedTuple):
    """A text with its spans and links."""

    text: str
    spans: list[Tagged]
    links: list[Link]


def documents(path: Path, tally: Tally) -> Iterator[tuple[int, Document]]:
    """Yield number and document for each .txt of a folder, by name, or for one file.

    One with a bad line is refused, once.
    """
    for number, text in enumerate(text_files(path), start=1):
        try:
            document = read_document(text, tally)
        except InputError as error:
            tally.refuse(error)
        else:
            yield number, document


def text_files(path: Path) -> list[Path]:
    """List the .txt files of a folder, by name, or the one file."""
    return sorted(path.glob("*.txt")) if path.is_dir() else [path]


def annotation_file(path: Path) -> Path:
    """Return the .ann file of a .txt file."""
    return path.with_suffix(".ann")


def read_document(path: Path, tally: Tally) -> Document:
    """Read one text and its .ann, whose sets are counted and left out.

    Raises InputError where one of the two files is missing or cannot be read, or a line does not
    fit: without it, the document would say that less is in the text than is.
    """
    text = _read_text(path)
    part = Slice(annotation_file(path))
    spans: dict[str, Tagged] = {}
    links: list[Link] = []
    sets = []
    for number, line in _lines(part):
        try:
            if line.startswith("*"):
                sets.append(part.at(number))
            elif line:
                _take(line, text, spans, links)
        except (ValueError, KeyError, IndexError) as error:
            what = f"not a brat annotation of {path.name} ({error})"
            raise InputError(part.at(number), what, "correct the line or leave it out") from error
    for where in sets:
        tally.mend("brat-set-left-out", where)
    return Document(text, list(spans.values()), links)


def _read_text(path: Path) -> str:
    with open_file(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise not_utf8(f"{path}:{line}", data) from error


def _lines(part: Slice) -> Iterator[tuple[int, str]]:
    """Return the lines of an .ann; an empty file says that nothing is annotated."""
    if part.path.is_file() and not part.path.stat().st_size:
        return iter(())
    return text_lines(part, Tally())


def _take(line: str, text: str, spans: dict[str, Tagged], links: list[Link]) -> None:
    fields = line.split("\t")
    if line.startswith("T"):
        label, _, places = fields[1].partition(" ")
        pieces = [tuple(map(int, place.split(" "))) for place in places.split(";")]
        if " ".join(text[start:end] for start, end in pieces) != fields[2]:
            raise ValueError(f"offset {places} does not quote {fields[2]!r}")
        spans[fields[0]] = Tagged(label, pieces[0][0], pieces[-1][1])
    elif line.startswith("R"):
        label, head, tail = fields[1].strip().split(" ")
        links.append(Link(label, spans[head.split(":")[1]], spans[tail.split(":")[1]]))
    else:
        raise ValueError(f"{line[:1]!r} lines are not read")
