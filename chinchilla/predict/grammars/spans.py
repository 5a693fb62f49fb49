"""Spans cut from a passage, as the forms write them: as JSON strings, or bare where they may.

llguidance matches pieces of a list of chunks. A chunk is one character, escaped where it stands
in a JSON string, so that no cut falls into an escape.
"""

import re
from collections.abc import Iterable
from json import dumps
from re import Pattern
from typing import NamedTuple

from chinchilla.answers.quoting import bare, quoted
from chinchilla.predict.grammars.lark import either, literal

# what \s is in Python, and in answers.quoting with it
_BLANK = (
    r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}"
    r"\x{205f}\x{3000}"
)
_EDGE = rf'/[^{_BLANK}"]([^\n\r]*[^{_BLANK}])?/'
_AWKWARD = re.compile(r'[\s"]')


def strings(passage: str) -> list[str]:
    """Define the terminal STRING: a span of the passage as a JSON string."""
    escaped = [quoted(character)[1:-1] for character in passage]
    return [f"ESCAPED: {_cut(escaped)}", 'STRING: "\\"" (ESCAPED & /(?s:.)+/) "\\""']


def string(values: Iterable[str] = ()) -> str:
    """Write a span as a JSON string, or as one of some classes."""
    return either(["STRING", *(literal(quoted(value)) for value in values)])


def _cut(chunks: Iterable[str]) -> str:
    return f"%regex {dumps({'substring_chunks': list(chunks)})}"


class SpanWords(NamedTuple):
    """Writes words by the rule of `chinchilla.answers.quoting`: bare where they may stand so.

    `doubtful` where an item may read like the words for nothing found: then any may be quoted.
    """

    passage: str
    doubtful: bool

    def terminals(self) -> list[str]:
        """Define what `span` refers to."""
        return [f"CUT: {_cut(self.passage)}", f"EDGE: {_EDGE}", *strings(self.passage)]

    def span(self, marks: Pattern[str] | None, values: Iterable[str] = ()) -> str:
        """Write a span where it may not hold the marks unless quoted, or one of some classes.

        The pattern is handed on as it is: it says the same in Python and in Rust.
        """
        marked = marks is not None and marks.search(self.passage) is not None
        plain = f"CUT & EDGE & ~/(?s:.)*({marks.pattern})(?s:.)*/" if marks and marked else ""
        choices = [plain or "CUT & EDGE"]
        if marked or self.doubtful or _AWKWARD.search(self.passage):
            choices.append("STRING")
        return either([*choices, *(self.name(value, marks) for value in values)])

    def name(self, name: str, marks: Pattern[str] | None) -> str:
        """Write a name."""
        choices = dict.fromkeys([bare(name, marks), quoted(name)][: 1 + self.doubtful])
        return either(map(literal, choices))

    def names(self, found: Iterable[str], marks: Pattern[str] | None) -> str:
        """Write any of some names."""
        return either(self.name(name, marks) for name in found)
