"""A paragraph a line with marks inside: `{{time:4月25日}}讯（记者{{person_name: 某某}}）`.

Known damage is put right and named: a mark with a brace missing, one mark inside another,
a literal backslash-n for a line break, a mark with nothing in it.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from chinchilla.errors import InputError
from chinchilla.readers.lines import Slice, text_lines, too_much
from chinchilla.readers.recognise import Kind, other_file
from chinchilla.spans import Tagged
from chinchilla.tally import Tally

Damage = Literal["literal-newline", "broken-mark", "nested-mark", "empty-mark"]

MAX_PARAGRAPH = 20_000
"""Longest paragraph read, in characters without marks; the longest published one has 4,623."""

_WANTED: frozenset[Kind] = frozenset({"marks"})
_LEFT = re.compile(r"\{\{.{0,20}|｛｛.{0,20}")
"""Braces that opened no mark: its label has a blank, a hyphen or a colon of another width."""
# "{{time:" opens a mark, "{time:" may be one with a brace lost, "}}" closes one
_TOKENS = re.compile(r"\{\{(\w+?):|\{(\w+?):|\}\}|\\n")


class Marked(NamedTuple):
    """A paragraph without its marks, the marks as spans, and the damage met."""

    text: str
    spans: list[Tagged]
    broken: list[Tagged]
    damage: list[Damage]


def paragraphs(part: Slice, labels: frozenset[str], tally: Tally) -> Iterator[tuple[int, Marked]]:
    """Yield line number and paragraph; one with a mark that never ends is refused.

    `labels` are the names that may open a mark, so that braces in running text stay text.
    """
    # any text is a paragraph without marks: that it is another file must be seen before
    other = other_file(part.at(part.line), part.path, _WANTED)
    if other is not None:
        tally.refuse(other)
        return
    for number, line in text_lines(part, tally):
        if not line:
            continue
        try:
            paragraph = parse(line, labels)
        except ValueError as error:
            what, todo = error.args
            tally.refuse(InputError(part.at(number), what, todo, reason="open-mark"))
            continue
        if len(paragraph.text) > MAX_PARAGRAPH:
            what = f"a paragraph of {len(paragraph.text):,} characters"
            tally.refuse(too_much(part.at(number), what, "a line break"))
        else:
            yield number, paragraph


def parse(line: str, labels: frozenset[str]) -> Marked:
    """Return a line without its marks; raise ValueError where one is open or unreadable.

    Its arguments say what is wrong and what to do.
    """
    walk = _Walk(labels)
    at = 0
    for token in _TOKENS.finditer(line):
        walk.put(line[at : token.start()])
        walk.take(token)
        at = token.end()
    walk.put(line[at:])
    if walk.open:
        what = f"the mark {walk.open[-1].label!r} is never closed"
        raise ValueError(what, "close each {{label:...}} with }}")
    text = "".join(walk.pieces)
    left = _LEFT.search(text)
    if left is not None:
        raise ValueError(f"{left.group()!r} opens no mark", "write each mark as {{label:...}}")
    return Marked(text, walk.spans, walk.broken, walk.damage)


class _Open(NamedTuple):
    label: str
    start: int
    whole: bool


class _Walk:
    """The state of one pass over a line."""

    def __init__(self, labels: frozenset[str]) -> None:
        self.labels = labels
        self.pieces: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.spans: list[Tagged] = []
        self.broken: list[Tagged] = []
        self.damage: list[Damage] = []

    def put(self, piece: str) -> None:
        self.pieces.append(piece)
        self.length += len(piece)

    def take(self, token: re.Match[str]) -> None:
        mark = token.group()
        if mark == r"\n":
            self.damage.append("literal-newline")
            # a line break inside a name belongs to the page, not to the name
            self.put("" if self.open else "\n")
        elif mark == "}}":
            self.close()
        elif token[1]:
            self.begin(token[1], whole=True)
        elif token[2] in self.labels:
            self.begin(token[2], whole=False)
        else:
            self.put(mark)

    def begin(self, label: str, whole: bool) -> None:
        if self.open:
            self.damage.append("nested-mark")
        if not whole:
            self.damage.append("broken-mark")
        self.open.append(_Open(label, self.length, whole))

    def close(self) -> None:
        if not self.open:
            self.damage.append("broken-mark")
            self.reopen()
            return
        label, start, whole = self.open.pop()
        span = self.trimmed(label, start)
        if span is None:
            self.damage.append("empty-mark")
        elif not whole:
            self.broken.append(span)
        elif span not in self.spans:
            self.spans.append(span)

    def reopen(self) -> None:
        """Find the `label:` whose braces were lost before a closing pair, and drop it."""
        text = "".join(self.pieces)
        last = [(text.rfind(f"{label}:"), label) for label in sorted(self.labels)]
        at, label = max(last, default=(-1, ""))
        if at < 0 or any(span.end > at for span in self.spans):
            return
        text = text[:at] + text[at + len(label) + 1 :]
        self.pieces, self.length = [text], len(text)
        span = self.trimmed(label, at)
        if span is not None:
            self.broken.append(span)

    def trimmed(self, label: str, start: int) -> Tagged | None:
        """Leave the spaces at both ends of a mark outside the span."""
        content = "".join(self.pieces)[start:]
        start += len(content) - len(content.lstrip())
        end = start + len(content.strip())
        return Tagged(label, start, end) if end > start else None
