"""Answers in the format `code`: a call an item, in any order, every string quoted."""

from collections.abc import Iterable, Sequence

from chinchilla.answers import Query
from chinchilla.answers.code_format import NOTHING
from chinchilla.answers.quoting import quoted
from chinchilla.predict.grammars.lark import either, listed, literal, maybe, once, row, start
from chinchilla.predict.grammars.spans import Name, by_values, names, string, strings

_CLOSE = literal(")")


def grammar(query: Query, passage: str) -> str:
    """Return the grammar of answers to a query about a passage."""
    labels = names(query)
    if not labels:
        return start(NOTHING)
    if query.subtask == "re-pair":
        calls = [literal(f"Relation(type={quoted(label.name)})") for label in labels]
        return start(NOTHING, "item::0x0", *once("item", calls, "\n"))
    rules = [f"item: {either(_items(labels, query, passage))}"]
    if query.subtask == "re":
        rules += [rule for index, label in enumerate(labels) for rule in _slots(index, label)]
    return start(NOTHING, listed("item", "\n", passage), *rules, *strings(passage))


def _items(labels: Sequence[Name], query: Query, passage: str) -> list[str]:
    match query.subtask:
        case "ner":
            name = _name("Entity(type=", [label.name for label in labels])
            return [row(name, literal(", text="), "STRING", _CLOSE)]
        case "re":
            return [_relation(index, label) for index, label in enumerate(labels)]
        case "ee":
            return [_event([label.name], _arguments(label, passage)) for label in labels]
        case "ee-trigger":
            return [_event([label.name for label in labels], "")]
        case _:
            return [_argument(labels)]


def _name(call: str, known: Iterable[str]) -> str:
    return either(literal(call + quoted(name)) for name in known)


def _relation(index: int, label: Name) -> str:
    name, head, tail = _name("Relation(type=", [label.name]), literal(", head="), literal(", tail=")
    slots = maybe(literal(", slots={"), f"slot{index}::0x0", literal("}")) if label.parts else ""
    return row(name, head, "STRING", tail, "STRING", slots, _CLOSE)


def _slots(index: int, label: Name) -> list[str]:
    slots = [row(literal(f"{quoted(slot.name)}: "), "STRING") for slot in label.parts]
    return once(f"slot{index}", slots, ", ") if slots else []


def _event(types: list[str], arguments: str) -> str:
    trigger = maybe(literal(", trigger="), "STRING")
    return row(_name("Event(type=", types), trigger, arguments, _CLOSE)


def _arguments(label: Name, passage: str) -> str:
    inside = f"({listed(_argument(label.parts), ', ', passage)})?" if label.parts else ""
    return row(literal(", arguments=["), inside, literal("]"))


def _argument(roles: Iterable[Name]) -> str:
    return either(
        row(_name("Argument(role=", group), literal(", text="), string(values), _CLOSE)
        for values, group in by_values(roles)
    )
