"""What may be said in the form `json`: each label once, in any order, a list behind it."""

from chinchilla.answers import Question
from chinchilla.answers.quoting import quoted
from chinchilla.predict.grammars.lark import either, listed, literal, maybe, once, row
from chinchilla.predict.grammars.names import Name, names
from chinchilla.predict.grammars.spans import string, strings


def grammar(question: Question, passage: str) -> str:
    """Write the grammar of JSON answers to a question about a passage."""
    found = names(question)
    opening, closing = ("[", "]") if question.subtask == "re-pair" else ("{", "}")
    if not found:
        return f"start: {literal(opening + closing)}"
    start = row("start:", literal(opening), "(label::0x0)?", literal(closing))
    if question.subtask == "re-pair":
        return "\n".join([start, *once("label", [literal(quoted(one.name)) for one in found], ",")])
    shared: dict[str, str] = {}
    lists = [_list(one.name, _item(at, one, question), shared) for at, one in enumerate(found)]
    parts = [rule for at, one in enumerate(found) for rule in _parts(at, one, question, shared)]
    rules = [f"{rule}: {listed(item, ',', passage)}" for item, rule in shared.items()]
    return "\n".join([start, *once("label", lists, ","), *parts, *rules, *strings(passage)])


def _list(name: str, item: str, shared: dict[str, str]) -> str:
    """Write a list behind its name; lists of the same item share a rule, by that item."""
    rule = shared.setdefault(item, f"list{len(shared)}")
    return row(literal(quoted(name) + ":["), rule, literal("]"))


def _item(at: int, one: Name, question: Question) -> str:
    match question.subtask:
        case "re":
            return _relation(f"slot{at}_more::0x0" if one.parts else "")
        case "ee":
            return _event(f"(role{at}::0x0)?" if one.parts else "")
        case "ee-trigger":
            return either(["STRING", literal("null")])
        case _:
            return string(one.values)


def _relation(slots: str) -> str:
    head, tail = literal('{"head":'), literal(',"tail":')
    return f"({row(head, 'STRING', tail, 'STRING', slots, literal('}'))})"


def _event(roles: str) -> str:
    trigger = maybe(literal('"trigger":'), "STRING", literal(","))
    return f"({row(literal('{'), trigger, literal(_ARGUMENTS), roles, literal('}}'))})"


_ARGUMENTS = '"arguments":{'


def _parts(at: int, one: Name, question: Question, shared: dict[str, str]) -> list[str]:
    """Write the rules for the slots of a relation or the roles of an event type."""
    if not one.parts:
        return []
    if question.subtask == "re":
        slots = [row(literal(quoted(slot.name) + ":"), "STRING") for slot in one.parts]
        return once(f"slot{at}", slots, ",")
    roles = [_list(role.name, string(role.values), shared) for role in one.parts]
    return once(f"role{at}", roles, ",")
