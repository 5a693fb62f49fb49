"""How a string is written in a text format: bare, or as JSON where bare it is ambiguous.

    张三   -> 张三        A：B   -> "A：B"        第一行 + line break + 第二行 -> "第一行\n第二行"

One rule for all text formats. A string is written as it is unless, where it is written,

- it begins or ends with a blank, holds a line break or begins with a double quote,
- it holds what ends or begins a field there (each format says what does), or
- the whole answer would read like the words for nothing found;

then it is written as a JSON string: "A：B", "第一行\n第二行", "\"引号\"开头".
"""

import re
from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder, dumps
from re import Pattern
from typing import Any

from chinchilla.answers.items import AnswerItem, to_items
from chinchilla.answers.query import Content, Query
from chinchilla.errors import AnswerError

Quote = Callable[[str, Pattern[str] | None], str]
"""A way to write a string, given the marks that it may not hold when it is bare."""

_DECODER = JSONDecoder()
_BLANKS = re.compile(r"\s*")
# what is never bare: a blank at an end, a line break, a leading double quote, nothing at all
_NEVER = re.compile(r"^\s|\s\Z|[\n\r]|^\"|\A\Z")
END = re.compile(r"\Z")


def bare(text: str, marks: Pattern[str] | None = None) -> str:
    """Return a string as it is, quoted where it holds one of the marks."""
    if _NEVER.search(text) or (marks and marks.search(text)):
        return quoted(text)
    return text


def quoted(text: str, marks: Pattern[str] | None = None) -> str:
    """Return a string as JSON, whatever it holds."""
    return dumps(text, ensure_ascii=False)


class Cursor:
    """An offset into an answer that moves on as the answer is read."""

    def __init__(self, text: str, at: int = 0) -> None:
        """Begin at an offset of a text."""
        self.text, self.at = text, at

    def ended(self) -> bool:
        """Move past blanks and tell whether that was all."""
        self.blanks()
        return self.at >= len(self.text)

    def blanks(self) -> None:
        """Move past blanks."""
        self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]

    def take(self, mark: str) -> bool:
        """Move past a mark, and blanks before it, if it is next."""
        start = self.at
        self.blanks()
        if not self.text.startswith(mark, self.at):
            self.at = start
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: str) -> None:
        """Move past a mark; raise AnswerError where it is not next."""
        if not self.take(mark):
            raise self.wrong(f"expected {mark!r}")

    def value(self) -> Any:
        """Read a JSON value; raise AnswerError where there is none."""
        self.blanks()
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except (JSONDecodeError, RecursionError, ValueError) as error:
            raise self.wrong("expected a string in double quotes") from error
        return value

    def string(self) -> str:
        """Read a JSON string; raise AnswerError where there is none."""
        value = self.value()
        if not isinstance(value, str):
            raise self.wrong("expected a string in double quotes")
        return value

    def field(self, stop: Pattern[str]) -> str:
        """Read a string, bare up to what ends it, or quoted with that behind it."""
        self.blanks()
        if self.text.startswith('"', self.at):
            string = self.string()
            self.blanks()
            if not stop.match(self.text, self.at):
                raise self.wrong("a quoted string goes on")
            return string
        end = stop.search(self.text, self.at)
        if end is None:
            raise self.wrong(f"expected {stop.pattern!r}")
        string, self.at = self.text[self.at : end.start()], end.start()
        return string.rstrip()

    def wrong(self, what: str) -> AnswerError:
        """Return an error that quotes what is next."""
        here = self.text[self.at : self.at + 12]
        return AnswerError("answer", f"{what} at {here!r}", "write each item as the format says")


Write = Callable[[list[AnswerItem], Query, Quote], str]
"""How a format writes items, the strings in them as a `Quote` writes them."""


def written(content: Content, query: Query, write: Write) -> str:
    """Return a content in a text format, all quoted where it would read like nothing found."""
    items = to_items(content, query)
    if not items:
        return query.empty
    answer = write(items, query, bare)
    if answer.strip() == query.empty.strip():
        return write(items, query, quoted)
    return answer


def lines_of(answer: str, query: Query) -> list[str]:
    """Return the lines that are not blank, none for nothing found; raise AnswerError for blanks."""
    if answer.strip() == query.empty.strip():
        return []
    lines = [line for line in answer.split("\n") if line.strip()]
    if not lines:
        raise AnswerError("answer", "nothing but blanks", "write the words for nothing found")
    return lines
