"""How words stand in a text form: bare, or as a JSON string where bare they would be ambiguous.

One rule for all text forms. Words are written as they stand unless, in their place,

- they begin or end with a blank, hold a line break or begin with a double quote,
- they hold what ends or begins a field in that place (each form says what does), or
- the whole answer would read like the words for nothing found;

then they are written as a JSON string: "A：B", "第一行\n第二行", "\"引号\"开头".
"""

import re
from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder, dumps
from re import Pattern
from typing import Any

from chinchilla.answers.items import Said, said
from chinchilla.answers.query import Content, Question
from chinchilla.errors import AnswerError

Quote = Callable[[str, Pattern[str] | None], str]
"""A way to write words, given what they may not hold when they stand bare."""

_DECODER = JSONDecoder()
_BLANKS = re.compile(r"\s*")
_NEVER = re.compile(r"^\s|\s\Z|[\n\r]|^\"|\A\Z")
END = re.compile(r"\Z")


def bare(words: str, marks: Pattern[str] | None = None) -> str:
    """Write words as they stand, quoted where they hold one of the marks."""
    if _NEVER.search(words) or (marks and marks.search(words)):
        return quoted(words)
    return words


def quoted(words: str, marks: Pattern[str] | None = None) -> str:
    """Write words as a JSON string, whatever they hold."""
    return dumps(words, ensure_ascii=False)


class Cursor:
    """A place in an answer that moves on as the answer is read."""

    def __init__(self, text: str, at: int = 0) -> None:
        """Begin at a place of a text."""
        self.text, self.at = text, at

    def ended(self) -> bool:
        """Move past blanks and tell whether that was all."""
        self.blanks()
        return self.at >= len(self.text)

    def blanks(self) -> None:
        """Move past blanks."""
        self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]

    def take(self, mark: str) -> bool:
        """Move past a mark, and blanks before it, if it stands here."""
        start = self.at
        self.blanks()
        if not self.text.startswith(mark, self.at):
            self.at = start
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: str) -> None:
        """Move past a mark; raise AnswerError where it does not stand here."""
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
        """Read words, bare up to what ends them, or quoted with that behind them."""
        self.blanks()
        if self.text.startswith('"', self.at):
            words = self.string()
            self.blanks()
            if not stop.match(self.text, self.at):
                raise self.wrong("a quoted string goes on")
            return words
        found = stop.search(self.text, self.at)
        if found is None:
            raise self.wrong(f"expected {stop.pattern!r}")
        words, self.at = self.text[self.at : found.start()], found.start()
        return words.rstrip()

    def wrong(self, what: str) -> AnswerError:
        """Return the error that names this place."""
        here = self.text[self.at : self.at + 12]
        return AnswerError("answer", f"{what} at {here!r}", "write each item as the form says")


Write = Callable[[list[Said], Question, Quote], str]
"""How a form writes items, with the words in them as a quote has them."""


def written(content: Content, question: Question, write: Write) -> str:
    """Write a content; quoted throughout if it read like nothing found."""
    items = said(content, question)
    if not items:
        return question.empty
    answer = write(items, question, bare)
    if answer.strip() == question.empty.strip():
        return write(items, question, quoted)
    return answer


def lines_of(answer: str, question: Question) -> list[str]:
    """Return the lines that say something, none for nothing found; raise AnswerError for blanks."""
    if answer.strip() == question.empty.strip():
        return []
    lines = [line for line in answer.split("\n") if line.strip()]
    if not lines:
        raise AnswerError("answer", "nothing but blanks", "write the words for nothing found")
    return lines
