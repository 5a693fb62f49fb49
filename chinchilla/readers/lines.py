"""Lines of a file or of a byte range of it, numbered from 1, blank ones counted.

Lines end at "\\n" and nowhere else: `str.splitlines` would also cut at U+2028 and U+0085.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from chinchilla.errors import InputError, Tally

MAX_LINE = 16 * 1024 * 1024
"""Longest line read, in bytes; the longest record of the known sources has 15 kB."""

_BOM = b"\xef\xbb\xbf"
Boundary = Literal["lines", "blocks", "whole", "items"]
"""Where a file may be cut: after any line, after a blank line, nowhere; nor can the items of an
array, which are counted in place of lines."""

ITEM = "item "
"""What stands before the number of an item of an array, in the place of an error."""


class Slice(NamedTuple):
    """A byte range of a file that begins at a line; `stop` None means to the end.

    `unit` stands before the number of a place that is not the number of a line.
    """

    path: Path
    start: int = 0
    stop: int | None = None
    line: int = 1
    unit: str = ""

    def at(self, place: int | str) -> str:
        """Name a place of the file as errors do: `path:line`, or `path:item N` in an array."""
        return f"{self.path}:{self.unit}{place}"


def raw_lines(part: Slice, tally: Tally) -> Iterator[tuple[int, bytes]]:
    """Yield line number and bytes without the line end; a line over MAX_LINE is refused."""
    with open_file(part.path) as file:
        file.seek(part.start)
        at, number = part.start, part.line
        while part.stop is None or at < part.stop:
            line = file.readline(MAX_LINE + 1)
            if not line:
                break
            at += len(line)
            if len(line) > MAX_LINE:
                at += _skip_line(file)
                tally.refuse(_too_long(part.at(number)))
            else:
                if at == len(line) and line.startswith(_BOM):
                    line = line[len(_BOM) :]
                yield number, line.rstrip(b"\r\n")
            number += 1


def text_lines(part: Slice, tally: Tally) -> Iterator[tuple[int, str]]:
    """Yield line number and text; a line that is not UTF-8 is refused."""
    for number, line in raw_lines(part, tally):
        try:
            yield number, line.decode("utf-8")
        except UnicodeDecodeError:
            tally.refuse(not_utf8(part.at(number), line))


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; raise InputError where there is none, or an empty one."""
    if path.is_dir():
        raise InputError(str(path), "is a folder, not a file", "put the data file itself there")
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        todo = "run `chinchilla sources` to see where files are looked for"
        raise InputError(str(path), "no such file", todo) from error
    except OSError as error:
        words = error.strerror or "cannot be opened"
        raise InputError(str(path), words, "check the file's permissions") from error
    if not file.read(1):
        file.close()
        raise _empty(path)
    file.seek(0)
    return file


def check_content(path: Path) -> None:
    """Raise InputError where a file holds no record: nothing, blank lines or an empty array."""
    with open_file(path) as file:
        piece = file.read(1 << 10).removeprefix(_BOM)
        while piece and not piece.strip():
            piece = file.read(1 << 20)
    if b"".join(piece.split()) in (b"", b"[]"):
        raise _empty(path)


def _empty(path: Path) -> InputError:
    return InputError(f"{path}:1", "the file is empty", "fetch or copy it again")


def not_utf8(where: str, line: bytes) -> InputError:
    """Say that a line is not UTF-8, and whether it would be GBK."""
    try:
        line.decode("gb18030")
        guess, todo = " (it reads as GBK)", "convert it: iconv -f GB18030 -t UTF-8 OLD > NEW"
    except UnicodeDecodeError:
        guess, todo = "", "save the file as UTF-8"
    return InputError(where, f"not UTF-8{guess}", todo)


def _too_long(where: str) -> InputError:
    limit = f"line is longer than {MAX_LINE // 2**20} MiB"
    return InputError(where, limit, "put one record on a line; is the file of another format?")


def _skip_line(file: BinaryIO) -> int:
    """Read on to the end of the line in small pieces and return how many bytes it took."""
    taken = 0
    while piece := file.readline(1 << 20):
        taken += len(piece)
        if piece.endswith(b"\n"):
            break
    return taken


def cut(whole: Slice, size: int, boundary: Boundary) -> Iterator[Slice]:
    """Cut a slice into slices of about `size` bytes that end where `boundary` allows.

    They depend on the file and the size alone, so any number of workers reads the same.
    """
    if boundary in ("whole", "items"):
        yield whole._replace(unit=ITEM if boundary == "items" else "")
        return
    with open_file(whole.path) as file:
        total = file.seek(0, 2) if whole.stop is None else whole.stop
        start, line = whole.start, whole.line
        while start < total:
            file.seek(min(start + size, total) - 1)
            _skip_line(file)
            if boundary == "blocks" and file.tell() < total:
                _skip_block(file)
            stop = file.tell()
            yield Slice(whole.path, start, stop, line)
            line += _count_lines(file, start, stop)
            start = stop


def _skip_block(file: BinaryIO) -> None:
    """Read on to the end of the block that the next line belongs to."""
    while (line := file.readline(MAX_LINE)) and line.strip(b"\r\n"):
        pass


def _count_lines(file: BinaryIO, start: int, stop: int) -> int:
    file.seek(start)
    count, left = 0, stop - start
    while left > 0 and (piece := file.read(min(left, 1 << 20))):
        count += piece.count(b"\n")
        left -= len(piece)
    return count
