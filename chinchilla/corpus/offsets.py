"""Spans by the offsets of others: ends that count or not, UTF-16 units, and what shows misreading.

JavaScript, Java and .NET count UTF-16 units, of which a character beyond U+FFFF takes two.
"""

from functools import cached_property
from itertools import accumulate, islice

from chinchilla.corpus.mapping import (
    SETTINGS,
    ArgumentFields,
    EntityFields,
    Mapping,
    Match,
    Setting,
    Unit,
    fetch_offset,
    fetch_string,
)
from chinchilla.errors import RecordError
from chinchilla.readers.context import Fields, RowContext
from chinchilla.readers.shape import MisfitError
from chinchilla.spans import occurrences


class OffsetRuler:
    """Turn offsets into a text to code points; `wide` tells whether UTF-16 units differ."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.wide = not text.isascii() and max(text, default="") > "\uffff"

    @cached_property
    def _points(self) -> dict[int, int]:
        """Map the offset in UTF-16 units of each character, and of the end, to code points."""
        widths = (1 + (character > "\uffff") for character in self.text)
        return {units: number for number, units in enumerate(accumulate(widths, initial=0))}

    def at(self, offset: int, unit: Unit) -> int | None:
        """Return the offset in code points, None inside of a character or after the text."""
        return self._points.get(offset) if unit == "utf-16" and self.wide else offset

    def point(self, offset: int, unit: Unit) -> int:
        """Return the offset in code points; raise MisfitError where there is none."""
        point = self.at(offset, unit)
        if point is None:
            raise MisfitError(f"offset {offset} is inside of a character or after the text")
        return point

    def stretch(self, start: int, end: int, setting: Setting) -> tuple[int, int] | None:
        """Return what two offsets of a setting mean, None where no stretch of the text."""
        first = self.at(start, setting.unit)
        last = self.at(end + (setting.offsets == "end-inclusive"), setting.unit)
        if first is None or last is None or not first < last <= len(self.text):
            return None
        return first, last


def fitting(ruler: OffsetRuler, string: str, start: int, end: int | None, now: Setting) -> str:
    """Return what to do that makes offsets quote a string, "" where nothing known would."""
    text, size = ruler.text, len(string)
    for setting in SETTINGS:
        first = ruler.at(start, setting.unit)
        if setting == now or first is None or text[first : first + size] != string:
            continue
        if (setting.offsets == "start") != (end is None):
            continue
        if end is None or ruler.stretch(start, end, setting) == (first, first + size):
            return f"set {setting.differs(now)}"
    if start > 0 and text[start - 1 : start - 1 + size] == string:
        return "the offsets are one too large: are they counted from 1, or after a byte order mark?"
    if text[start + 1 : start + 1 + size] == string:
        return "the offsets are one too small"
    for at in islice(occurrences(text, string), 100):
        if at + text.count("\n", 0, at) == start and at != start:
            return "the offsets count a line break as two characters (CRLF): write the text so"
    return ""


_OPEN, _CLOSE = "（(《〈“‘「『【[｛{", "）)》〉”’」』】]｝}"


def suspicion(text: str, start: int, end: int) -> str | None:
    """Return the reason why a stretch looks misread, None where it does not."""
    if _inside(text, start) or _inside(text, end):
        return "span-cuts-a-word"
    string, pairs = text[start:end], zip(_OPEN, _CLOSE, strict=True)
    cut = any(string.count(opening) != string.count(closing) for opening, closing in pairs)
    return "span-cuts-brackets" if cut else None


def _inside(text: str, at: int) -> bool:
    """Tell whether an offset is inside of a Latin word or of a number."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if not (before.isascii() and after.isascii()):
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit())


class SpanReader:
    """Read the spans of one record; what does not quote its text is an error with advice."""

    def __init__(self, text: str, mapping: Mapping, context: RowContext) -> None:
        self.text, self.ruler = text, OffsetRuler(text)
        self.setting, self.unit_stated = mapping.setting, mapping.offsets_unit is not None
        self.context = context

    def located(self, match: Match, names: EntityFields | ArgumentFields) -> Fields:
        """Return text, start and end of a span, None where the data do not say.

        Raises RecordError where the offsets do not quote the text.
        """
        string = None if names.text is None else fetch_string(match, names.text, names.list)
        if names.start is None and string is not None:
            return {"text": string, "start": None, "end": None}
        if names.start is not None and names.end is None and string is not None:
            start = self.start(match, names.start, string, names.list)
            return {"text": string, "start": start, "end": start + len(string)}
        first = fetch_offset(match, str(names.start), names.list)
        last = fetch_offset(match, str(names.end), names.list)
        start = self.ruler.point(first, self.setting.unit)
        inclusive = self.setting.offsets == "end-inclusive"
        end = self.ruler.point(last + inclusive, self.setting.unit)
        if string is None:
            self._check_unquoted((first, last), (start, end))
        else:
            self._quote(string, (first, last), (start, end))
        return {"text": self.text[start:end], "start": start, "end": end}

    def start(self, match: Match, path: str, string: str, inside: str) -> int:
        """Return the start of a string that a path leads to, in code points."""
        offset = fetch_offset(match, path, inside)
        start = self.ruler.point(offset, self.setting.unit)
        self._quote(string, (offset, None), (start, start + len(string)))
        return start

    def _quote(self, string: str, offsets: tuple[int, int | None], span: tuple[int, int]) -> None:
        """Raise RecordError, with the setting that fits, where offsets do not quote a string."""
        start, end = span
        text = self.text
        if text[start:end] == string and end <= len(text):
            return
        what = f"offset {start}:{end} quotes {text[start:end]!r}, not {string!r}"
        if end > len(text):
            size = f"the text, which has {len(text)} characters"
            what = f"offset {start}:{end} of {string!r} ends after {size}"
        fit = fitting(self.ruler, string, *offsets, self.setting)
        raise RecordError(self.context.where(), what, self._todo(fit))

    def _todo(self, fit: str) -> str:
        if not fit.startswith("set "):
            return fit or "correct the line or leave it out"
        return f"{fit} in [mapping] of {self.context.part.own_card}"

    def _check_unquoted(self, offsets: tuple[int, int], span: tuple[int, int]) -> None:
        """Count a span of which offsets alone are known and that looks misread.

        Raises RecordError where it is no stretch of the text.
        """
        start, end = span
        text = self.text
        if not start < end <= len(text):
            size = f"the text has {len(text)} characters"
            what = f"offset {start}:{end} is no stretch of the text; {size}"
            raise RecordError(self.context.where(), what, self._todo(self._other(offsets)))
        reason = suspicion(text, start, end)
        if reason is not None:
            self.context.warn(reason, self._todo(self._other(offsets)))
        elif not self.unit_stated and self.ruler.at(end, "utf-16") != end:
            what = 'say offsets_unit = "utf-16", or "code-point" where that is right,'
            todo = f"{what} in [mapping] of {self.context.part.own_card}"
            self.context.warn("offsets-after-wide-characters", todo)

    def _other(self, offsets: tuple[int, int]) -> str:
        """Return which other setting gives a stretch that does not look misread."""
        now, wide = self.setting, self.ruler.wide
        for setting in SETTINGS:
            if setting.offsets == "start" or (setting.unit != now.unit and not wide):
                continue
            stretch = self.ruler.stretch(*offsets, setting)
            if setting != now and stretch and not suspicion(self.text, *stretch):
                return f"set {setting.differs(now)}"
        return ""
