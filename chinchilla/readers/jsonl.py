"""JSON objects: one a line, or the items of one array.

{"text": "...", "spo_list": []}
{"text": "...", "spo_list": []}
"""

import json
import re
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import ijson
import orjson

from chinchilla.errors import InputError
from chinchilla.readers.context import SplitSlice
from chinchilla.readers.lines import Boundary, LineItem, Slice, not_utf8, open_file, raw_lines
from chinchilla.readers.recognise import Kind, Refusals, other_file
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads
from chinchilla.tally import Tally

Row = dict[str, Any]
_LINES: frozenset[Kind] = frozenset({"json-lines"})
_ARRAY: frozenset[Kind] = frozenset({"json-array"})


def is_array(path: Path) -> bool:
    """Tell a JSON array from JSON Lines by the first character that is no space."""
    with open_file(path) as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def boundary(path: Path) -> Boundary:
    """Cut JSON Lines after any line, an array nowhere."""
    return "whole" if is_array(path) else "lines"


def rows(part: Slice, tally: Tally) -> Iterator[tuple[int, Row]]:
    """Yield line number (item number in an array) and object; bad ones are refused.

    So is one in which, at any depth, a key comes twice: one of the two values would be lost.
    """
    whole = part.start == 0 and part.stop is None
    items = _array_items if whole and is_array(part.path) else _line_items
    for number, item in items(part, tally):
        if isinstance(item, dict):
            yield number, item
        else:
            what = f"{kind(item)}, not an object"
            todo = "write one {...} for each record"
            tally.refuse(InputError(part.at(number), what, todo, reason="no-object"))


def split_rows(part: SplitSlice) -> Iterator[tuple[int, Row]]:
    """Yield the records of the slice of a split, as `rows` does."""
    return rows(part.slice, part.line_tally)


def kind(value: object) -> str:
    """Return what a value is, in words of JSON."""
    return _KINDS.get(type(value), "a list" if isinstance(value, list) else "an object")


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
}


def strings(path: Path, key: str) -> set[str]:
    """Return the strings under a key; raise InputError for an object that has none there."""
    values = set()
    part = Slice(path)
    for number, row in rows(part, Tally()):
        value = row.get(key)
        if not isinstance(value, str):
            todo = "was another file put under this name?"
            raise InputError(part.at(number), f"no string under {key!r}", todo)
        values.add(value)
    return values


def _line_items(part: Slice, tally: Tally) -> Iterator[tuple[int, Any]]:
    refusals = Refusals(part.path, _LINES, tally)
    for number, line in raw_lines(part, tally):
        if not line.strip():
            continue
        try:
            item = loads(line)
        except orjson.JSONDecodeError as error:
            if not refusals.goes_on(_not_json(part, number, line, error)):
                return
        except DuplicateKeyError as error:
            tally.refuse(InputError(part.at(number), str(error), ONE_VALUE, "duplicate-key"))
        else:
            yield number, item


def _not_json(part: Slice, number: int, line: bytes, error: orjson.JSONDecodeError) -> InputError:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return not_utf8(part.at(number), line)
    todo = "write each object whole, on one line"
    if error.msg.startswith("unexpected end") and _ends_with(part.path, line):
        todo = _CUT_OFF
    what = f"not a whole JSON object ({error.msg} at character {error.pos})"
    return InputError(part.at(number), what, todo, reason="not-json")


_CUT_OFF = "was the file cut off? fetch or copy it again"


def _ends_with(path: Path, line: bytes) -> bool:
    """Tell whether a file ends with a line that has no line feed."""
    with open_file(path) as file:
        file.seek(max(0, file.seek(0, 2) - len(line)))
        return file.read() == line


# "\ud83d" without a low half behind it, or "\ude00" without a high half before it
_HALF = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]", re.DOTALL
)


def _array_items(part: Slice, tally: Tally) -> Iterator[tuple[int, Any]]:
    number = LineItem(0)
    with open_file(part.path) as file:
        # the fast parser reads half a surrogate pair as "?"; the slow one keeps it to be seen
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            halves = _HALF.search(data) is not None
        items = ijson.get_backend("python").items if halves else ijson.items
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        try:
            for item in items(file, "item", use_float=True, map_type=_Object):
                number = LineItem(number + 1)
                key = _repeated(item)
                if key is not None:
                    what = str(DuplicateKeyError(key))
                    tally.refuse(InputError(part.at(number), what, ONE_VALUE, "duplicate-key"))
                elif halves and not _whole(item):
                    what = "half a surrogate pair in a string"
                    todo = "write it whole or leave it out"
                    tally.refuse(InputError(part.at(number), what, todo))
                else:
                    yield number, item
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise _no_array(part, LineItem(number + 1), error) from error


def _no_array(part: Slice, number: LineItem, error: Exception) -> InputError:
    """Return why an array cannot be read on: another file, the end too early, a wrong item."""
    other = other_file(part.at(number), part.path, _ARRAY)
    if other is not None:
        return other
    message = str(error).splitlines()[0].strip()
    cut_off = "premature EOF" in message or "ncomplete" in message
    todo = _CUT_OFF if cut_off else "correct the item; nothing after it was read"
    what = f"not a whole JSON array ({message})"
    return InputError(part.at(number), what, todo, reason="not-json")


class _Object(dict[str, Any]):
    """An object that remembers the first key that came twice."""

    repeated: str | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        """Set a key, once."""
        if key in self and self.repeated is None:
            self.repeated = key
        super().__setitem__(key, value)


def _repeated(item: Any) -> str | None:
    """Return the first key that came twice in an object, at any depth."""
    left = [item]
    while left:
        value = left.pop()
        if isinstance(value, _Object):
            if value.repeated is not None:
                return value.repeated
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return None


def _whole(item: Any) -> bool:
    """Tell whether every string of an item can be written as UTF-8."""
    try:
        json.dumps(item, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True
