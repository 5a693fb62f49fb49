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
from collections import Counter
from collections.abc import Iterator

from chinchilla.answers.items import Said, to_content
from chinchilla.answers.query import Content, Question
from chinchilla.answers.quoting import Cursor, Quote, bare, lines_of, written
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import (
    looks_like_label,
    mend_lines,
    note_unread,
    unmarked,
    unquoted,
)
from chinchilla.errors import AnswerError

COMMA = re.compile(", ")
NAME = re.compile(", |=")
_EQUALS = re.compile("=")
_FIELD = re.compile(r", |\Z")

OPEN_ENDED = True
_OPENING, _CLOSING = ("(", "（"), (")", "）")
# blanks before a mark are matched from the first of them alone
_SEVERAL = re.compile(r"(?<=[)）])(?:\s*[,，;；、])?\s*(?=[(（])")
# words with a colon before a first tuple
_LEAD = re.compile(r"\A[^()（）]{1,24}[:：]\s*(?=[(（])")
_COMMAS = re.compile(r"((?:(?<!\s)\s+)?[,，]\s*)")
_EQUALS_SIGN = re.compile(r"(?:(?<!\s)\s+)?[=＝]\s*")


def dump(content: Content, question: Question) -> str:
    """Write the content tuple by tuple; quoted throughout if it read like nothing found."""
    return written(content, question, _write)


def _write(items: list[Said], question: Question, quote: Quote) -> str:
    return "\n".join(f"({', '.join(_fields(item, question, quote))})" for item in items)


def _fields(item: Said, question: Question, quote: Quote) -> Iterator[str]:
    if question.subtask == "re":
        yield quote(item.words or "", COMMA)
    yield quote(item.name, COMMA)
    if question.subtask == "re":
        yield quote(item.tail or "", COMMA)
    elif question.subtask != "re-pair":
        yield "" if item.words is None else quote(item.words, COMMA)
    for name, words in item.further:
        yield f"{quote(name, NAME)}={quote(words, COMMA)}"


def parse(answer: str, question: Question) -> Content:
    """Read such tuples back; raise AnswerError where a line is not one."""
    lines = lines_of(answer, question)
    return to_content([read_item(line.strip(), question.subtask) for line in lines], question)


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


def recover(
    text: str, question: Question, notes: Counter[str], passage: str | None = None
) -> list[Said] | None:
    """Read every tuple of an answer, with whatever commas and brackets it is written."""
    if text.lstrip()[:1] in ("{", "｛"):
        found = from_json(text, question, notes, passage)
        if found:
            notes["other_form"] += 1
            return found
    items: list[Said] = []

    def take(line: str, unasked: bool) -> bool:
        item = _readable(line.strip(), question)
        may_stand = unasked and question.subtask != "re-pair"
        if item is None or not (
            item.name in question.asked or (may_stand and looks_like_label(item.name))
        ):
            return False
        items.append(item)
        return True

    lines = [line for part in text.split("\n") for line in _tuples(part, question)]
    if lines and lines[-1].startswith(_OPENING) and not lines[-1].endswith(_CLOSING):
        notes.update(("truncated", "cut"))
        lines.pop()
    unread = mend_lines(lines, take, lambda line: _variants(line, question), notes)
    note_unread(unread, question, notes)
    return items or ([] if notes["cut"] else None)


def _readable(line: str, question: Question) -> Said | None:
    try:
        item = read_item(line, question.subtask)
        to_content([item], question)
    except AnswerError:
        return None
    return item


def _tuples(line: str, question: Question) -> list[str]:
    """Cut a line into its tuples, where it is a list of them."""
    words = line.strip()
    item = _readable(words, question)
    if item is not None and item.name in question.asked:
        return [words]
    words = _LEAD.sub("", words, count=1)
    if words.startswith("["):
        words = words.removeprefix("[").removesuffix("]").rstrip(",")
    return [part for part in _SEVERAL.split(words) if part.strip("[], ")]


def _variants(line: str, question: Question) -> Iterator[tuple[str, str]]:
    """Yield a line with less and less around its parts."""
    words = line if line.startswith(("(", "（")) else unmarked(line)
    words = words.rstrip("。.；;，, ")
    yield words, "bullets"
    words = words.removeprefix("（").removeprefix("(").removesuffix("）").removesuffix(")")
    fields = _arranged(_COMMAS.split(words.strip()), question)
    if fields:
        yield f"({', '.join(fields)})", "punctuation"


def _arranged(pieces: list[str], question: Question) -> list[str]:
    """Put words that were cut at a comma of their own together again.

    `pieces` are parts with the commas between them, so that no comma is lost.
    """
    parts = [unquoted(part) for part in pieces[::2]]
    if question.subtask == "re":
        return _arranged_triple(pieces, parts, question)
    if question.subtask == "re-pair":
        return [_joined(pieces)]
    if question.subtask == "ee" and len(parts) > 2:
        pairs: list[list[str]] = []
        for at in range(4, len(pieces), 2):
            if _EQUALS_SIGN.search(pieces[at]) or not pairs:
                pairs.append([_EQUALS_SIGN.sub("=", pieces[at], count=1)])
            else:
                pairs[-1] += pieces[at - 1 : at + 1]
        further = [_pair("".join(pair)) for pair in pairs]
        return [_joined(pieces[:1]), _joined(pieces[2:3]), *further]
    return [_joined(pieces[:1]), _joined(pieces[2:])] if len(parts) > 1 else []


def _arranged_triple(pieces: list[str], parts: list[str], question: Question) -> list[str]:
    if len(parts) == 3 and parts[0] in question.asked:
        return [_joined(pieces[2:3]), parts[0], _joined(pieces[4:])]
    at = next((at for at, part in enumerate(parts[1:-1], 1) if part in question.asked), 0)
    if not at:
        return []
    end = next((end for end in range(at + 2, len(parts)) if "=" in parts[end]), len(parts))
    tail = _joined(pieces[2 * at + 2 : 2 * end - 1])
    return [_joined(pieces[: 2 * at - 1]), parts[at], tail, *map(_pair, pieces[2 * end :: 2])]


def _pair(words: str) -> str:
    """Write a role or slot with its words, the words quoted where they hold a comma."""
    name, equals, rest = words.partition("=")
    return f"{name}={_joined([rest])}" if equals else words


def _joined(pieces: list[str]) -> str:
    words = unquoted("".join(pieces))
    return bare(words, COMMA) if words else ""
