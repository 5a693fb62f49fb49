"""The key taken out of what a server says, in whatever way it sends it back.

Errors, answers and headers of a server are text of others: a proxy may echo the request's headers,
in parts, in another case, broken into lines, percent-encoded, escaped or in base64.
"""

import re
from base64 import b64encode
from collections.abc import Iterator

MASK = "***"
_PART = 8
"""As many letters and digits of a key in a row are taken for a part of it."""
# backslashes are matched from the first of them alone
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]"  # a colour of a terminal, between two letters of a key
    r"|(?:%(?:25)*|(?<!\\)\\+(?:u00|x)|&#[xX]0*)(?P<hex>[0-9A-Fa-f]{2});?"
    r"|&#0*(?P<decimal>[0-9]{2,3});"
    r"|(?<!\\)\\+[a-z]"
)
_PLAIN, _NOT_PLAIN = re.compile("[A-Za-z0-9]"), re.compile("[^A-Za-z0-9]+")
_ANY, _SPACES = re.compile(r"\S"), re.compile(r"\s+")
_Reading = list[tuple[str, int, int]]
"""Characters, each with the stretch of the text that it was read from."""


class Secret:
    """A key that nobody is to see; it is in no representation of this object."""

    __slots__ = ("_firsts", "_key", "_others", "_parts")

    def __init__(self, key: str) -> None:
        """Take the key; a text without one is given back as it is."""
        plain = len(_PLAIN.findall(key)) >= 4
        self._others = _NOT_PLAIN if plain else _SPACES
        self._key = self._letters(key)
        forms = list(_forms(key, self._key))
        self._firsts = [form[:_PART] for form in forms if form]
        letters = {part for form in forms[not plain :] for part in _pieces(form)}
        # and with its marks: what is cut out of a key may hold few letters
        self._parts = {_PLAIN: letters, _ANY: set(_pieces(_SPACES.sub("", key).lower()))}

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"Secret({MASK})"

    def __bool__(self) -> bool:
        """Tell whether there is a key."""
        return bool(self._key)

    @property
    def telling(self) -> bool:
        """Tell whether it is a key and not a word such as EMPTY, which texts may hold."""
        return len(self._key) >= _PART and any(mark.isdigit() for mark in self._key)

    def removed(self, text: str) -> str:
        """Return the text with every part of the key masked, encoded or not."""
        if not self._key:
            return text
        hidden = bytearray(len(text))
        for kept, parts in self._parts.items():
            for read in (_literal(text, kept), _decoded(text, kept)):
                _hide(read, parts, hidden)
        return "".join(_masked(text, hidden))

    def stands_in(self, text: str) -> bool:
        """Tell whether a text of any length holds the whole key, in whatever case or spacing."""
        return bool(self._key) and self._key in self._letters(text)

    def shows_in(self, text: str) -> bool:
        """Tell whether a text of any length holds the beginning of the key, encoded or not."""
        reads = [self._letters(text)]
        if any(mark in text for mark in "%\\&\x1b"):
            reads.append(self._letters(_ESCAPES.sub(_unescaped, text)))
        return any(first in read for first in self._firsts for read in reads)

    def _letters(self, text: str) -> str:
        return self._others.sub("", text).lower()


def _literal(text: str, kept: re.Pattern[str]) -> _Reading:
    return [(one.group().lower(), one.start(), one.end()) for one in kept.finditer(text)]


def _decoded(text: str, kept: re.Pattern[str]) -> _Reading:
    read: _Reading = []
    at = 0
    for one in _ESCAPES.finditer(text):
        read += _moved(_literal(text[at : one.start()], kept), at)
        mark = _unescaped(one)
        if kept.fullmatch(mark) and mark.isprintable():
            read.append((mark.lower(), *one.span()))
        at = one.end()
    return read + _moved(_literal(text[at:], kept), at)


def _hide(read: _Reading, parts: set[str], hidden: bytearray) -> None:
    letters = "".join(mark for mark, _, _ in read)
    for size in {len(part) for part in parts}:
        for start in range(len(letters) - size + 1):
            if letters[start : start + size] in parts:
                first, last = read[start][1], read[start + size - 1][2]
                hidden[first:last] = b"\1" * (last - first)


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found["hex"], 16) if found["hex"] else int(found["decimal"] or 0))


def _moved(read: _Reading, by: int) -> _Reading:
    return [(mark, start + by, end + by) for mark, start, end in read]


def _forms(key: str, plain: str) -> Iterator[str]:
    """Yield the key as it is, in hexadecimal, and in base64 at each of its three places."""
    yield plain
    sent = key.encode("utf-8")
    if len(sent) < 4:
        return
    yield sent.hex()
    for before in range(3):
        # the first and last characters there belong to the neighbours too
        coded = b64encode(b"\0" * before + sent).decode("ascii")
        first = (before * 8 + 5) // 6
        inner = coded[first : (before + len(sent)) * 8 // 6]
        yield "".join(_PLAIN.findall(inner)).lower()


def _pieces(form: str) -> Iterator[str]:
    size = min(_PART, len(form))
    for start in range(len(form) - size + 1 if size else 0):
        yield form[start : start + size]


def _masked(text: str, hidden: bytearray) -> Iterator[str]:
    at = 0
    for stretch in re.finditer(rb"\x01+", hidden):
        yield text[at : stretch.start()]
        yield MASK
        at = stretch.end()
    yield text[at:]
