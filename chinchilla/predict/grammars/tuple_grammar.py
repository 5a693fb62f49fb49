"""What may be said in the form `tuple`: a tuple a line, in any order.

A terminal ends with the mark behind its last words, for the lexer of llguidance is greedy: a span
of its own would swallow a comma or a bracket that the passage goes on with.
"""

from chinchilla.answers import Question
from chinchilla.answers.tuple_format import COMMA, NAME
from chinchilla.predict.grammars.lark import chosen, either, listed, literal, maybe, once, row
from chinchilla.predict.grammars.lark import up_to as times
from chinchilla.predict.grammars.names import Name, names, ways
from chinchilla.predict.grammars.spans import Words

_OPEN, _COMMA, _EQUALS, _CLOSE = literal("("), literal(", "), literal("="), literal(")")


def grammar(question: Question, passage: str) -> str:
    """Write the grammar of answers by tuples to a question about a passage."""
    found = names(question)
    nothing = row("start:", literal(question.empty), "|")
    words = Words(passage, doubtful="(" in question.empty)
    if not found:
        return nothing.removesuffix(" |")
    if question.subtask == "re-pair":
        pairs = once("item", [f"PAIR{at}" for at in range(len(found))], "\n")
        return "\n".join([row(nothing, "item::0x0"), *pairs, *_pairs(found, words)])
    start = row(nothing, listed("item", "\n", passage))
    rules = _events(found, words) if question.subtask == "ee" else _items(found, question, words)
    return "\n".join([start, *rules, *words.terminals()])


def _pairs(found: list[Name], words: Words) -> list[str]:
    return [
        f"PAIR{at}: {row(_OPEN, words.name(one.name, COMMA), _CLOSE)}"
        for at, one in enumerate(found)
    ]


def _items(found: list[Name], question: Question, words: Words) -> list[str]:
    if question.subtask == "re":
        items = [_relation(one, words) for one in found]
    else:
        missing = "?" if question.subtask == "ee-trigger" else ""
        items = [
            row(words.names(group, COMMA), _COMMA, words.span(COMMA, values) + missing)
            for values, group in ways(found)
        ]
    return ["item: ITEM", f"ITEM: {row(_OPEN, either(items), _CLOSE)}"]


def _relation(one: Name, words: Words) -> str:
    end = words.span(COMMA)
    slots = [row(words.name(part.name, NAME), _EQUALS, end) for part in one.parts]
    further = maybe(_COMMA, chosen(slots, ", ")) if slots else ""
    return row(end, _COMMA, words.name(one.name, COMMA), _COMMA, end, further)


def _events(found: list[Name], words: Words) -> list[str]:
    rules = [f"item: {either(f'event{at}' for at in range(len(found)))}"]
    for at, one in enumerate(found):
        head = row(_OPEN, words.name(one.name, COMMA), _COMMA, maybe(words.span(COMMA)))
        further = f"OPEN{at} MORE{at}{times(words.passage)} LAST{at}" if one.parts else ""
        rules.append(f"event{at}: {' | '.join(filter(None, [f'ALONE{at}', further]))}")
        rules.append(f"ALONE{at}: {row(head, _CLOSE)}")
        if one.parts:
            argument = either(_arguments(one, words))
            rules.append(f"OPEN{at}: {row(head, _COMMA)}")
            rules.append(f"MORE{at}: {row(argument, _COMMA)}")
            rules.append(f"LAST{at}: {row(argument, _CLOSE)}")
    return rules


def _arguments(one: Name, words: Words) -> list[str]:
    return [
        row(words.names(group, NAME), _EQUALS, words.span(COMMA, values))
        for values, group in ways(one.parts)
    ]
