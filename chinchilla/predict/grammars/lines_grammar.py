"""What may be said in the form `lines`: an item a line, in any order.

A line is one terminal wherever its parts could be taken for each other, for the lexer of
llguidance is greedy: a span of its own would swallow a mark that the passage goes on with.
"""

from chinchilla.answers import Question
from chinchilla.answers.lines_format import ARROW, COLON, SLOT_NAME, SLOT_WORDS, TAIL, TYPE
from chinchilla.predict.grammars.lark import chosen, either, listed, literal, maybe, once, row
from chinchilla.predict.grammars.lark import up_to as times
from chinchilla.predict.grammars.names import Name, names, ways
from chinchilla.predict.grammars.spans import Words

_COLON, _LINE = literal("："), literal("\n")


def grammar(question: Question, passage: str) -> str:
    """Write the grammar of answers by lines to a question about a passage."""
    found = names(question)
    nothing = row("start:", literal(question.empty), "|")
    words = Words(passage, _doubtful(question))
    if not found:
        return nothing.removesuffix(" |")
    if question.subtask == "re-pair":
        pairs = [words.name(one.name, None) for one in found]
        return "\n".join([row(nothing, "item::0x0"), *once("item", pairs, "\n")])
    start = row(nothing, listed("item", "\n", passage))
    rules = _events(found, words) if question.subtask == "ee" else _items(found, question, words)
    return "\n".join([start, *rules, *words.terminals()])


def _doubtful(question: Question) -> bool:
    if question.subtask == "re-pair":
        return question.empty.strip() in [label.name.strip() for label in question.known]
    return "：" in question.empty


def _items(found: list[Name], question: Question, words: Words) -> list[str]:
    if question.subtask == "re":
        items = [_relation(one, words) for one in found]
    else:
        missing = "?" if question.subtask == "ee-trigger" else ""
        items = [
            row(words.names(group, COLON), _COLON, words.span(None, values) + missing)
            for values, group in ways(found)
        ]
    return ["item: ITEM", f"ITEM: {either(items)}"]


def _relation(one: Name, words: Words) -> str:
    ends = row(words.span(ARROW), literal(" → "), words.span(TAIL))
    slots = [
        row(words.name(part.name, SLOT_NAME), _COLON, words.span(SLOT_WORDS)) for part in one.parts
    ]
    further = maybe(literal("（"), chosen(slots, "；"), literal("）")) if slots else ""
    return row(words.name(one.name, COLON), _COLON, ends, further)


def _events(found: list[Name], words: Words) -> list[str]:
    rules = [f"item: {either(f'event{at}' for at in range(len(found)))}"]
    for at, one in enumerate(found):
        arguments = f"({_LINE} ARGUMENT{at}){times(words.passage)}" if one.parts else ""
        rules.append(f"event{at}: {row(f'HEAD{at}', arguments)}")
        head = row(words.name(one.name, TYPE), _COLON, maybe(words.span(None)))
        rules.append(f"HEAD{at}: {head}")
        if one.parts:
            rules.append(f"ARGUMENT{at}: {either(_arguments(one, words))}")
    return rules


def _arguments(one: Name, words: Words) -> list[str]:
    return [
        row(literal("- "), words.names(group, COLON), _COLON, words.span(None, values))
        for values, group in ways(one.parts)
    ]
