"""Pieces of Lark grammars: literals, choices, lists, and what may stand once."""

from collections.abc import Iterable, Sequence
from json import dumps

SPARE = 16
"""How many more items than characters of the passage an answer may have."""
_BITS = 64
_FEW = 3


def literal(words: str) -> str:
    """Write words that stand as they are; escaped, for the dialect knows no raw U+2028."""
    return dumps(words)


def row(*parts: str) -> str:
    """Write parts one behind the other; an empty one is none."""
    return " ".join(part for part in parts if part)


def maybe(*parts: str) -> str:
    """Write parts that stand together or not at all."""
    return f"({row(*parts)})?"


def either(choices: Iterable[str]) -> str:
    """Write a choice."""
    return f"({' | '.join(choices)})"


def up_to(passage: str) -> str:
    """Write how often something may stand: not much more often than the passage is long."""
    return f"{{0,{len(passage) + SPARE}}}"


def listed(item: str, comma: str, passage: str) -> str:
    """Write one item or more with commas between."""
    return f"{item} ({literal(comma)} {item}){up_to(passage)}"


def chosen(entries: Sequence[str], comma: str) -> str:
    """Write one entry or more inside a terminal, none of them twice.

    Up to three stand in any order; more of them in the order asked, for orders grow too many.
    """
    few = len(entries) <= _FEW
    choices = []
    for at, entry in enumerate(entries):
        others = [*(entries[:at] if few else ()), *entries[at + 1 :]]
        choices.append(row(entry, maybe(literal(comma), chosen(others, comma)) if others else ""))
    return either(choices)


def once(rule: str, entries: Sequence[str], comma: str) -> list[str]:
    """Write rules for one entry or more in any order, none of them twice.

    `rule` stands for one entry or more, `rule_more` for what may follow an entry; both take the
    parameter 0x0. What was written is remembered in the bits of the parameter, of which there
    are 64: of more entries than that the last ones are only counted. No comma is written where
    nothing can follow it.
    """
    known, limit = _shared_bits(len(entries))
    first = [f"{one} {rule}_more::{_taken(at, known, limit)}" for at, one in enumerate(entries)]
    choices = "\n    | ".join(first)
    left = f"bit_count_lt([0:{known}], {known})"
    if known < len(entries):
        left = f"or({left}, lt([{known}:{_BITS}], {limit}))"
    return [
        f"{rule}::_: {choices}",
        f'{rule}_more::_: {literal(comma)} {rule}::_ %if {left} | ""',
    ]


def _shared_bits(count: int) -> tuple[int, int]:
    """Return how many entries get a bit of their own, and how often the others may stand."""
    known = min(count, _BITS - 1)
    while known < count and 2 ** (_BITS - known) - 1 < count - known:
        known -= 1
    return known, 2 ** (_BITS - known) - 1


def _taken(at: int, known: int, limit: int) -> str:
    if at < known:
        return f"set_bit({at}) %if bit_clear({at})"
    return f"incr([{known}:{_BITS}]) %if lt([{known}:{_BITS}], {limit})"
