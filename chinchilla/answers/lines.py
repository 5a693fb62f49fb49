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
from collections.abc import Iterator

from chinchilla.answers.question import Content, Question
from chinchilla.answers.quoting import END, Cursor, Quote, bare, quoted
from chinchilla.answers.said import Said, said, to_content
from chinchilla.errors import AnswerError

_COLON = re.compile("：")
_ARROW = re.compile("→")
_TYPE = re.compile("：|^-")
_SLOT_NAME = re.compile('[（）；："]')
_SLOT_END = re.compile("[；）]")
_SLOT_WORDS = re.compile("[（）；]")
_SLOTS = re.compile(r'（(?=(?:"(?:[^"\\]|\\.)*"|[^（）；："]+)：)|\Z')
_TAIL = re.compile(r'（"|（[^（）；："]+：')


def dump(content: Content, question: Question) -> str:
    """Write the content line by line; quoted throughout if it read like nothing found."""
    items = said(content, question)
    if not items:
        return question.empty
    answer = _write(items, question, bare)
    if answer.strip() == question.empty.strip():
        return _write(items, question, quoted)
    return answer


def _write(items: list[Said], question: Question, quote: Quote) -> str:
    return "\n".join(line for item in items for line in _lines(item, question, quote))


def _lines(item: Said, question: Question, quote: Quote) -> Iterator[str]:
    if question.subtask == "re-pair":
        yield quote(item.name, None)
    elif question.subtask == "re":
        name, head = quote(item.name, _COLON), quote(item.words or "", _ARROW)
        yield f"{name}：{head} → {quote(item.tail or '', _TAIL)}{_slots(item, quote)}"
    else:
        name = quote(item.name, _TYPE if question.subtask == "ee" else _COLON)
        yield f"{name}：{'' if item.words is None else quote(item.words, None)}"
        for role, words in item.further:
            yield f"- {quote(role, _COLON)}：{quote(words, None)}"


def _slots(item: Said, quote: Quote) -> str:
    slots = [f"{quote(name, _SLOT_NAME)}：{quote(w, _SLOT_WORDS)}" for name, w in item.further]
    return f"（{'；'.join(slots)}）" if slots else ""


def parse(answer: str, question: Question) -> Content:
    """Read such lines back; raise AnswerError where one is not of the form."""
    if answer.strip() == question.empty.strip():
        return Content()
    lines = [line for line in answer.split("\n") if line.strip()]
    if not lines:
        raise AnswerError("answer", "nothing but blanks", "write the words for nothing found")
    return to_content(_items(lines, question), question)


def _items(lines: list[str], question: Question) -> list[Said]:
    items: list[Said] = []
    for line in lines:
        cursor = Cursor(line)
        if question.subtask == "ee" and cursor.take("-"):
            _add_argument(items, read_item(cursor, "ee-argument"))
        else:
            items.append(read_item(cursor, question.subtask))
    for item in items:
        # "the result is:" is no event without trigger
        if question.subtask == "ee" and item.words is None and not item.further:
            _refuse_prose(item, question)
    return items


def _add_argument(items: list[Said], argument: Said) -> None:
    if not items:
        raise AnswerError("answer", "an argument before any event", "write the event first")
    pair = (argument.name, argument.words or "")
    items[-1] = items[-1]._replace(further=(*items[-1].further, pair))


def _refuse_prose(item: Said, question: Question) -> None:
    if item.name not in question.by_name:
        raise AnswerError("answer", f"{item.name!r} is no event", "write events only")


def read_item(cursor: Cursor, subtask: str) -> Said:
    """Read the item on a line; raise AnswerError where there is none of the form."""
    if subtask == "re-pair":
        return Said(cursor.field(END))
    name = cursor.field(_COLON)
    cursor.expect("：")
    if subtask == "re":
        head = cursor.field(_ARROW)
        cursor.expect("→")
        tail = cursor.field(_SLOTS)
        return Said(name, head, tail, tuple(_read_slots(cursor)))
    if cursor.ended() and subtask in ("ee", "ee-trigger"):
        return Said(name)
    return Said(name, cursor.field(END))


def _read_slots(cursor: Cursor) -> Iterator[tuple[str, str]]:
    more = cursor.take("（")
    while more:
        name = cursor.field(_COLON)
        cursor.expect("：")
        yield name, cursor.field(_SLOT_END)
        more = cursor.take("；")
        if not more:
            cursor.expect("）")
    if not cursor.ended():
        raise cursor.wrong("the line goes on")
