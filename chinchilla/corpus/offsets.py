"""Offsets of others: ends that count or not, UTF-16 units, and what shows that they are misread.

JavaScript, Java and .NET count UTF-16 units, of which a character beyond U+FFFF takes two.
"""

from collections.abc import Callable
from functools import cached_property
from itertools import islice
from typing import Literal, NamedTuple

from chinchilla.corpus.shape import MisfitError
from chinchilla.spans import occurrences

Offsets = Literal["none", "start", "end-inclusive", "end-exclusive"]
Unit = Literal["code-point", "utf-16"]


class Setting(NamedTuple):
    """What `offsets` and `offsets_unit` of a mapping say."""

    offsets: Offsets
    unit: Unit

    def differs(self, other: "Setting") -> str:
        """Write, as a card does, what must be set to have this one in place of another."""
        words = []
        if self.offsets != other.offsets:
            words.append(f'offsets = "{self.offsets}"')
        if self.unit != other.unit:
            words.append(f'offsets_unit = "{self.unit}"')
        return " and ".join(words)


_KINDS: tuple[Offsets, ...] = ("end-exclusive", "end-inclusive", "start")
_UNITS: tuple[Unit, ...] = ("code-point", "utf-16")
SETTINGS = tuple(Setting(offsets, unit) for unit in _UNITS for offsets in _KINDS)


class Ruler:
    """Turn offsets into a text to code points; a table is made where the two differ."""

    def __init__(self, text: str) -> None:
        """Look whether a character of the text takes two UTF-16 units."""
        self.text = text
        self.wide = not text.isascii() and max(text, default="") > "\uffff"
        self._table: dict[int, int] | None = None

    @cached_property
    def first_wide(self) -> int:
        """Return the place of the first character of two UTF-16 units, or the end of the text."""
        wide = (number for number, mark in enumerate(self.text) if mark > "\uffff")
        return next(wide, len(self.text)) if self.wide else len(self.text)

    def at(self, offset: int, unit: Unit) -> int | None:
        """Return the offset in code points, None inside of a character or after the text."""
        if unit == "code-point" or not self.wide:
            return offset
        if self._table is None:
            self._table, units = {}, 0
            for number, character in enumerate(self.text):
                self._table[units] = number
                units += 1 + (character > "\uffff")
            self._table[units] = len(self.text)
        return self._table.get(offset)

    def point(self, offset: int, unit: Unit) -> int:
        """Return the offset in code points; raise MisfitError where there is none."""
        found = self.at(offset, unit)
        if found is None:
            raise MisfitError(f"offset {offset} is inside of a character or after the text")
        return found

    def stretch(self, start: int, end: int, setting: Setting) -> tuple[int, int] | None:
        """Return what two offsets of a setting mean, None where no stretch of the text."""
        first = self.at(start, setting.unit)
        last = self.at(end + (setting.offsets == "end-inclusive"), setting.unit)
        if first is None or last is None or not first < last <= len(self.text):
            return None
        return first, last


def fitting(ruler: Ruler, words: str, start: int, end: int | None, now: Setting) -> str:
    """Say what to do that makes offsets quote the words, "" where nothing known would."""
    text, size = ruler.text, len(words)
    for setting in SETTINGS:
        first = ruler.at(start, setting.unit)
        if setting == now or first is None or text[first : first + size] != words:
            continue
        if (setting.offsets == "start") != (end is None):
            continue
        if end is None or ruler.stretch(start, end or 0, setting) == (first, first + size):
            wanted = setting.differs(now)
            if wanted:
                return f"set {wanted}"
    for shift, how in (
        (-1, "large: are they counted from 1, or after a byte order mark?"),
        (1, "small"),
    ):
        at = start + shift
        if at >= 0 and text[at : at + size] == words:
            return f"the offsets are one too {how}"
    for at in islice(occurrences(text, words), 100):
        if at + text.count("\n", 0, at) == start and at != start:
            return "the offsets count a line break as two characters (CRLF): write the text so"
    return ""


_OPEN, _CLOSE = "（(《〈“‘「『【[｛{", "）)》〉”’」』】]｝}"


def suspicion(text: str, start: int, end: int) -> str | None:
    """Name what makes a stretch look misread, None where nothing does."""
    if _inside(text, start) or _inside(text, end):
        return "span-cuts-a-word"
    words = text[start:end]
    for opening, closing in zip(_OPEN, _CLOSE, strict=True):
        if words.count(opening) != words.count(closing):
            return "span-cuts-brackets"
    return None


def _inside(text: str, at: int) -> bool:
    """Tell whether a place is inside of a Latin word or of a number."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if not (before.isascii() and after.isascii()):
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit())


class Repeats:
    """Count, over spans of many texts, how often a surface looks one character short or long.

    A surface that comes in several contexts and always before the same character is short; one
    that without its last character comes before many others is long.
    """

    def __init__(self) -> None:
        """Begin with no span."""
        self._next = _Groups({}, {})
        self._last = _Groups({}, {})

    def add(self, text: str, start: int, end: int, where: str) -> None:
        """Take a span and what stands around it."""
        before = text[max(0, start - 2) : start]
        self._next.add(text[start:end], before + text[end : end + 3], text[end : end + 1], where)
        if end - start > 1:
            after = text[end - 1 : end + 2]
            self._last.add(text[start : end - 1], before + after, after[0], where)

    def short(self) -> list[str]:
        """Return the places of surfaces that are short, where most that are repeated are."""
        return self._next.most(lambda after: len(set(after)) == 1 and after[0].isalnum())

    def long(self) -> list[str]:
        """Return the places of surfaces that are long, where most that are repeated are."""
        return self._last.most(lambda last: len(set(last)) == len(last))


class _Groups(NamedTuple):
    """What stands next to each surface, once a context, and where."""

    met: dict[str, dict[str, str]]
    places: dict[str, list[str]]

    def add(self, words: str, context: str, mark: str, where: str) -> None:
        self.met.setdefault(words, {})[context] = mark
        self.places.setdefault(words, []).append(where)

    def most(self, odd: Callable[[list[str]], bool]) -> list[str]:
        """Return the places of the surfaces that are odd, where nearly all repeated ones are."""
        repeated = {words: list(marks.values()) for words, marks in self.met.items()}
        repeated = {words: marks for words, marks in repeated.items() if len(marks) > 1}
        found = [words for words, marks in repeated.items() if odd(marks)]
        spans = sum(len(repeated[words]) for words in found)
        many = spans > 2 and len(found) * 5 > len(repeated) * 4
        return [place for words in found for place in self.places[words]] if many else []
