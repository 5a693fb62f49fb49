"""What a file is, by its first bytes: the name of its shape and what to do about it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import orjson

from chinchilla.errors import InputError
from chinchilla.tally import Tally

HEAD = 1 << 16
"""How many bytes of a file are read."""
_LINES = 50
_ROWS = 3
"""Fewest lines with as many tabs or commas that are taken for a table."""

Kind = Literal[
    "binary",
    "utf-16",
    "gbk",
    "page",
    "pointer",
    "json-lines",
    "json-array",
    "json-object",
    "columns",
    "brat",
    "marks",
    "word-tag",
    "tsv",
    "csv",
    "text",
]
ANY_TEXT: frozenset[Kind] = frozenset(get_args(Kind)) - {"binary", "utf-16", "gbk"}
"""Every shape whose lines can be decoded."""


class Recognised(NamedTuple):
    """What a file looks like and what to do to have it read."""

    kind: Kind
    name: str
    todo: str


_UNPACK = "unpack it and put the data file itself there"
_AS_LINES = "write its rows as JSON Lines"
_ROWS_OF_FIELDS = "put it where rows of fields are read: another is here"
_WITH_TABS = "save it with tabs for commas, or as JSON Lines"
_BESIDE_TEXT = "put it beside its .txt, in a folder of the split"


def _named(edition: str) -> str:
    return f"give it a name of an edition {edition}: `chinchilla sources` lists them"


_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet file", f"{_AS_LINES}: pandas.read_parquet, then to_json(lines=True)"),
    (b"ARROW1", "an Arrow file", f"{_AS_LINES}: pandas.read_feather, then to_json(lines=True)"),
    (b"\x1f\x8b", "a gzip file", "unpack it: gunzip -c OLD > NEW"),
    (b"BZh", "a bzip2 file", "unpack it: bunzip2 -c OLD > NEW"),
    (b"\xfd7zXZ", "an xz file", "unpack it: unxz -c OLD > NEW"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it: unzstd -c OLD > NEW"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"SQLite format 3\x00", "an SQLite database", f"{_AS_LINES}, or as tab-separated text"),
    (b"\xd0\xcf\x11\xe0", "an old Office file (xls, doc)", "save it as UTF-8 text with tabs"),
    (b"%PDF", "a PDF file", "put the data file itself there"),
    (b"\x00\x05\x16\x07", "a file of notes that macOS makes (._NAME)", "delete it"),
    (b"\x93NUMPY", "a NumPy array", _AS_LINES),
    (b"\x89HDF", "an HDF5 file", _AS_LINES),
)
_POINTER = "version https://git-lfs.github.com/spec/"
_ENCODINGS = (
    ("UTF-32", (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")),
    ("UTF-16", (b"\xff\xfe", b"\xfe\xff")),
)
TAG = r"(?:[Oo]|[BIMESLUbimeslu][-_]\S+)"
"""A tag of any scheme, as a pattern."""
_CELL = re.compile(rf"\S{{1,20}}(?:[\t ,].*?)?[\t ,]+{TAG}[ \t]*|{TAG}[\t ,]+\S")
_TAGGED_WORD = re.compile(r"\S+/[A-Za-z][A-Za-z0-9_-]*")
_BRAT = re.compile(r"[TREAMN]\d+[\t ]|#\d+\t|\*\t")
_MARK = re.compile(r"\{\{\w+:")
_ELEMENT = re.compile(r"<[A-Za-z][\w:.-]*(?:\s[^<>]*)?>")
_OBJECT = re.compile(r'\s*\{\s*(?:["}]|$)')
_MEMBER = re.compile(r'\s*["}]')


def recognise(path: Path) -> Recognised:
    """Return what a file is, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        whole = not file.read(1)
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    return _binary(head) or _page(text) or _encoded(head, whole) or _text(text)


def other_file(where: str, path: Path, wanted: frozenset[Kind]) -> InputError | None:
    """Return an error that says what a file is, where it is none of the wanted shapes."""
    file = recognise(path)
    if file.kind in wanted or file.kind == "text":
        return None
    return InputError(where, f"the file is {file.name}", file.todo, reason="other-file")


class Refusals:
    """Refuse what is wrong in a file; the first time, tell whether the file is another."""

    def __init__(self, path: Path, wanted: frozenset[Kind], tally: Tally) -> None:
        self._path, self._wanted, self._tally = path, wanted, tally
        self._recognised = False

    def goes_on(self, error: InputError) -> bool:
        """Refuse a line and say whether to read on; another file is refused once, as one."""
        other = None if self._recognised else other_file(error.where, self._path, self._wanted)
        self._recognised = True
        self._tally.refuse(other or error)
        return other is None


def _binary(head: bytes) -> Recognised | None:
    for magic, name, todo in _SIGNATURES:
        if head.startswith(magic):
            return Recognised("binary", name, todo)
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            todo = "save the sheet as UTF-8 text with tabs, or as JSON Lines"
            return Recognised("binary", "an Excel workbook (xlsx)", todo)
        return Recognised("binary", "a zip archive", "unpack it: unzip FILE")
    if head[257:262] == b"ustar":
        return Recognised("binary", "a tar archive", "unpack it: tar -xf FILE")
    for encoding, marks in _ENCODINGS:
        if head.startswith(marks):
            return _converted("utf-16", f"{encoding} text", encoding)
    return _with_zeros(head) if b"\x00" in head else None


def _with_zeros(head: bytes) -> Recognised:
    """Return UTF-16 without its mark, which has line feeds of two bytes, or what is no text."""
    for encoding, feed in (("UTF-16LE", b"\n\x00"), ("UTF-16BE", b"\x00\n")):
        first = encoding.endswith("BE")
        even, odd = head[0::2].count(0), head[1::2].count(0)
        many, few = (even, odd) if first else (odd, even)
        if few == 0 and (feed in head or many > len(head) // 8):
            return _converted("utf-16", f"{encoding} text", encoding)
    return Recognised("binary", "a binary file", "put the data file itself there, as UTF-8 text")


def _converted(kind: Kind, name: str, encoding: str) -> Recognised:
    return Recognised(kind, name, f"convert it: iconv -f {encoding} -t UTF-8 OLD > NEW")


def _encoded(head: bytes, whole: bool) -> Recognised | None:
    """Return GBK where hardly a line beyond ASCII is UTF-8 and most are GBK."""
    lines = head.split(b"\n")
    if not whole and len(lines) > 1:
        del lines[-1]
    beyond = [line for line in lines if not line.isascii()]
    bad = [line for line in beyond if not decodes(line, "utf-8")]
    if not bad or len(bad) <= 20 * (len(beyond) - len(bad)):
        return None
    read = sum(decodes(line, "gb18030") for line in bad)
    if read * 10 >= len(bad) * 9:
        return _converted("gbk", "text in GBK, not UTF-8", "GB18030")
    if len(bad) >= _ROWS:
        todo = "save it as UTF-8 text, if it is text"
        return Recognised("binary", "no UTF-8 text, nor GBK", todo)
    return None


def decodes(line: bytes, encoding: str) -> bool:
    """Tell whether a line is text of an encoding."""
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _page(head: str) -> Recognised | None:
    """Return what is there in place of a file that was not fetched, or XML."""
    start = head.lstrip()
    if head.startswith(_POINTER):
        todo = "fetch the file itself: git lfs pull"
        return Recognised("pointer", "a Git LFS pointer, not the file", todo)
    if re.match(r"<(!doctype html|html|head|body)\b", start, re.IGNORECASE):
        todo = "download the raw file again; this is the page about it, or of an error"
        return Recognised("page", "an HTML page", todo)
    if start.startswith("<?xml") or (_ELEMENT.match(start) and _mostly_elements(start)):
        return Recognised("page", "XML", f"{_AS_LINES}; no reader takes XML")
    return None


def _mostly_elements(start: str) -> bool:
    lines = [line for line in start.split("\n")[:_LINES] if line.strip()]
    return "</" in start and sum(line.lstrip()[0] == "<" for line in lines) * 2 > len(lines)


def _text(head: str) -> Recognised:
    start = head.lstrip()
    if start.startswith("[") and start[1:].lstrip()[:1] in ("{", "[", '"', ""):
        return Recognised("json-array", "a JSON array", _of_json("an array of objects"))
    return _of_lines([line.rstrip("\r") for line in start.split("\n")[:_LINES] if line.strip()])


def _of_json(name: str) -> str:
    return f"a source that is read from JSON takes {name}; here another shape is read"


def _of_lines(lines: list[str]) -> Recognised:
    begun = len(lines) > 1 and _OBJECT.match(lines[0]) and _MEMBER.match(lines[1])
    if begun and not _is_object(lines[0]):
        todo = "write each record on one line, or all as the items of one array"
        return Recognised("json-object", "one JSON object over several lines", todo)
    if lines and sum(_OBJECT.match(line) is not None for line in lines) * 2 >= len(lines):
        return Recognised("json-lines", "JSON Lines", _of_json("JSON Lines"))
    for share, fits, shape in _SHAPES:
        if lines and sum(bool(fits(line)) for line in lines) >= share * len(lines):
            return shape
    for mark, shape in _TABLES:
        counts = {line.count(mark) for line in lines}
        if len(lines) >= _ROWS and len(counts) == 1 and counts != {0}:
            return shape
        if counts != {0}:
            break
    return Recognised("text", "plain text", "put the data file itself there")


def _is_object(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


_TABLES = (
    ("\t", Recognised("tsv", "tab-separated text", _ROWS_OF_FIELDS)),
    (",", Recognised("csv", "comma-separated text", _WITH_TABS)),
)


def _is_cell(line: str) -> bool:
    return len(line) <= 200 and _CELL.fullmatch(line) is not None


def _is_tagged(line: str) -> bool:
    words = [word for word in line.split(" ") if word]
    return sum(_TAGGED_WORD.fullmatch(word) is not None for word in words) * 2 > len(words)


# the share of lines that must look so, how a line looks, what the file is then
_SHAPES: tuple[tuple[float, Callable[[str], object], Recognised], ...] = (
    (0.8, _BRAT.match, Recognised("brat", "a brat annotation file", _BESIDE_TEXT)),
    (
        0.8,
        _is_cell,
        Recognised("columns", "columns, a character and its tag a line", _named("in columns")),
    ),
    (0.3, _MARK.search, Recognised("marks", "text with {{label:...}} marks", _named("with marks"))),
    (0.8, _is_tagged, Recognised("word-tag", "sentences of word/tag", _named("of word/tag"))),
)
