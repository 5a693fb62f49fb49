"""The form `lines`: an item a line, with full-width punctuation, as one would write it down.

    ner          人名：张三
    re           作者：某书 → 张三（所属作品：某集；日期：某年）
    re-pair      合作
    ee           裁员：裁员                   an event without trigger: 裁员：
                 - 裁员方：某公司
    ee-trigger   裁员：裁员
    ee-argument  裁员方：某公司

Nothing at all is the question's own words for it. Words stand bare or as a JSON string, by the
rule in `chinchilla.answers.quoting`; what ends a field is the mark that follows it: ：, →, a slot
in brackets behind the tail, ； and ） between slots, a leading - before an event type.
"""

import re
from collections import Counter
from collections.abc import Iterator

from chinchilla.answers.items import Said, to_content
from chinchilla.answers.query import Content, Question
from chinchilla.answers.quoting import END, Cursor, Quote, lines_of, written
from chinchilla.answers.repair.items import from_json
from chinchilla.answers.repair.text import (
    looks_like_label,
    mend_lines,
    note_unread,
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


def dump(content: Content, question: Question) -> str:
    """Write the content line by line; quoted throughout if it read like nothing found."""
    return written(content, question, _write)


def _write(items: list[Said], question: Question, quote: Quote) -> str:
    return "\n".join(line for item in items for line in _lines(item, question, quote))


def _lines(item: Said, question: Question, quote: Quote) -> Iterator[str]:
    if question.subtask == "re-pair":
        yield quote(item.name, None)
    elif question.subtask == "re":
        name, head = quote(item.name, COLON), quote(item.words or "", ARROW)
        yield f"{name}：{head} → {quote(item.tail or '', TAIL)}{_slots(item, quote)}"
    else:
        name = quote(item.name, TYPE if question.subtask == "ee" else COLON)
        yield f"{name}：{'' if item.words is None else quote(item.words, None)}"
        for role, words in item.further:
            yield f"- {quote(role, COLON)}：{quote(words, None)}"


def _slots(item: Said, quote: Quote) -> str:
    slots = [f"{quote(name, SLOT_NAME)}：{quote(w, SLOT_WORDS)}" for name, w in item.further]
    return f"（{'；'.join(slots)}）" if slots else ""


def parse(answer: str, question: Question) -> Content:
    """Read such lines back; raise AnswerError where one is not of the form."""
    return to_content(_items(lines_of(answer, question), question), question)


def _items(lines: list[str], question: Question) -> list[Said]:
    found = _Items()
    for line in lines:
        cursor = Cursor(line)
        if question.subtask == "ee" and cursor.take("-"):
            found.add_argument(read_item(cursor, "ee-argument"))
        else:
            found.add(read_item(cursor, question.subtask))
    items = found.said()
    for item in items:
        # "the result is:" is no event without trigger
        if question.subtask == "ee" and item.words is None and not item.further:
            _refuse_prose(item, question)
    return items


class _Items:
    """The items of an answer, and the arguments that follow them line by line."""

    def __init__(self) -> None:
        self._items: list[tuple[Said, list[tuple[str, str]]]] = []

    def add(self, item: Said) -> None:
        self._items.append((item, []))

    def add_argument(self, argument: Said) -> None:
        if not self._items:
            raise AnswerError("answer", "an argument before any event", "write the event first")
        self._items[-1][1].append((argument.name, argument.words or ""))

    @property
    def last(self) -> Said | None:
        return self._items[-1][0] if self._items else None

    def said(self) -> list[Said]:
        return [
            item._replace(further=(*item.further, *more)) if more else item
            for item, more in self._items
        ]


def _refuse_prose(item: Said, question: Question) -> None:
    if item.name not in question.by_name:
        raise AnswerError("answer", f"{item.name!r} is no event", "write events only")


def read_item(cursor: Cursor, subtask: str) -> Said:
    """Read the item on a line; raise AnswerError where there is none of the form."""
    if subtask == "re-pair":
        return Said(cursor.field(END))
    name = cursor.field(COLON)
    cursor.expect("：")
    if subtask == "re":
        head = cursor.field(ARROW)
        cursor.expect("→")
        tail = cursor.field(_SLOTS)
        return Said(name, head, tail, tuple(_read_slots(cursor)))
    if cursor.ended() and subtask in ("ee", "ee-trigger"):
        return Said(name)
    return Said(name, cursor.field(END))


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
    text: str, question: Question, notes: Counter[str], passage: str | None = None
) -> list[Said] | None:
    """Read every line that says something, with whatever marks it is written."""
    if text.lstrip()[:1] in ("{", "[", "｛", "［"):
        items = from_json(text, question, notes, passage)
        if items:
            notes["other_form"] += 1
            return items
    taken = _Taken(question)
    cut = _SEVERAL if question.subtask == "re-pair" else _BREAK
    lines = [line for line in cut.split(text) if line.strip()]
    notes["punctuation"] += len(lines) > text.count("\n") + 1
    unread = mend_lines(lines, taken.take, _variants, notes)
    note_unread(unread, question, notes)
    return taken.items.said() or None


def _variants(line: str) -> Iterator[tuple[str, str]]:
    """Yield a line with less and less around its parts."""
    words = unmarked(line)
    yield words, "bullets"
    name, colon, rest = _halves(words)
    if not colon:
        yield unquoted(words.rstrip(_STOPS)), "quotes"
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
    """Cut a line at its first colon; 【name】words does without one."""
    if line.startswith("【") and "】" in line:
        name, _, rest = line[1:].partition("】")
        bare = rest.lstrip()
        return name, "：", bare[1:].lstrip() if _COLONS.match(bare) else rest
    found = _COLONS.search(line)
    if found is None:
        return "", "", line
    return line[: found.start()].rstrip(), "：", line[found.end() :].lstrip()


def _bracketed(words: str) -> tuple[str, str]:
    """Cut off a bracket with a colon at the end of words; without one it is empty."""
    if not words.endswith(_CLOSING):
        return words, ""
    parts = _OPENING.split(words[:-1])
    inner = parts[-1]
    if len(parts) < 2 or not _COLONS.search(inner) or any(mark in inner for mark in _CLOSING):
        return words, ""
    return words[: -len(inner) - 2].rstrip(), inner


def _joined(mark: str, marks: re.Pattern[str], words: str) -> str:
    """Write one mark for each of several, without blanks around it."""
    return mark.join(part.strip() for part in marks.split(words))


class _Taken:
    """The items taken from lines so far."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.items = _Items()

    def take(self, line: str, unasked: bool) -> bool:
        """Keep what a line says, if it can be read and its name may stand there."""
        try:
            item = read_item(Cursor(line.lstrip().removeprefix("- ")), self.question.subtask)
            to_content([item], self.question)
        except AnswerError:
            return False
        if self._is_argument(line, item, unasked):
            self.items.add_argument(item)
        elif item.name in self.question.asked or (unasked and self._may_stand(item)):
            self.items.add(item)
        else:
            return False
        return True

    def _is_argument(self, line: str, item: Said, unasked: bool) -> bool:
        last = self.items.last
        if self.question.subtask != "ee" or last is None or item.words is None:
            return False
        label = self.question.label(last.name)
        if any(role.name == item.name for role in label.roles):
            return True
        return unasked and line.lstrip().startswith("-") and looks_like_label(item.name)

    def _may_stand(self, item: Said) -> bool:
        return (
            self.question.subtask != "re-pair"
            and item.words is not None
            and looks_like_label(item.name)
        )
