"""Answers in the format `tuple`: a tuple a line, in any order.

A terminal ends with the mark behind its last span, for the lexer of llguidance is greedy: a span
of its own would swallow a comma or a bracket that the passage goes on with.
"""

from collections.abc import Sequence

from chinchilla.answers import Query
from chinchilla.answers.tuple_format import COMMA, NAME
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

_OPEN, _COMMA, _EQUALS, _CLOSE = literal("("), literal(", "), literal("="), literal(")")


def grammar(query: Query, passage: str) -> str:
    """Return the grammar of answers to a query about a passage."""
    labels = names(query)
    spans = BareSpans(passage, doubtful="(" in query.empty)
    if not labels:
        return start(query.empty)
    if query.subtask == "re-pair":
        pairs = [
            f"PAIR{index}: {row(_OPEN, spans.name(label.name, COMMA), _CLOSE)}"
            for index, label in enumerate(labels)
        ]
        items = once("item", [f"PAIR{index}" for index in range(len(labels))], "\n")
        return start(query.empty, "item::0x0", *items, *pairs)
    rules = _events(labels, spans) if query.subtask == "ee" else _items(labels, query, spans)
    return start(query.empty, listed("item", "\n", passage), *rules, *spans.terminals())


def _items(labels: Sequence[Name], query: Query, spans: BareSpans) -> list[str]:
    if query.subtask == "re":
        items = [_relation(label, spans) for label in labels]
    else:
        missing = "?" if query.subtask == "ee-trigger" else ""
        items = [item + missing for item in spans.named_spans(labels, COMMA, _COMMA, COMMA)]
    return ["item: ITEM", f"ITEM: {row(_OPEN, either(items), _CLOSE)}"]


def _relation(label: Name, spans: BareSpans) -> str:
    end = spans.span(COMMA)
    slots = [row(spans.name(slot.name, NAME), _EQUALS, end) for slot in label.parts]
    further = maybe(_COMMA, chosen(slots, ", ")) if slots else ""
    return row(end, _COMMA, spans.name(label.name, COMMA), _COMMA, end, further)


def _events(labels: Sequence[Name], spans: BareSpans) -> list[str]:
    rules = [f"item: {either(f'event{index}' for index in range(len(labels)))}"]
    for index, label in enumerate(labels):
        head = row(_OPEN, spans.name(label.name, COMMA), _COMMA, maybe(spans.span(COMMA)))
        alone = f"ALONE{index}: {row(head, _CLOSE)}"
        if not label.parts:
            rules += [f"event{index}: ALONE{index}", alone]
            continue
        roles = either(spans.named_spans(label.parts, NAME, _EQUALS, COMMA))
        further = f"OPEN{index} MORE{index}{up_to(spans.passage)} LAST{index}"
        rules += [
            f"event{index}: ALONE{index} | {further}",
            alone,
            f"OPEN{index}: {row(head, _COMMA)}",
            f"MORE{index}: {row(roles, _COMMA)}",
            f"LAST{index}: {row(roles, _CLOSE)}",
        ]
    return rules
