"""The form `tuple`: an item a line, as a tuple in half-width brackets.

    ner          (人名, 张三)
    re           (某书, 作者, 张三, 所属作品=某集)
    re-pair      (合作)
    ee           (裁员, 裁员, 裁员方=某公司)   an event without trigger: (裁员, , 裁员方=某公司)
    ee-trigger   (裁员, 裁员)
    ee-argument  (裁员方, 某公司)

Nothing at all is the question's own words for it. Words stand bare or as a JSON string, by the
rule in `chinchilla.answers.quoting`; what ends a field is a comma with a blank behind it (1,000
stays bare), the last bracket of the line, and = behind the name of a role or slot.
"""

import re
from collections.abc import Iterator

from chinchilla.answers.question import Content, Question
from chinchilla.answers.quoting import Cursor, Quote, bare, quoted
from chinchilla.answers.said import Said, said, to_content
from chinchilla.errors import AnswerError

_COMMA = re.compile(", ")
_NAME = re.compile(", |=")
_EQUALS = re.compile("=")
_FIELD = re.compile(r", |\Z")


def dump(content: Content, question: Question) -> str:
    """Write the content tuple by tuple; quoted throughout if it read like nothing found."""
    items = said(content, question)
    if not items:
        return question.empty
    answer = _write(items, question, bare)
    if answer.strip() == question.empty.strip():
        return _write(items, question, quoted)
    return answer


def _write(items: list[Said], question: Question, quote: Quote) -> str:
    return "\n".join(f"({', '.join(_fields(item, question, quote))})" for item in items)


def _fields(item: Said, question: Question, quote: Quote) -> Iterator[str]:
    if question.subtask == "re":
        yield quote(item.words or "", _COMMA)
    yield quote(item.name, _COMMA)
    if question.subtask == "re":
        yield quote(item.tail or "", _COMMA)
    elif question.subtask != "re-pair":
        yield "" if item.words is None else quote(item.words, _COMMA)
    for name, words in item.further:
        yield f"{quote(name, _NAME)}={quote(words, _COMMA)}"


def parse(answer: str, question: Question) -> Content:
    """Read such tuples back; raise AnswerError where a line is not one."""
    if answer.strip() == question.empty.strip():
        return Content()
    lines = [line.strip() for line in answer.split("\n") if line.strip()]
    if not lines:
        raise AnswerError("answer", "nothing but blanks", "write the words for nothing found")
    return to_content([read_item(line, question.subtask) for line in lines], question)


def read_item(line: str, subtask: str) -> Said:
    """Read a tuple; raise AnswerError where the line is none of the form."""
    if len(line) < 2 or line[0] != "(" or line[-1] != ")":
        raise AnswerError("answer", f"{line[:12]!r} is no tuple", "write one (...) a line")
    cursor = Cursor(line[1:-1])
    first = cursor.field(_FIELD)
    if subtask == "re-pair":
        item = Said(first)
    elif subtask == "re":
        item = Said(_next(cursor), first, _next(cursor), tuple(_pairs(cursor)))
    else:
        words = _next(cursor)
        further = tuple(_pairs(cursor)) if subtask == "ee" else ()
        missing = not words and subtask in ("ee", "ee-trigger")
        item = Said(first, None if missing else words, None, further)
    if not cursor.ended():
        raise cursor.wrong("the tuple goes on")
    return item


def _next(cursor: Cursor) -> str:
    cursor.expect(",")
    return cursor.field(_FIELD)


def _pairs(cursor: Cursor) -> Iterator[tuple[str, str]]:
    while cursor.take(","):
        name = cursor.field(_EQUALS)
        cursor.expect("=")
        yield name, cursor.field(_FIELD)
