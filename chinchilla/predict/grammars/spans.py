"""What an answer may name: the names of the query, and spans cut from the passage.

llguidance matches pieces of a list of chunks. A chunk is one character, escaped where it is in a
JSON string, so that no cut falls into an escape.
"""

import re
from collections.abc import Iterable, Sequence
from json import dumps
from re import Pattern
from typing import NamedTuple

from chinchilla.answers import Query
from chinchilla.answers.quoting import bare, quoted
from chinchilla.predict.grammars.lark import either, literal, row
from chinchilla.schema import Label, Role, Slot

# what \s is in Python, and in answers.quoting with it
_BLANK = (
    r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}"
    r"\x{205f}\x{3000}"
)
# a bare span: its ends are no blanks, it begins with no quote, it holds no line end
_EDGE = rf'/[^{_BLANK}"]([^\n\r]*[^{_BLANK}])?/'
_AWKWARD = re.compile(r'[\s"]')


class Name(NamedTuple):
    """A name that items may have: of a label, or of a role or slot of one.

    `values` are the classes that may be there in place of a span, `parts` the roles or slots.
    """

    name: str
    values: tuple[str, ...] = ()
    parts: tuple["Name", ...] = ()


def names(query: Query) -> list[Name]:
    """Return the names that items of an answer may have, in the order of the query."""
    if query.subtask == "ee-argument":
        return _joined(_part(role) for role in (query.event.roles if query.event else ()))
    return _joined(
        Name(label.name, (), tuple(map(_part, _parts(label, query)))) for label in query.known
    )


def _parts(label: Label, query: Query) -> Sequence[Role | Slot]:
    if query.subtask == "re":
        return label.slots
    return label.roles if query.subtask == "ee" else ()


def _part(part: Role | Slot) -> Name:
    return Name(part.name, part.values if isinstance(part, Role) else ())


def _joined(names: Iterable[Name]) -> list[Name]:
    """Join what has the same name: an answer cannot tell it apart."""
    joined: dict[str, Name] = {}
    for name, values, parts in names:
        known = joined.get(name, Name(name))
        every = tuple(dict.fromkeys(known.values + values))
        joined[name] = Name(name, every, tuple(_joined(known.parts + parts)))
    return list(joined.values())


def by_values(names: Iterable[Name]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Return names grouped by the classes they may take: (classes, names)."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        groups.setdefault(name.values, []).append(name.name)
    return list(groups.items())


def strings(passage: str) -> list[str]:
    """Return the rules of the terminal STRING: a span of the passage as a JSON string."""
    escaped = [quoted(character)[1:-1] for character in passage]
    return [f"ESCAPED: {_cut(escaped)}", 'STRING: "\\"" (ESCAPED & /(?s:.)+/) "\\""']


def string(values: Iterable[str] = ()) -> str:
    """Return a span as a JSON string, or one of some classes."""
    return either(["STRING", *(literal(quoted(value)) for value in values)])


def _cut(chunks: Iterable[str]) -> str:
    return f"%regex {dumps({'substring_chunks': list(chunks)})}"


class BareSpans(NamedTuple):
    """Spans and names by the rule of `chinchilla.answers.quoting`: bare where they may be.

    `doubtful` where an item may read like the text for nothing found: then any may be quoted.
    """

    passage: str
    doubtful: bool

    def terminals(self) -> list[str]:
        """Return the rules that `span` refers to."""
        return [f"CUT: {_cut(self.passage)}", f"EDGE: {_EDGE}", *strings(self.passage)]

    def span(self, marks: Pattern[str] | None, values: Iterable[str] = ()) -> str:
        """Return a span that may not hold the marks unless quoted, or one of some classes.

        The pattern is handed on as it is: it means the same in Python and in Rust.
        """
        marked = marks is not None and marks.search(self.passage) is not None
        plain = f"CUT & EDGE & ~/(?s:.)*({marks.pattern})(?s:.)*/" if marks and marked else ""
        choices = [plain or "CUT & EDGE"]
        if marked or self.doubtful or _AWKWARD.search(self.passage):
            choices.append("STRING")
        return either([*choices, *(self.name(value, marks) for value in values)])

    def name(self, name: str, marks: Pattern[str] | None) -> str:
        """Return a name, bare where it holds none of the marks."""
        choices = dict.fromkeys([bare(name, marks), quoted(name)][: 1 + self.doubtful])
        return either(map(literal, choices))

    def named_spans(
        self, names: Iterable[Name], marks: Pattern[str], separator: str, ends: Pattern[str] | None
    ) -> list[str]:
        """Return for names of the same classes: one of them, the separator, a span.

        `marks` and `ends` are what a bare name and a bare span may not hold.
        """
        return [
            row(
                either(self.name(name, marks) for name in group), separator, self.span(ends, values)
            )
            for values, group in by_values(names)
        ]
