"""The answer format `lines`: an item a line, with full-width punctuation.

    ner          人名：张三
    re           作者：某书 → 张三（所属作品：某集；日期：某年）
    re-pair      合作
    ee           裁员：裁员                   an event without trigger: 裁员：
                 - 裁员方：某公司
    ee-trigger   裁员：裁员
    ee-argument  裁员方：某公司

Nothing at all is the query's own phrase for it. A string is bare or JSON, by the rule in
 `chinchilla.answers.quoting`; what ends a field is the mark that follows it: ：, →, a slot
in brackets behind the tail, ； and ） between slots, a leading - before an event type.
"""

import re
from collections import Counter
from collections.abc import Iterator

from chinchilla.answers.items import AnswerItem, to_content
from chinchilla.answers.query import Content, Query
from chinchilla.answers.quoting import END, Cursor, Quote, lines_of, written
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import (
    fix_lines,
    looks_like_label,
    note_unparsed,
    unmarked,
    unquoted,
)
from chinchilla.errors import AnswerError

COLON = re.compile("：")
ARROW = re.compile("→")
TYPE = re.compile("：|^-")
SLOT_NAME = re.compile('[（）；："]')
_SLOT_END = re.compile("[；）]")
SLOT_WORDS = re.compile("[（）；]")
# the slots behind a tail, （ with a name and a colon after it, or the end: 张三（所属作品：某集）
_SLOTS = re.compile(r'（(?=(?:"(?:[^"\\]|\\.)*"|[^（）；："]+)：)|\Z')
TAIL = re.compile(r'（"|（[^（）；："]+：')

OPEN_ENDED = True
BY_LINE = True
_STOPS = "。.；;，,"
_BETWEEN = re.compile("[;；，,]")
_BREAK = re.compile("\n")
_SEVERAL = re.compile("[\n、，,；;]")
# no pattern begins with a run of characters that could begin at each of them
_COLONS = re.compile("[:：﹕]")
_ARROWS = re.compile("(?<![-—=])[-—=]+>|[→➡⟶⇒➔]")
_OPENING, _CLOSING = re.compile("[(（]"), (")", "）")


def dump(content: Content, query: Query) -> str:
    """Write the content line by line; quoted throughout if it read like nothing found."""
    return written(content, query, _write)


def _write(items: list[AnswerItem], query: Query, quote: Quote) -> str:
    return "\n".join(line for item in items for line in _lines(item, query, quote))


def _lines(item: AnswerItem, query: Query, quote: Quote) -> Iterator[str]:
    if query.subtask == "re-pair":
        yield quote(item.name, None)
    elif query.subtask == "re":
        name, head = quote(item.name, COLON), quote(item.text or "", ARROW)
        yield f"{name}：{head} → {quote(item.tail or '', TAIL)}{_slots(item, quote)}"
    else:
        name = quote(item.name, TYPE if query.subtask == "ee" else COLON)
        yield f"{name}：{'' if item.text is None else quote(item.text, None)}"
        for role, string in item.pairs:
            yield f"- {quote(role, COLON)}：{quote(string, None)}"


def _slots(item: AnswerItem, quote: Quote) -> str:
    slots = [f"{quote(name, SLOT_NAME)}：{quote(w, SLOT_WORDS)}" for name, w in item.pairs]
    return f"（{'；'.join(slots)}）" if slots else ""


def parse(answer: str, query: Query) -> Content:
    """Read such lines back; raise AnswerError where one is not of the format."""
    return to_content(_items(lines_of(answer, query), query), query)


def _items(lines: list[str], query: Query) -> list[AnswerItem]:
    items = _Items()
    for line in lines:
        cursor = Cursor(line)
        if query.subtask == "ee" and cursor.take("-"):
            items.add_argument(read_item(cursor, "ee-argument"))
        else:
            items.add(read_item(cursor, query.subtask))
    complete = items.complete()
    for item in complete:
        # "the result is:" is no event without trigger
        if query.subtask == "ee" and item.text is None and not item.pairs:
            _refuse_prose(item, query)
    return complete


class _Items:
    """The items of an answer, and the arguments that follow them line by line."""

    def __init__(self) -> None:
        self._items: list[tuple[AnswerItem, list[tuple[str, str]]]] = []

    def add(self, item: AnswerItem) -> None:
        self._items.append((item, []))

    def add_argument(self, argument: AnswerItem) -> None:
        if not self._items:
            raise AnswerError("answer", "an argument before any event", "write the event first")
        self._items[-1][1].append((argument.name, argument.text or ""))

    @property
    def last(self) -> AnswerItem | None:
        return self._items[-1][0] if self._items else None

    def complete(self) -> list[AnswerItem]:
        return [
            item._replace(pairs=(*item.pairs, *more)) if more else item
            for item, more in self._items
        ]


def _refuse_prose(item: AnswerItem, query: Query) -> None:
    if item.name not in query.by_name:
        raise AnswerError("answer", f"{item.name!r} is no event", "write events only")


def read_item(cursor: Cursor, subtask: str) -> AnswerItem:
    """Read the item on a line; raise AnswerError where there is none of the format."""
    if subtask == "re-pair":
        return AnswerItem(cursor.field(END))
    name = cursor.field(COLON)
    cursor.expect("：")
    if subtask == "re":
        head = cursor.field(ARROW)
        cursor.expect("→")
        tail = cursor.field(_SLOTS)
        return AnswerItem(name, head, tail, tuple(_read_slots(cursor)))
    if cursor.ended() and subtask in ("ee", "ee-trigger"):
        return AnswerItem(name)
    return AnswerItem(name, cursor.field(END))


def _read_slots(cursor: Cursor) -> Iterator[tuple[str, str]]:
    more = cursor.take("（")
    while more:
        name = cursor.field(COLON)
        cursor.expect("：")
        yield name, cursor.field(_SLOT_END)
        more = cursor.take("；")
        if not more:
            cursor.expect("）")
    if not cursor.ended():
        raise cursor.wrong("the line goes on")


def recover(
    text: str, query: Query, notes: Counter[str], passage: str | None = None
) -> list[AnswerItem] | None:
    """Return the items of the lines that can be read, with whatever marks they are written."""
    if text.lstrip()[:1] in ("{", "[", "｛", "［"):
        items = from_json(text, query, notes, passage)
        if items:
            notes["other_form"] += 1
            return items
    taken = _Taken(query)
    cut = _SEVERAL if query.subtask == "re-pair" else _BREAK
    lines = [line for line in cut.split(text) if line.strip()]
    notes["punctuation"] += len(lines) > text.count("\n") + 1
    unread = fix_lines(lines, taken.take, _variants, notes)
    note_unparsed(unread, query, notes)
    return taken.items.complete() or None


def _variants(line: str) -> Iterator[tuple[str, str]]:
    """Yield a line with less and less around its parts."""
    string = unmarked(line)
    yield string, "bullets"
    name, colon, rest = _halves(string)
    if not colon:
        yield unquoted(string.rstrip(_STOPS)), "quotes"
        return
    ends = [end.strip() for end in _ARROWS.split(rest, maxsplit=1)]
    tail, slots = _bracketed(ends[-1]) if len(ends) == 2 else ("", "")
    if slots:
        inner = _joined("；", _BETWEEN, _joined("：", _COLONS, slots))
        yield f"{name}：{ends[0]} → {tail}（{inner}）", "punctuation"
    yield f"{name}：{' → '.join(ends)}", "punctuation"
    yield f"{unquoted(name)}：{' → '.join(unquoted(end) for end in ends)}", "quotes"
    yield unquoted(rest.rstrip(_STOPS)), "prose"


def _halves(line: str) -> tuple[str, str, str]:
    """Cut a line at its first colon; 【name】text does without one."""
    if line.startswith("【") and "】" in line:
        name, _, rest = line[1:].partition("】")
        bare = rest.lstrip()
        return name, "：", bare[1:].lstrip() if _COLONS.match(bare) else rest
    colon = _COLONS.search(line)
    if colon is None:
        return "", "", line
    return line[: colon.start()].rstrip(), "：", line[colon.end() :].lstrip()


def _bracketed(string: str) -> tuple[str, str]:
    """Cut off a bracket with a colon at the end of a string; without one it is empty."""
    if not string.endswith(_CLOSING):
        return string, ""
    parts = _OPENING.split(string[:-1])
    inner = parts[-1]
    if len(parts) < 2 or not _COLONS.search(inner) or any(mark in inner for mark in _CLOSING):
        return string, ""
    return string[: -len(inner) - 2].rstrip(), inner


def _joined(mark: str, marks: re.Pattern[str], string: str) -> str:
    """Write one mark for each of several, without blanks around it."""
    return mark.join(part.strip() for part in marks.split(string))


class _Taken:
    """The items taken from lines so far."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.items = _Items()

    def take(self, line: str, unasked: bool) -> bool:
        """Keep the item of a line, if it can be read and its name is one that may be."""
        try:
            item = read_item(Cursor(line.lstrip().removeprefix("- ")), self.query.subtask)
            to_content([item], self.query)
        except AnswerError:
            return False
        if self._is_argument(line, item, unasked):
            self.items.add_argument(item)
        elif item.name in self.query.names or (unasked and self._may_be_label(item)):
            self.items.add(item)
        else:
            return False
        return True

    def _is_argument(self, line: str, item: AnswerItem, unasked: bool) -> bool:
        last = self.items.last
        if self.query.subtask != "ee" or last is None or item.text is None:
            return False
        label = self.query.label(last.name)
        if any(role.name == item.name for role in label.roles):
            return True
        return unasked and line.lstrip().startswith("-") and looks_like_label(item.name)

    def _may_be_label(self, item: AnswerItem) -> bool:
        return (
            self.query.subtask != "re-pair"
            and item.text is not None
            and looks_like_label(item.name)
        )
