"""Lines of a file or of a byte range of it, numbered from 1, blank ones counted.

Lines end at "\\n" and nowhere else: `str.splitlines` would also cut at U+2028 and U+0085.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.recognise import ANY_TEXT, Refusals, decodes
from chinchilla.tally import Tally

MAX_LINE = 16 * 1024 * 1024
"""Longest line read, in bytes; the longest record of the known sources has 15 kB."""

MAX_SENTENCE = 5_000
"""Longest sentence read, in characters; the longest of a known edition of MSRA has 2,427."""

_BOM = b"\xef\xbb\xbf"
Boundary = Literal["lines", "blocks", "whole"]
"""Where a file may be cut: after any line, after a blank line, nowhere."""


class LineItem(int):
    """The number of an item of an array, written so that it is not taken for a line."""

    def __str__(self) -> str:
        """Return `item 2`."""
        return f"item {int(self)}"


class DocumentNumber(int):
    """The number of a file of a folder, which is a record of its own."""

    path: Path

    @classmethod
    def of(cls, number: int, path: Path) -> "DocumentNumber":
        """Return the number of the document in a file."""
        made = cls(number)
        made.path = path
        return made


class Slice(NamedTuple):
    """A byte range of a file that begins at a line; `stop` None means to the end."""

    path: Path
    start: int = 0
    stop: int | None = None
    line: int = 1

    def at(self, number: int) -> str:
        """Return `path:line`, `path:item 2`, or the path of a document, for messages."""
        return str(number.path) if isinstance(number, DocumentNumber) else f"{self.path}:{number}"


def raw_lines(part: Slice, tally: Tally) -> Iterator[tuple[int, bytes]]:
    """Yield line number and bytes without the line end; a line over MAX_LINE is refused."""
    refusals = Refusals(part.path, ANY_TEXT, tally)
    with open_file(part.path) as file:
        file.seek(part.start)
        at, number, stop = part.start, part.line, part.stop
        while stop is None or at < stop:
            line = file.readline(MAX_LINE + 1)
            if not line:
                break
            size = len(line)
            at += size
            if size > MAX_LINE:
                at += _skip_line(file)
                what, todo = f"line is longer than {MAX_LINE >> 20} MiB", "put one record on a line"
                if not refusals.goes_on(InputError(part.at(number), what, todo, "long-line")):
                    return
            else:
                if at == size and line.startswith(_BOM):
                    line = line[len(_BOM) :]
                yield number, line.rstrip(b"\r\n")
            number += 1


def text_lines(part: Slice, tally: Tally) -> Iterator[tuple[int, str]]:
    """Yield line number and text; one that is not UTF-8, or ends at a lone CR, is refused."""
    refusals = Refusals(part.path, ANY_TEXT, tally)
    for number, line in raw_lines(part, tally):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            if not refusals.goes_on(not_utf8(part.at(number), line)):
                return
            continue
        if "\r" in text:
            what, todo = "a line ends with CR alone", "write LF: tr '\\r' '\\n' < OLD > NEW"
            tally.refuse(InputError(part.at(number), what, todo, reason="lone-cr"))
        else:
            yield number, text


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; raise InputError where there is none, or an empty one."""
    if path.exists() and not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "is a FIFO or a device, not a file"
        raise InputError(str(path), what, "put the data file itself there")
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        todo = "run `chinchilla sources` to see where files are looked for"
        raise InputError(str(path), "no such file", todo) from error
    except OSError as error:
        what = error.strerror or "cannot be opened"
        raise InputError(str(path), what, "check the file's permissions") from error
    if not file.read(1):
        file.close()
        raise _empty(path)
    file.seek(0)
    return file


def check_content(path: Path) -> None:
    """Raise InputError where a file has no record: nothing, blank lines or an empty array."""
    with open_file(path) as file:
        piece = file.read(1 << 10).removeprefix(_BOM)
        while piece and not piece.strip():
            piece = file.read(1 << 20)
    if b"".join(piece.split()) in (b"", b"[]"):
        raise _empty(path)


def _empty(path: Path) -> InputError:
    return InputError(f"{path}:1", "the file is empty", "fetch or copy it again")


def not_utf8(where: str, line: bytes) -> InputError:
    """Return the error for a line that is not UTF-8: which byte, and whether it would be GBK."""
    what, todo = "not UTF-8", "correct the line or leave it out"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        what += f": byte {error.start + 1} of the line is 0x{line[error.start]:02x}"
    if decodes(line, "gb18030"):
        what, todo = f"{what} (it reads as GBK)", "write the line as UTF-8, as the others are"
    return InputError(where, what, todo, reason="not-utf8")


def too_much(where: str, what: str, between: str) -> InputError:
    """Return the error for a text too long for a sentence; `between` is what parts two."""
    todo = f"is {between} missing between the sentences? put one there"
    return InputError(where, what, todo, reason="long-sentence")


def excerpt(text: str) -> str:
    """Return the first 20 characters of a text, in quotes."""
    return repr(text if len(text) <= 20 else text[:20] + "...")


def _skip_line(file: BinaryIO) -> int:
    """Read on to the end of the line in small pieces and return how many bytes it took."""
    start = file.tell()
    while (piece := file.readline(1 << 20)) and not piece.endswith(b"\n"):
        pass
    return file.tell() - start


def cut(whole: Slice, size: int, boundary: Boundary) -> Iterator[Slice]:
    """Cut a slice into slices of about `size` bytes that end where `boundary` allows.

    They depend on the file and the size alone, so any number of workers reads the same.
    """
    if boundary == "whole":
        yield whole
        return
    with open_file(whole.path) as file:
        total = file.seek(0, 2) if whole.stop is None else whole.stop
        start, line = whole.start, whole.line
        while start < total:
            file.seek(min(start + size, total) - 1)
            _skip_line(file)
            if boundary == "blocks" and file.tell() < total:
                # to the end of the block that the next line belongs to
                while (text := file.readline(MAX_LINE)) and text.strip(b"\r\n"):
                    pass
            stop = file.tell()
            yield Slice(whole.path, start, stop, line)
            line += _count_lines(file, start, stop)
            start = stop


def _count_lines(file: BinaryIO, start: int, stop: int) -> int:
    file.seek(start)
    count, left = 0, stop - start
    while left > 0 and (piece := file.read(min(left, 1 << 20))):
        count += piece.count(b"\n")
        left -= len(piece)
    return count
