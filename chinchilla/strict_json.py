"""Read one JSON value of others: an object in which a key comes twice is refused.

Every reader keeps one of the two values and drops the other without a word.
"""

import json
import re
from contextlib import suppress
from typing import Any

import orjson

ONE_VALUE = "keep one value for the key"
"""What to do about a duplicate key."""
_COLON = re.compile(rb"\\u003[aA]")


class DuplicateKeyError(ValueError):
    """Raised when an object has a key twice."""

    def __init__(self, key: str) -> None:
        """Say which key."""
        super().__init__(f"duplicate key {key!r}")


def loads(line: bytes) -> Any:
    """Return one JSON value; raise DuplicateKeyError where an object of it has a key twice.

    Colons are counted: written again, the value has as many as the line, unless a key was lost:
    {"a": 1, "a": 2} has two, what is read of it, {"a": 2}, one. Only then are the keys read one
    by one. Raises orjson.JSONDecodeError for what is no JSON.
    """
    value = orjson.loads(line)
    try:
        colons = orjson.dumps(value).count(b":")
    except orjson.JSONEncodeError:  # deeper than it writes
        colons = -1
    if line.count(b":") != colons or (b"\\u003" in line and _COLON.search(line)):
        _check_keys(line)
    return value


def _check_keys(data: bytes) -> None:
    """Raise DuplicateKeyError for the first key that comes twice in an object."""
    with suppress(json.JSONDecodeError, RecursionError):
        # numbers stay as they are written: Python reads no whole one of 5,000 digits
        json.loads(data, object_pairs_hook=_unique, parse_int=str, parse_float=str)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            raise DuplicateKeyError(key)
        keys.add(key)
