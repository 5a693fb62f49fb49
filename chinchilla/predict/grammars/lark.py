"""Pieces of Lark grammars: literals, choices, lists, and entries that may be there once."""

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from json import dumps

SPARE = 16
"""How many more items than characters of the passage an answer may have."""
_BITS = 64
_FEW = 3


def literal(text: str) -> str:
    """Return a text as it is; escaped, for the dialect knows no raw U+2028."""
    return dumps(text)


def row(*parts: str) -> str:
    """Return parts one behind the other; an empty one is none."""
    return " ".join(part for part in parts if part)


def maybe(*parts: str) -> str:
    """Return parts that are there together or not at all."""
    return f"({row(*parts)})?"


def either(choices: Iterable[str]) -> str:
    """Return a choice."""
    return f"({' | '.join(choices)})"


def up_to(passage: str) -> str:
    """Return a repetition, not much more often than the passage is long."""
    return f"{{0,{len(passage) + SPARE}}}"


def listed(item: str, comma: str, passage: str) -> str:
    """Return one item or more with commas between."""
    return f"{item} ({literal(comma)} {item}){up_to(passage)}"


def start(nothing: str, *rules: str) -> str:
    """Return the grammar of an answer by items, or of the text for nothing found.

    The first rule begins with what may be there in its place; without rules nothing may.
    """
    first, *others = (f"start: {literal(nothing)}", *rules)
    return "\n".join([row(first, "|", others[0]), *others[1:]]) if others else first


def chosen(entries: Sequence[str], comma: str) -> str:
    """Return one entry or more inside a terminal, none of them twice.

    Up to three are in any order; more of them in the order of the query, for orders grow too
    many: a, b give (a ("," (b))? | b ("," (a))?).
    """
    few = len(entries) <= _FEW
    choices = []
    for index, entry in enumerate(entries):
        others = [*(entries[:index] if few else ()), *entries[index + 1 :]]
        choices.append(row(entry, maybe(literal(comma), chosen(others, comma)) if others else ""))
    return either(choices)


def once(rule: str, entries: Sequence[str], comma: str) -> list[str]:
    """Return rules for one entry or more in any order, none of them twice.

    `rule` is one entry or more, `rule_more` what may follow an entry; both take the parameter
    0x0. Each entry has a bit of the parameter, set once it is written; of more than 64 entries
    the last ones share the high bits, which count them. No comma is written where nothing can
    follow it. Two entries, a and b:

        item::_: a item_more::set_bit(0) %if bit_clear(0)
            | b item_more::set_bit(1) %if bit_clear(1)
        item_more::_: "," item::_ %if bit_count_lt([0:2], 2) | ""
    """
    known, limit = _shared_bits(len(entries))
    own = [f"set_bit({bit}) %if bit_clear({bit})" for bit in range(known)]
    shared = f"incr([{known}:{_BITS}]) %if lt([{known}:{_BITS}], {limit})"
    taken = chain(own, repeat(shared))
    choices = "\n    | ".join(
        f"{entry} {rule}_more::{bits}" for entry, bits in zip(entries, taken, strict=False)
    )
    left = f"bit_count_lt([0:{known}], {known})"
    if known < len(entries):
        left = f"or({left}, lt([{known}:{_BITS}], {limit}))"
    return [
        f"{rule}::_: {choices}",
        f'{rule}_more::_: {literal(comma)} {rule}::_ %if {left} | ""',
    ]


def _shared_bits(count: int) -> tuple[int, int]:
    """Return how many entries get a bit of their own, and how often the others may be there."""
    known = min(count, _BITS - 1)
    while known < count and 2 ** (_BITS - known) - 1 < count - known:
        known -= 1
    return known, 2 ** (_BITS - known) - 1
