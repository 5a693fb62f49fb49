"""What may be said in the form `code`: a call an item, in any order, every string quoted."""

from collections.abc import Iterable

from chinchilla.answers import Question
from chinchilla.answers.code_format import NOTHING
from chinchilla.answers.quoting import quoted
from chinchilla.predict.grammars.lark import either, listed, literal, maybe, once, row
from chinchilla.predict.grammars.names import Name, names, ways
from chinchilla.predict.grammars.spans import string, strings

_CLOSE = literal(")")


def grammar(question: Question, passage: str) -> str:
    """Write the grammar of answers by calls to a question about a passage."""
    found = names(question)
    nothing = row("start:", literal(NOTHING), "|")
    if not found:
        return nothing.removesuffix(" |")
    if question.subtask == "re-pair":
        calls = [literal(f"Relation(type={quoted(one.name)})") for one in found]
        return "\n".join([row(nothing, "item::0x0"), *once("item", calls, "\n")])
    rules = [row(nothing, listed("item", "\n", passage))]
    rules.append(f"item: {either(_items(found, question, passage))}")
    if question.subtask == "re":
        rules += [rule for at, one in enumerate(found) for rule in _slots(at, one)]
    return "\n".join([*rules, *strings(passage)])


def _items(found: list[Name], question: Question, passage: str) -> list[str]:
    match question.subtask:
        case "ner":
            name = _name("Entity(type=", [one.name for one in found])
            return [row(name, literal(", text="), "STRING", _CLOSE)]
        case "re":
            return [_relation(at, one) for at, one in enumerate(found)]
        case "ee":
            return [_event([one.name], _arguments(one, passage)) for one in found]
        case "ee-trigger":
            return [_event([one.name for one in found], "")]
        case _:
            return [_argument(found)]


def _name(call: str, known: Iterable[str]) -> str:
    return either(literal(call + quoted(one)) for one in known)


def _relation(at: int, one: Name) -> str:
    name, head, tail = _name("Relation(type=", [one.name]), literal(", head="), literal(", tail=")
    slots = maybe(literal(", slots={"), f"slot{at}::0x0", literal("}")) if one.parts else ""
    return row(name, head, "STRING", tail, "STRING", slots, _CLOSE)


def _slots(at: int, one: Name) -> list[str]:
    slots = [row(literal(f"{quoted(part.name)}: "), "STRING") for part in one.parts]
    return once(f"slot{at}", slots, ", ") if slots else []


def _event(types: list[str], arguments: str) -> str:
    trigger = maybe(literal(", trigger="), "STRING")
    return row(_name("Event(type=", types), trigger, arguments, _CLOSE)


def _arguments(one: Name, passage: str) -> str:
    inside = f"({listed(_argument(one.parts), ', ', passage)})?" if one.parts else ""
    return row(literal(", arguments=["), inside, literal("]"))


def _argument(parts: Iterable[Name]) -> str:
    return either(
        row(_name("Argument(role=", group), literal(", text="), string(values), _CLOSE)
        for values, group in ways(parts)
    )
