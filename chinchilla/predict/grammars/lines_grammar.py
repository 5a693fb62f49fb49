"""Answers in the format `lines`: an item a line, in any order.

A line is one terminal wherever its parts could be taken for each other, for the lexer of
llguidance is greedy: a span of its own would swallow a mark that the passage goes on with.
"""

from collections.abc import Sequence

from chinchilla.answers import Query
from chinchilla.answers.lines_format import ARROW, COLON, SLOT_NAME, SLOT_WORDS, TAIL, TYPE
from chinchilla.predict.grammars.lark import (
    chosen,
    either,
    listed,
    literal,
    maybe,
    once,
    row,
    start,
    up_to,
)
from chinchilla.predict.grammars.spans import BareSpans, Name, names

_COLON, _LINE = literal("："), literal("\n")


def grammar(query: Query, passage: str) -> str:
    """Return the grammar of answers to a query about a passage."""
    labels = names(query)
    spans = BareSpans(passage, _doubtful(query))
    if not labels:
        return start(query.empty)
    if query.subtask == "re-pair":
        pairs = [spans.name(label.name, None) for label in labels]
        return start(query.empty, "item::0x0", *once("item", pairs, "\n"))
    rules = _events(labels, spans) if query.subtask == "ee" else _items(labels, query, spans)
    return start(query.empty, listed("item", "\n", passage), *rules, *spans.terminals())


def _doubtful(query: Query) -> bool:
    if query.subtask == "re-pair":
        return query.empty.strip() in [label.name.strip() for label in query.known]
    return "：" in query.empty


def _items(labels: Sequence[Name], query: Query, spans: BareSpans) -> list[str]:
    if query.subtask == "re":
        items = [_relation(label, spans) for label in labels]
    else:
        missing = "?" if query.subtask == "ee-trigger" else ""
        items = [item + missing for item in spans.named_spans(labels, COLON, _COLON, None)]
    return ["item: ITEM", f"ITEM: {either(items)}"]


def _relation(label: Name, spans: BareSpans) -> str:
    ends = row(spans.span(ARROW), literal(" → "), spans.span(TAIL))
    slots = [
        row(spans.name(slot.name, SLOT_NAME), _COLON, spans.span(SLOT_WORDS))
        for slot in label.parts
    ]
    further = maybe(literal("（"), chosen(slots, "；"), literal("）")) if slots else ""
    return row(spans.name(label.name, COLON), _COLON, ends, further)


def _events(labels: Sequence[Name], spans: BareSpans) -> list[str]:
    rules = [f"item: {either(f'event{index}' for index in range(len(labels)))}"]
    for index, label in enumerate(labels):
        arguments = f"({_LINE} ARGUMENT{index}){up_to(spans.passage)}" if label.parts else ""
        rules.append(f"event{index}: {row(f'HEAD{index}', arguments)}")
        head = row(spans.name(label.name, TYPE), _COLON, maybe(spans.span(None)))
        rules.append(f"HEAD{index}: {head}")
        if label.parts:
            roles = spans.named_spans(label.parts, COLON, _COLON, None)
            rules.append(f"ARGUMENT{index}: {either(row(literal('- '), role) for role in roles)}")
    return rules
