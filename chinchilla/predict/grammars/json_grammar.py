"""Answers in the format `json`: each label once, in any order, with the list of its items."""

from chinchilla.answers import Query
from chinchilla.answers.quoting import quoted
from chinchilla.predict.grammars.lark import either, listed, literal, maybe, once, row
from chinchilla.predict.grammars.spans import Name, names, string, strings

_ARGUMENTS = '"arguments":{'


def grammar(query: Query, passage: str) -> str:
    """Return the grammar of answers to a query about a passage."""
    labels = names(query)
    opening, closing = ("[", "]") if query.subtask == "re-pair" else ("{", "}")
    if not labels:
        return f"start: {literal(opening + closing)}"
    start = row("start:", literal(opening), "(label::0x0)?", literal(closing))
    if query.subtask == "re-pair":
        quoted_names = [literal(quoted(label.name)) for label in labels]
        return "\n".join([start, *once("label", quoted_names, ",")])
    shared: dict[str, str] = {}
    numbered = list(enumerate(labels))
    lists = [_list(label.name, _item(index, label, query), shared) for index, label in numbered]
    parts = [rule for index, label in numbered for rule in _parts(index, label, query, shared)]
    rules = [f"{rule}: {listed(item, ',', passage)}" for item, rule in shared.items()]
    return "\n".join([start, *once("label", lists, ","), *parts, *rules, *strings(passage)])


def _list(name: str, item: str, shared: dict[str, str]) -> str:
    """Return a list behind its name; lists of the same item share a rule, by that item."""
    rule = shared.setdefault(item, f"list{len(shared)}")
    return row(literal(quoted(name) + ":["), rule, literal("]"))


def _item(index: int, label: Name, query: Query) -> str:
    match query.subtask:
        case "re":
            slots = f"slot{index}_more::0x0" if label.parts else ""
            head, tail = literal('{"head":'), literal(',"tail":')
            return f"({row(head, 'STRING', tail, 'STRING', slots, literal('}'))})"
        case "ee":
            roles = f"(role{index}::0x0)?" if label.parts else ""
            trigger = maybe(literal('"trigger":'), "STRING", literal(","))
            return f"({row(literal('{'), trigger, literal(_ARGUMENTS), roles, literal('}}'))})"
        case "ee-trigger":
            return either(["STRING", literal("null")])
        case _:
            return string(label.values)


def _parts(index: int, label: Name, query: Query, shared: dict[str, str]) -> list[str]:
    """Return the rules for the slots of a relation or the roles of an event type."""
    if not label.parts:
        return []
    if query.subtask == "re":
        slots = [row(literal(quoted(slot.name) + ":"), "STRING") for slot in label.parts]
        return once(f"slot{index}", slots, ",")
    roles = [_list(role.name, string(role.values), shared) for role in label.parts]
    return once(f"role{index}", roles, ",")
