"""The answer format `code`: a typed call a line, every string as in JSON; nothing at all is [].

    ner          Entity(type="人名", text="张三")
    re           Relation(type="作者", head="某书", tail="张三", slots={"所属作品": "某集"})
    re-pair      Relation(type="合作")
    ee           Event(type="裁员", trigger="裁员", arguments=[Argument(role="裁员方", text="X")])
    ee-trigger   Event(type="裁员", trigger="裁员")
    ee-argument  Argument(role="裁员方", text="某公司")

The parameter trigger is left out of an event without one.
"""

import re
from typing import Any

from chinchilla.answers.items import AnswerItem, to_content, to_items
from chinchilla.answers.query import Content, Query
from chinchilla.answers.quoting import Cursor, quoted
from chinchilla.answers.repair.items import from_calls
from chinchilla.errors import AnswerError

NOTHING = "[]"
OPEN_ENDED = True

_CALLS = {
    "ner": ("Entity", ("type", "text")),
    "re": ("Relation", ("type", "head", "tail")),
    "re-pair": ("Relation", ("type",)),
    "ee": ("Event", ("type",)),
    "ee-trigger": ("Event", ("type",)),
    "ee-argument": ("Argument", ("role", "text")),
}
_MAY = {"re": {"slots"}, "ee": {"trigger", "arguments"}, "ee-trigger": {"trigger"}}
_NAME = re.compile("[a-z]+")


def dump(content: Content, query: Query) -> str:
    """Write the content call by call."""
    items = to_items(content, query)
    return "\n".join(_call(item, query.subtask) for item in items) or NOTHING


def _call(item: AnswerItem, subtask: str) -> str:
    name = quoted(item.name)
    match subtask:
        case "ner":
            return f"Entity(type={name}, text={quoted(item.text or '')})"
        case "re":
            head, tail = quoted(item.text or ""), quoted(item.tail or "")
            return f"Relation(type={name}, head={head}, tail={tail}{_slots(item)})"
        case "re-pair":
            return f"Relation(type={name})"
        case "ee-argument":
            return f"Argument(role={name}, text={quoted(item.text or '')})"
        case _:
            arguments = _arguments(item) if subtask == "ee" else ""
            trigger = "" if item.text is None else f", trigger={quoted(item.text)}"
            return f"Event(type={name}{trigger}{arguments})"


def _slots(item: AnswerItem) -> str:
    slots = ", ".join(f"{quoted(name)}: {quoted(string)}" for name, string in item.pairs)
    return f", slots={{{slots}}}" if slots else ""


def _arguments(item: AnswerItem) -> str:
    calls = [_call(AnswerItem(role, string), "ee-argument") for role, string in item.pairs]
    return f", arguments=[{', '.join(calls)}]"


def parse(answer: str, query: Query) -> Content:
    """Read such calls back; raise AnswerError where there is anything else."""
    if answer.strip() == NOTHING:
        return Content()
    cursor = Cursor(answer)
    items = []
    while not cursor.ended():
        items.append(_read_call(cursor, query.subtask))
    if not items:
        raise AnswerError("answer", "nothing but blanks", f"write {NOTHING} for nothing found")
    return to_content(items, query)


recover = from_calls
"""Read every call of an answer, however it is punctuated."""


def _read_call(cursor: Cursor, subtask: str) -> AnswerItem:
    function, needed = _CALLS[subtask]
    cursor.expect(function)
    values = _parameters(cursor)
    more = values.keys() - set(needed) - _MAY.get(subtask, set())
    if more or not set(needed) <= values.keys():
        what = f"{function} has the parameters {', '.join(values) or 'none'}"
        raise AnswerError("answer", what, f"it needs {', '.join(needed)}")
    name = values[needed[0]]
    string = values.get("text", values.get("head", values.get("trigger")))
    return AnswerItem(
        name, string, values.get("tail"), values.get("slots", values.get("arguments", ()))
    )


def _parameters(cursor: Cursor) -> dict[str, Any]:
    values: dict[str, Any] = {}
    cursor.expect("(")
    while not values or cursor.take(","):
        cursor.blanks()
        name = _NAME.match(cursor.text, cursor.at)
        if name is None or name.group() in values:
            raise cursor.wrong("expected a parameter")
        cursor.at = name.end()
        cursor.expect("=")
        values[name.group()] = _value(cursor, name.group())
    cursor.expect(")")
    return values


def _value(cursor: Cursor, name: str) -> Any:
    if name == "slots":
        return _read_slots(cursor)
    if name == "arguments":
        return tuple(_read_arguments(cursor))
    return cursor.string()


def _read_slots(cursor: Cursor) -> tuple[tuple[str, str], ...]:
    slots = cursor.value()
    if not isinstance(slots, dict) or not all(isinstance(string, str) for string in slots.values()):
        raise cursor.wrong("slots is an object of strings")
    return tuple(slots.items())


def _read_arguments(cursor: Cursor) -> list[tuple[str, str]]:
    cursor.expect("[")
    pairs: list[tuple[str, str]] = []
    while not cursor.take("]"):
        if pairs:
            cursor.expect(",")
        item = _read_call(cursor, "ee-argument")
        pairs.append((item.name, item.text or ""))
    return pairs
