"""The key taken out of a server's text, in whatever way it is echoed.

Errors, answers and headers of a server are text of others: a proxy may echo the request's headers,
in parts, in another case, broken into lines, percent-encoded, escaped or in base64.
"""

import re
from base64 import b64encode
from collections.abc import Iterator

MASK = "***"
_PART = 8
"""As many characters of a key in a row count as a part of it."""
# one group a way to escape a character, each run of backslashes matched from its first alone:
# %41 or %2541, \x41 or \u0041, &#x41; are "A" by their hexadecimal digits, &#65; by its decimal
# ones; a colour of a terminal (ESC [31m) and \n between two letters of a key are nothing
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-z]"
    r"|(?:%(?:25)*|(?<!\\)\\+(?:u00|x)|&#[xX]0*)(?P<hex>[0-9A-Fa-f]{2});?"
    r"|&#0*(?P<decimal>[0-9]{2,3});"
    r"|(?<!\\)\\+[a-z]"
)
_ALPHANUMERIC, _OTHER = re.compile("[A-Za-z0-9]"), re.compile("[^A-Za-z0-9]+")
_VISIBLE, _SPACES = re.compile(r"\S"), re.compile(r"\s+")


_Mark = tuple[str, int, int]
"""A character in lower case, and the start and end of the text that it was read from."""


class Secret:
    """A key, in no representation of this object; without one, texts stay as they are."""

    __slots__ = ("_firsts", "_key", "_others", "_parts")

    def __init__(self, key: str) -> None:
        alphanumeric = len(_ALPHANUMERIC.findall(key)) >= 4
        self._others = _OTHER if alphanumeric else _SPACES
        self._key = self._letters(key)
        forms = list(_forms(key, self._key))
        self._firsts = [form[:_PART] for form in forms if form]
        letters = {part for form in forms[not alphanumeric :] for part in _parts(form)}
        # the key's other characters count too: what is cut out of it may hold few letters
        every = set(_parts(_SPACES.sub("", key).lower()))
        self._parts = {_ALPHANUMERIC: letters, _VISIBLE: every}

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __bool__(self) -> bool:
        return bool(self._key)

    @property
    def telling(self) -> bool:
        """Whether it is a key and not a word such as EMPTY, which texts may hold."""
        return len(self._key) >= _PART and any(character.isdigit() for character in self._key)

    def removed(self, text: str) -> str:
        """Return the text with every part of the key masked, encoded or not."""
        if not self._key:
            return text
        hidden = bytearray(len(text))
        for kept, parts in self._parts.items():
            for marks in (_literal(text, kept), _decoded(text, kept)):
                _hide(marks, parts, hidden)
        return "".join(_masked(text, hidden))

    def is_in(self, text: str) -> bool:
        """Whether a text of any length holds the whole key, in whatever case or spacing."""
        return bool(self._key) and self._key in self._letters(text)

    def begins_in(self, text: str) -> bool:
        """Whether a text of any length holds the beginning of the key, encoded or not."""
        readings = [self._letters(text)]
        if any(mark in text for mark in "%\\&\x1b"):
            readings.append(self._letters(_ESCAPES.sub(_unescaped, text)))
        return any(first in reading for first in self._firsts for reading in readings)

    def _letters(self, text: str) -> str:
        return self._others.sub("", text).lower()


def _literal(
    text: str, kept: re.Pattern[str], start: int = 0, end: int | None = None
) -> list[_Mark]:
    """Return the characters of a stretch of the text that a pattern keeps, as they are."""
    matches = kept.finditer(text, start, len(text) if end is None else end)
    return [(_lower(match.group()), *match.span()) for match in matches]


def _decoded(text: str, kept: re.Pattern[str]) -> list[_Mark]:
    """Return the characters of the text that a pattern keeps, escapes read as what they mean."""
    marks: list[_Mark] = []
    start = 0
    for escape in _ESCAPES.finditer(text):
        marks += _literal(text, kept, start, escape.start())
        character = _unescaped(escape)
        if kept.fullmatch(character) and character.isprintable():
            marks.append((_lower(character), *escape.span()))
        start = escape.end()
    return marks + _literal(text, kept, start)


def _lower(character: str) -> str:
    """Return one character in lower case: \u0130 alone has two, of which the first is kept."""
    return character.lower()[:1]


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape["hex"], 16) if escape["hex"] else int(escape["decimal"] or 0))


def _hide(marks: list[_Mark], parts: set[str], hidden: bytearray) -> None:
    """Set in `hidden` the stretches of the text that hold a part of the key."""
    letters = "".join(character for character, _, _ in marks)
    for size in {len(part) for part in parts}:
        for start in range(len(letters) - size + 1):
            if letters[start : start + size] in parts:
                first, last = marks[start][1], marks[start + size - 1][2]
                hidden[first:last] = b"\1" * (last - first)


def _masked(text: str, hidden: bytearray) -> Iterator[str]:
    start = 0
    for stretch in re.finditer(rb"\x01+", hidden):
        yield text[start : stretch.start()]
        yield MASK
        start = stretch.end()
    yield text[start:]


def _forms(key: str, letters: str) -> Iterator[str]:
    """Yield the key as it is, in hexadecimal, and in base64 at each of its three offsets."""
    yield letters
    sent = key.encode("utf-8")
    if len(sent) < 4:
        return
    yield sent.hex()
    for before in range(3):
        # the first and last characters there belong to the neighbours too
        coded = b64encode(b"\0" * before + sent).decode("ascii")
        first = (before * 8 + 5) // 6
        inner = coded[first : (before + len(sent)) * 8 // 6]
        yield "".join(_ALPHANUMERIC.findall(inner)).lower()


def _parts(form: str) -> Iterator[str]:
    size = min(_PART, len(form))
    for start in range(len(form) - size + 1 if size else 0):
        yield form[start : start + size]
