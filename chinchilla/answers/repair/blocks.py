"""Which part of an answer counts, where an example, the schema or the prompt stands before it.

Blocks are fenced pieces, JSON values, or what stands under headings. One rule for all forms: of
the blocks that can be read, those under names asked, then those of which a string stands in the
text, then whole ones come first; of equal ones the last counts. Earlier blocks belong to it
where they answer for other labels and a string of each stands in the text. JSON values with
nothing but blanks and commas between them are one block.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chinchilla.answers.items import Said
from chinchilla.answers.query import Question
from chinchilla.answers.repair.text import words

_FENCE = "```"
_INFO = re.compile(r"[\w+#. -]*", re.ASCII)
_COLON = re.compile("[:：]")
_AROUND = " \t\r#*_>【】[]"
_LONGEST = 24
"""Characters of a heading, with its marks."""


class Block(NamedTuple):
    """The items of a part of an answer, what was odd about it, and where it stands."""

    items: list[Said]
    notes: Counter[str]
    start: int = 0
    end: int = 0


class Piece(NamedTuple):
    """A part of an answer: inside a code fence, under a heading, or all of it."""

    text: str
    fenced: bool = False


def cut(text: str, question: Question, by_line: bool, textual: bool) -> list[Piece]:
    """Cut an answer at its fences; one in words at its headings where there are no fences.

    `by_line` says that a heading stands on a line of its own unless a name asked follows it.
    """
    if _FENCE in text:
        parts = text.split(_FENCE)
        pieces = [
            Piece(_content(part), True) if at % 2 else Piece(part) for at, part in enumerate(parts)
        ]
        if any(piece.fenced and piece.text.strip() for piece in pieces):
            return pieces
    return (
        [Piece(part) for part in _sections(text, question, by_line)] if textual else [Piece(text)]
    )


def _content(part: str) -> str:
    """Leave out the language behind an opening fence."""
    first, _, rest = part.partition("\n")
    return rest if _INFO.fullmatch(first.strip()) else part


def _sections(text: str, question: Question, by_line: bool) -> list[str]:
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        rest = _under_heading(line, question, by_line)
        if rest is not None:
            parts.append([])
        parts[-1].append(line if rest is None else rest)
    return ["\n".join(lines) for lines in parts]


def _under_heading(line: str, question: Question, by_line: bool) -> str | None:
    """Return what follows the heading that a line begins with; null where it has none."""
    found = _COLON.search(line, 0, _LONGEST)
    head = line[: found.start()] if found else line
    if len(head) > _LONGEST or not (name := head.strip(_AROUND)) or name in question.asked:
        return None
    if name.count("(") + name.count("（") > name.count(")") + name.count("）"):
        # the beginning of a tuple, of which a string holds the colon
        return None
    rest = line[found.end() :].strip(_AROUND) if found else ""
    known = words().headings
    if not (any(word in name.casefold() for word in known) if found else name.casefold() in known):
        return None
    if by_line and rest and not rest.startswith(tuple(question.asked)):
        return None
    return rest


def counting(blocks: Mapping[int, Block], question: Question, passage: str | None) -> list[int]:
    """Return the keys of the blocks that are the answer, in order."""
    ranks = {at: _rank(block, question, passage) for at, block in blocks.items()}
    best = max(ranks.values())
    last = max(at for at, rank in ranks.items() if rank == best)
    found, names = [last], {item.name for item in blocks[last].items}
    if passage is None or not best.supported or not any(_spans(blocks[last].items)):
        return found
    for at in sorted(blocks.keys() - {last}, reverse=True):
        others = {item.name for item in blocks[at].items}
        if at < last and others and ranks[at] == best and not others & names:
            found.append(at)
            names |= others
    return found[::-1]


class _Rank(NamedTuple):
    asked: bool
    supported: bool
    whole: bool


def _rank(block: Block, question: Question, passage: str | None) -> _Rank:
    asked = not question.asked or not block.items
    asked = asked or any(item.name in question.asked for item in block.items)
    return _Rank(asked, supported(block.items, passage), not block.notes["truncated"])


def supported(items: Iterable[Said], passage: str | None) -> bool:
    """Tell whether a string of the items stands in the text; items without any may stand."""
    if passage is None:
        return True
    spans = list(_spans(items))
    return not spans or any(span in passage for span in spans)


def _spans(items: Iterable[Said]) -> Iterator[str]:
    for item in items:
        yield from (span for span in (item.words, item.tail) if span)
        yield from (span for _, span in item.further if span)


def joined(blocks: Sequence[Block], passage: str | None) -> Block:
    """Make one block of those that follow one another: equal ones once.

    Where a string of some stands in the text, those of which none does are left out.
    """
    if len(blocks) == 1:
        return blocks[0]
    unequal: dict[tuple[Said, ...], Block] = {}
    for block in blocks:
        unequal.setdefault(tuple(block.items), block)
    kept = [block for block in unequal.values() if block.items]
    sound = [block for block in kept if supported(block.items, passage)]
    notes: Counter[str] = Counter(blocks=1)
    for block in sound or kept:
        notes.update(block.notes)
    items = [item for block in sound or kept for item in block.items]
    return Block(items, notes, blocks[0].start, blocks[-1].end)
