"""The answer format `tuple`: an item a line, as a tuple in half-width brackets.

    ner          (人名, 张三)
    re           (某书, 作者, 张三, 所属作品=某集)
    re-pair      (合作)
    ee           (裁员, 裁员, 裁员方=某公司)   an event without trigger: (裁员, , 裁员方=某公司)
    ee-trigger   (裁员, 裁员)
    ee-argument  (裁员方, 某公司)

Nothing at all is the query's own phrase for it. A string is bare or JSON, by the rule in
 `chinchilla.answers.quoting`; what ends a field is a comma with a blank behind it (1,000
stays bare), the last bracket of the line, and = behind the name of a role or slot.
"""

import re
from collections import Counter
from collections.abc import Iterator

from chinchilla.answers.items import AnswerItem, to_content
from chinchilla.answers.query import Content, Query
from chinchilla.answers.quoting import Cursor, Quote, bare, lines_of, written
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import (
    fix_lines,
    looks_like_label,
    note_unparsed,
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
# between two tuples on a line: ) then , ; 、 or nothing, then (. Blanks before a mark are matched
# from the first of them alone, else a run of n blanks would be tried n times
_SEVERAL = re.compile(r"(?<=[)）])(?:\s*[,，;；、])?\s*(?=[(（])")
# a word with a colon before a first tuple
_LEAD = re.compile(r"\A[^()（）]{1,24}[:：]\s*(?=[(（])")
_COMMAS = re.compile(r"((?:(?<!\s)\s+)?[,，]\s*)")
_EQUALS_SIGN = re.compile(r"(?:(?<!\s)\s+)?[=＝]\s*")


def dump(content: Content, query: Query) -> str:
    """Write the content tuple by tuple; quoted throughout if it read like nothing found."""
    return written(content, query, _write)


def _write(items: list[AnswerItem], query: Query, quote: Quote) -> str:
    return "\n".join(f"({', '.join(_fields(item, query, quote))})" for item in items)


def _fields(item: AnswerItem, query: Query, quote: Quote) -> Iterator[str]:
    if query.subtask == "re":
        yield quote(item.text or "", COMMA)
    yield quote(item.name, COMMA)
    if query.subtask == "re":
        yield quote(item.tail or "", COMMA)
    elif query.subtask != "re-pair":
        yield "" if item.text is None else quote(item.text, COMMA)
    for name, string in item.pairs:
        yield f"{quote(name, NAME)}={quote(string, COMMA)}"


def parse(answer: str, query: Query) -> Content:
    """Read such tuples back; raise AnswerError where a line is not one."""
    lines = lines_of(answer, query)
    return to_content([read_item(line.strip(), query.subtask) for line in lines], query)


def read_item(line: str, subtask: str) -> AnswerItem:
    """Read a tuple; raise AnswerError where the line is none of the format."""
    if len(line) < 2 or line[0] != "(" or line[-1] != ")":
        raise AnswerError("answer", f"{line[:12]!r} is no tuple", "write one (...) a line")
    cursor = Cursor(line[1:-1])
    first = cursor.field(_FIELD)
    if subtask == "re-pair":
        item = AnswerItem(first)
    elif subtask == "re":
        item = AnswerItem(_next(cursor), first, _next(cursor), tuple(_pairs(cursor)))
    else:
        string = _next(cursor)
        further = tuple(_pairs(cursor)) if subtask == "ee" else ()
        missing = not string and subtask in ("ee", "ee-trigger")
        item = AnswerItem(first, None if missing else string, None, further)
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
    text: str, query: Query, notes: Counter[str], passage: str | None = None
) -> list[AnswerItem] | None:
    """Read every tuple of an answer, with whatever commas and brackets it is written."""
    if text.lstrip()[:1] in ("{", "｛"):
        parsed = from_json(text, query, notes, passage)
        if parsed:
            notes["other_form"] += 1
            return parsed
    items: list[AnswerItem] = []

    def take(line: str, unasked: bool) -> bool:
        item = _readable(line.strip(), query)
        may_be_label = unasked and query.subtask != "re-pair"
        if item is None or not (
            item.name in query.names or (may_be_label and looks_like_label(item.name))
        ):
            return False
        items.append(item)
        return True

    lines = [line for part in text.split("\n") for line in _tuples(part, query)]
    if lines and lines[-1].startswith(_OPENING) and not lines[-1].endswith(_CLOSING):
        notes.update(("truncated", "cut"))
        lines.pop()
    unread = fix_lines(lines, take, lambda line: _variants(line, query), notes)
    note_unparsed(unread, query, notes)
    return items or ([] if notes["cut"] else None)


def _readable(line: str, query: Query) -> AnswerItem | None:
    try:
        item = read_item(line, query.subtask)
        to_content([item], query)
    except AnswerError:
        return None
    return item


def _tuples(line: str, query: Query) -> list[str]:
    """Cut a line into its tuples, where it is a list of them."""
    string = line.strip()
    item = _readable(string, query)
    if item is not None and item.name in query.names:
        return [string]
    string = _LEAD.sub("", string, count=1)
    if string.startswith("["):
        string = string.removeprefix("[").removesuffix("]").rstrip(",")
    return [part for part in _SEVERAL.split(string) if part.strip("[], ")]


def _variants(line: str, query: Query) -> Iterator[tuple[str, str]]:
    """Yield a line with less and less around its parts."""
    string = line if line.startswith(("(", "（")) else unmarked(line)
    string = string.rstrip("。.；;，, ")
    yield string, "bullets"
    string = string.removeprefix("（").removeprefix("(").removesuffix("）").removesuffix(")")
    fields = _arranged(_COMMAS.split(string.strip()), query)
    if fields:
        yield f"({', '.join(fields)})", "punctuation"


def _arranged(pieces: list[str], query: Query) -> list[str]:
    """Return the fields of a tuple, those cut at a comma of their own joined again.

    `pieces` are parts with the commas between them, so that no comma is lost.
    """
    parts = [unquoted(part) for part in pieces[::2]]
    if query.subtask == "re":
        return _arranged_triple(pieces, parts, query)
    if query.subtask == "re-pair":
        return [_joined(pieces)]
    if query.subtask == "ee" and len(parts) > 2:
        pairs: list[list[str]] = []
        for at in range(4, len(pieces), 2):
            if _EQUALS_SIGN.search(pieces[at]) or not pairs:
                pairs.append([_EQUALS_SIGN.sub("=", pieces[at], count=1)])
            else:
                pairs[-1] += pieces[at - 1 : at + 1]
        further = [_pair("".join(pair)) for pair in pairs]
        return [_joined(pieces[:1]), _joined(pieces[2:3]), *further]
    return [_joined(pieces[:1]), _joined(pieces[2:])] if len(parts) > 1 else []


def _arranged_triple(pieces: list[str], parts: list[str], query: Query) -> list[str]:
    if len(parts) == 3 and parts[0] in query.names:
        return [_joined(pieces[2:3]), parts[0], _joined(pieces[4:])]
    at = next((at for at, part in enumerate(parts[1:-1], 1) if part in query.names), 0)
    if not at:
        return []
    end = next((end for end in range(at + 2, len(parts)) if "=" in parts[end]), len(parts))
    tail = _joined(pieces[2 * at + 2 : 2 * end - 1])
    return [_joined(pieces[: 2 * at - 1]), parts[at], tail, *map(_pair, pieces[2 * end :: 2])]


def _pair(string: str) -> str:
    """Write a role or slot with its string, quoted where it holds a comma."""
    name, equals, rest = string.partition("=")
    return f"{name}={_joined([rest])}" if equals else string


def _joined(pieces: list[str]) -> str:
    string = unquoted("".join(pieces))
    return bare(string, COMMA) if string else ""
