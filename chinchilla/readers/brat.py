"""Brat standoff: `name.txt` and beside it `name.ann`, a document each.

What is wrong with a line costs that line; a document is lost where its text or all of its
annotation cannot be read. An empty .ann says that nothing is annotated.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.lines import DocumentNumber, Slice, excerpt, not_utf8, open_file, raw_lines
from chinchilla.readers.recognise import ANY_TEXT, Kind, other_file
from chinchilla.spans import Tagged
from chinchilla.tally import Tally

_WANTED: frozenset[Kind] = frozenset({"brat", "tsv", "csv"})


class Link(NamedTuple):
    """A relation between two spans of a document, and its line."""

    label: str
    head: Tagged
    tail: Tagged
    line: int = 0


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
    texts = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    orphans = [ann for ann in sorted(path.glob("*.ann")) if ann.with_suffix(".txt") not in texts]
    for orphan in orphans:
        what, todo = f"no {orphan.stem}.txt beside it", "add the text or take the .ann away"
        tally.refuse(InputError(str(orphan), what, todo, reason="brat-missing-file"))
    for number, text in enumerate(texts, start=1):
        try:
            document = _read_document(text, tally)
        except InputError as error:
            tally.refuse(error)
        else:
            yield DocumentNumber.of(number, text.with_suffix(".ann")), document


def _read_document(path: Path, tally: Tally) -> BratDocument:
    """Return one text with its .ann; a line that is wrong is refused alone.

    Raises InputError where one of the two files is missing or cannot be read: without it, the
    document would say that nothing is in the text.
    """
    raw = _read_text(path)
    part = Slice(path.with_suffix(".ann"))
    annotations = _Annotations(part, tally)
    lines = list(_lines(path, part, tally))
    annotations.read(lines, raw)
    if annotations.refused and annotations.refused == sum(bool(line.strip()) for _, line in lines):
        what, todo = "no line of it is an annotation", f"put there the annotation of {path.name}"
        raise InputError(str(part.path), what, todo, reason="brat-bad-file")
    spans = [span for span in annotations.spans.values() if span is not None]
    return BratDocument(_clean(raw), spans, annotations.links, annotations.lost_links)


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


_LEFT_OUT = {
    "A": "brat-attribute-left-out",
    "M": "brat-attribute-left-out",
    "E": "brat-event-left-out",
    "N": "brat-normalisation-left-out",
    "#": "brat-note-left-out",
    "*": "brat-set-left-out",
}
# "T1", "R1", "#" or "*" at the start of a line: the id of an annotation
_KNOWN = re.compile(r"[TRAMEN]\d+(?=[\t ]|$)|#|\*(?=[\t ])")
_DIGITS = re.compile(r"[0-9]{1,9}")
_STRIPPED = 64
"""Most blanks at the end of a span that an editor may have taken from the end of a line."""


class _Quoted(NamedTuple):
    """A span as its line states it: pieces in the file's counting, and the string it quotes."""

    number: int
    name: str
    label: str
    pieces: tuple[tuple[int, int], ...]
    string: str


_BOM = "\ufeff"


class _Counting(NamedTuple):
    """A text and the code point that each stated offset means; None where they are the same.

    An offset inside a character means -1. What is one character for us may be two for the tool
    that wrote the file: CR LF, a byte order mark, a character beyond U+FFFF.
    """

    name: str
    text: str
    points: list[int] | None

    def pieces(self, stated: tuple[tuple[int, int], ...]) -> list[tuple[int, int]] | None:
        """Return stretches of the text, None where they are not there or not in order."""
        pieces = [(self._at(start), self._at(end)) for start, end in stated]
        last = 0
        for start, end in pieces:
            if not last <= start < end:
                return None
            last = end
        return pieces

    def _at(self, offset: int) -> int:
        if self.points is None:
            return offset if offset <= len(self.text) else -1
        return self.points[offset] if offset < len(self.points) else -1


def _clean(raw: str) -> str:
    """Return a text without its byte order mark, with LF for CRLF."""
    return raw.removeprefix(_BOM).replace("\r\n", "\n")


def _countings(raw: str) -> Iterator[_Counting]:
    """Yield our own counting of a text, then those that count CR, BOM or UTF-16 units too."""
    text = _clean(raw)
    yield _Counting("", text, None)
    doubles = (
        ("bom", raw.startswith(_BOM)),
        ("cr", "\r\n" in raw),
        ("utf-16", any(character > "\uffff" for character in raw)),
    )
    for chosen in product(*([False, True] if there else [False] for _, there in doubles)):
        if counted := {name for (name, _), taken in zip(doubles, chosen, strict=True) if taken}:
            yield _Counting("with-" + "-".join(sorted(counted)), text, _points(raw, counted))


def _points(raw: str, counted: set[str]) -> list[int]:
    """Return the code point of the clean text for each offset that a file may state."""
    points, at = [], 0
    if raw.startswith(_BOM):
        points, raw = [0] * ("bom" in counted), raw[1:]
    for number, character in enumerate(raw):
        if character == "\r" and raw.startswith("\n", number + 1):
            points += [at] * ("cr" in counted)
            continue
        points.append(at)
        points += [-1] * ("utf-16" in counted and character > "\uffff")
        at += 1
    return [*points, at]


@dataclass
class _Annotations:
    """Collect the lines of a file; a span that is known and cannot be used is None."""

    part: Slice
    tally: Tally
    quoted: list[_Quoted] = field(default_factory=list)
    spans: dict[str, Tagged | None] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    refused: int = 0
    lost_links: int = 0
    _relations: list[tuple[int, str]] = field(default_factory=list)
    _met: dict[str, str] = field(default_factory=dict)
    _shared: set[str] = field(default_factory=set)

    def read(self, lines: Iterable[tuple[int, str]], raw: str) -> None:
        """Read the lines, in any order, against the text as the file has it."""
        for number, line in lines:
            if line.strip():
                self._sort(number, line)
        counting = _best(self.quoted, _countings(raw))
        if counting.name:
            self.tally.fix(f"brat-offsets-{counting.name}", self.part.at(1))
        for quoted in self.quoted:
            if quoted.name not in self._shared:
                self._place(quoted, counting)
        for number, line in self._relations:
            self._link(number, line)

    def _sort(self, number: int, line: str) -> None:
        known = _KNOWN.match(line)
        if known is None:
            self._refuse(number, f"{excerpt(line)} is no line of brat", "brat-unknown-line")
            return
        name = known.group()
        if name[0] in _LEFT_OUT:
            if name[0] == "E":
                self.spans.setdefault(name, None)
            self.tally.fix(_LEFT_OUT[name[0]], self.part.at(number))
        elif self._met.setdefault(name, line.rstrip()) != line.rstrip() or name in self.spans:
            self._again(number, name, line)
        elif name[0] == "T":
            self.spans[name] = None
            self._quote(number, name, line)
        else:
            self.spans[name] = None
            self._relations.append((number, line))

    def _again(self, number: int, name: str, line: str) -> None:
        """Take the second line of a name: the same is passed over, another span is refused."""
        if self._met[name] == line.rstrip():
            self.tally.fix("brat-repeated-line", self.part.at(number))
        elif name[0] == "R":
            todo = "give every relation a number of its own"
            self.tally.warn("brat-repeated-id", self.part.at(number), todo)
            self._relations.append((number, line))
        else:
            self._shared.add(name)
            self._refuse(number, f"{name} is another span already", "brat-repeated-id")

    def _quote(self, number: int, name: str, line: str) -> None:
        fields = line.split("\t", 2)
        label, *offsets = fields[1].split() if len(fields) == 3 else ("",)
        pieces = [piece.split() for piece in " ".join(offsets).split(";")]
        if not all(len(piece) == 2 and all(map(_DIGITS.fullmatch, piece)) for piece in pieces):
            what = f"expected T1<TAB>label start end<TAB>words, found {excerpt(line)}"
            self._refuse(number, what, "brat-bad-span")
            return
        numbers = tuple((int(start), int(end)) for start, end in pieces)
        self.quoted.append(_Quoted(number, name, label, numbers, fields[2]))

    def _place(self, quoted: _Quoted, counting: _Counting) -> None:
        """Keep a span where it quotes one stretch of the text."""
        pieces = counting.pieces(quoted.pieces)
        if pieces is None:
            self._refuse(quoted.number, _misplaced(quoted.pieces, counting), "brat-bad-span")
            return
        fit = _fit(counting.text, pieces, quoted.string)
        start, end = pieces[0][0], pieces[-1][1]
        if fit == "no":
            offsets = ";".join(f"{start} {end}" for start, end in pieces)
            there = excerpt(counting.text[start : min(end, start + 21)])
            what = f"offset {offsets} is {there} in the text, not {excerpt(quoted.string)}"
            self._refuse(quoted.number, what, "brat-bad-span")
        elif any(counting.text[a:b].strip() for (_, a), (b, _) in pairwise(pieces)):
            todo = "annotate one stretch of the text; what is between is not the entity's"
            self.tally.warn("brat-discontinuous-span", self.part.at(quoted.number), todo)
        else:
            self.spans[quoted.name] = Tagged(quoted.label, start, end)
            if fit == "marks":
                todo = "the words of the text are taken; compare them with those of the line"
                self.tally.warn("brat-marks-differ", self.part.at(quoted.number), todo)

    def _link(self, number: int, line: str) -> None:
        fields = line.partition("\t")[2].split()
        ends = _ends(fields[1:])
        if len(fields) != 3 or ends is None:
            self._lose(number, f"expected R1<TAB>label Arg1:T1 Arg2:T2, found {excerpt(line)}")
            return
        missing = [name for name in ends if name not in self.spans]
        if missing:
            self._lose(number, f"there is no {missing[0]}")
            return
        head, tail = (self.spans[name] for name in ends)
        if head is None or tail is None:
            self.lost_links += 1
            todo = "see the lines of its spans, which are left out"
            self.tally.warn("brat-relation-without-span", self.part.at(number), todo)
        else:
            self.links.append(Link(fields[0], head, tail, number))

    def _lose(self, number: int, what: str) -> None:
        self.lost_links += 1
        self._refuse(number, what, "brat-bad-relation")

    def _refuse(self, number: int, what: str, reason: str) -> None:
        self.refused += 1
        todo = "correct the line or leave it out"
        self.tally.lose(InputError(self.part.at(number), what, todo, reason=reason))


def _ends(arguments: list[str]) -> tuple[str, str] | None:
    """Return the names of head and tail, by Arg1 and Arg2 where the arguments are so called."""
    pairs = [argument.partition(":") for argument in arguments]
    if len(pairs) != 2 or not all(role and name for role, _, name in pairs):
        return None
    (first, _, head), (second, _, tail) = pairs
    if first.casefold() == second.casefold():
        return None
    return (tail, head) if (first, second) == ("Arg2", "Arg1") else (head, tail)


def _best(quoted: list[_Quoted], ways: Iterator[_Counting]) -> _Counting:
    """Return the counting that most spans fit, our own where it is as good."""
    # `max` keeps the first of several that are as good
    own = next(ways)
    if all(_fits(span, own) for span in quoted):
        return own
    return max((own, *ways), key=lambda way: sum(_fits(span, way) for span in quoted))


def _fits(quoted: _Quoted, counting: _Counting) -> bool:
    pieces = counting.pieces(quoted.pieces)
    return pieces is not None and _fit(counting.text, pieces, quoted.string) == "yes"


def _misplaced(pieces: tuple[tuple[int, int], ...], counting: _Counting) -> str:
    """Say why offsets are no stretches of a text."""
    offsets = ";".join(f"{start} {end}" for start, end in pieces)
    if any(end <= start for start, end in pieces):
        return f"the end of {offsets} is not behind its start"
    if any(counting.pieces((piece,)) is None for piece in pieces):
        return f"{offsets} is beyond the text, which has {len(counting.text)} characters"
    return f"the pieces of {offsets} overlap or are out of order"


def _fit(text: str, pieces: list[tuple[int, int]], string: str) -> str:
    """Compare a span with its quotation: "yes", "marks" where only punctuation differs, "no"."""
    width = sum(end - start for start, end in pieces) + len(pieces) - 1
    if abs(width - len(string)) > _STRIPPED:
        return "no"
    covered = " ".join(text[start:end] for start, end in pieces).replace("\n", " ").rstrip()
    quoted = string.replace("\n", " ").rstrip()
    if not covered or not quoted:
        return "no"
    if covered == quoted:
        return "yes"
    alike = len(covered) == len(quoted) and all(map(_alike, covered, quoted))
    return "marks" if alike else "no"


def _alike(first: str, second: str) -> bool:
    marks = all(unicodedata.category(character)[0] in "PSZ" for character in (first, second))
    return first == second or marks
