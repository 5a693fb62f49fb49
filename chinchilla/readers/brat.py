"""Brat standoff: `name.txt` and beside it `name.ann`, a document each.

What is wrong with a line costs that line; a document is lost where its text or all of its
annotation cannot be read. An empty .ann says that nothing is annotated.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.lines import DocumentNumber, Slice, not_utf8, open_file, raw_lines
from chinchilla.readers.recognise import ANY_TEXT, Kind, other_file
from chinchilla.readers.standoff import Annotations, Link, clean
from chinchilla.spans import Tagged
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"brat", "tsv", "csv"})


class BratDocument(NamedTuple):
    """A text with its spans and links, and how many further links could not be used."""

    text: str
    spans: list[Tagged]
    links: list[Link]
    lost: int = 0


def documents(path: Path, tally: Tally) -> Iterator[tuple[int, BratDocument]]:
    """Yield number and document for each .txt of a folder, by name, or for one file.

    One that cannot be read is refused, and so is an .ann without its .txt.
    """
    texts = text_files(path)
    orphans = [ann for ann in sorted(path.glob("*.ann")) if ann.with_suffix(".txt") not in texts]
    for orphan in orphans:
        what, todo = f"no {orphan.stem}.txt beside it", "add the text or take the .ann away"
        tally.refuse(InputError(str(orphan), what, todo, reason="brat-missing-file"))
    for number, text in enumerate(texts, start=1):
        try:
            document = read_document(text, tally)
        except InputError as error:
            tally.refuse(error)
        else:
            yield DocumentNumber.of(number, text.with_suffix(".ann")), document


def text_files(path: Path) -> list[Path]:
    """Return the .txt files of a folder, by name, or the one file."""
    return sorted(path.glob("*.txt")) if path.is_dir() else [path]


def read_document(path: Path, tally: Tally) -> BratDocument:
    """Return one text with its .ann; a line that is wrong is refused alone.

    Raises InputError where one of the two files is missing or cannot be read: without it, the
    document would say that nothing is in the text.
    """
    raw = _read_text(path)
    part = Slice(path.with_suffix(".ann"))
    annotations = Annotations(part, tally)
    lines = list(_lines(path, part, tally))
    annotations.read(lines, raw)
    if annotations.refused and annotations.refused == sum(bool(line.strip()) for _, line in lines):
        what, todo = "no line of it is an annotation", f"put there the annotation of {path.name}"
        raise InputError(str(part.path), what, todo, reason="brat-bad-file")
    spans = [span for span in annotations.spans.values() if span is not None]
    return BratDocument(clean(raw), spans, annotations.links, annotations.lost_links)


def _read_text(path: Path) -> str:
    with open_file(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        where = f"{path}:{line + 1}"
        other = other_file(where, path, ANY_TEXT)
        raise other or not_utf8(where, data.split(b"\n", line + 1)[line]) from error


def _lines(text: Path, part: Slice, tally: Tally) -> Iterator[tuple[int, str]]:
    """Yield the lines of an .ann; raise InputError where it is missing or another file."""
    if not part.path.is_file():
        todo = "add it; an empty one says that nothing is annotated"
        what = f"no annotation of {text.name}"
        raise InputError(str(part.path), what, todo, reason="brat-missing-file")
    if not part.path.stat().st_size:
        return
    other = other_file(part.at(1), part.path, _WANTED)
    if other is not None:
        raise other
    for number, line in raw_lines(part, tally):
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError:
            tally.lose(not_utf8(part.at(number), line))
