"""What the text tells about the strings of an answer: escapes, entities, words for nothing.

A string that stands in the text is left as it is. Without a text nothing is known of strings,
and of names only which were asked.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from html import unescape

from chinchilla.answers.items import Said, listed, to_content
from chinchilla.answers.query import Content, Question
from chinchilla.answers.repair.opening import holds_group, unescaped
from chinchilla.answers.repair.text import plain, unquoted, words

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31}\d*);")
_DEEP = 3
"""How often a string may be escaped."""
_BEFORE_NAME = " ,，、;；:：\"'“”"
Pair = tuple[str, str]


def agreed(
    content: Content, question: Question, passage: str | None, notes: Counter[str]
) -> Content:
    """Return what the items of a content mean, given the text they were taken from.

    Counts in `notes` what is changed: `escapes` (a string escaped too often), `quotes` (quotes
    around it), `absent` (words for nothing found where an item is expected).
    """
    found: Counter[str] = Counter()
    items = list(_Evidence(question, passage, found).items(listed(content, question)))
    if not +found:
        return content
    notes.update(found)
    return to_content(items, question)


def hides_items(content: Content, question: Question, passage: str | None) -> bool:
    """Tell whether a string of a content is JSON that does not stand in the text."""
    if passage is None:
        return False
    return any(
        holds_group(span, passage)
        for item in listed(content, question)
        for span in (item.words, item.tail, *(span for _, span in item.further))
        if span
    )


class _Evidence:
    """Read the items of an answer in the light of its text."""

    def __init__(self, question: Question, passage: str | None, notes: Counter[str]) -> None:
        self.question, self.passage, self.notes = question, passage, notes
        self.asked = question.asked
        self.empty = plain(question.empty)
        self.parts = {one.name for label in question.known for one in label.roles}
        self.parts |= {one.name for label in question.known for one in label.slots}
        self.no_backslash = passage is not None and "\\" not in passage
        self.no_entity = passage is not None and not _ENTITY.search(passage)

    def items(self, found: Iterable[Said]) -> Iterator[Said]:
        for item in found:
            name = self._name(item.name, self.asked)
            if self.asked and name not in self.asked and words().is_absent(name):
                self.notes["absent"] += 1
                continue
            yield from self._item(item._replace(name=name))

    def _item(self, item: Said) -> Iterator[Said]:
        first, tail = self._span(item.words, item.name), self._span(item.tail, item.name)
        further = tuple(self._further(item.further)) if item.further else ()
        lacks_end = (first, tail).count(None) > (item.words, item.tail).count(None)
        if self.question.subtask == "ee":
            # an event may stand without a trigger, but not for nothing at all
            said_something = item.words is not None or item.further
            if said_something and first is None and not further:
                return
        elif lacks_end:
            return
        if (first, tail, further) == item[1:]:
            yield item
        else:
            yield Said(item.name, first, tail, further)

    def _further(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        for name, span in pairs:
            meant = self._span(span, name)
            if meant is not None:
                yield self._name(name, self.parts), meant

    def _name(self, name: str, known: Iterable[str]) -> str:
        """Return the name that is meant: one asked, or one without the escapes in it."""
        if name in known or not name or not (name[0] in _BEFORE_NAME or "\\" in name):
            return name
        meant = unquoted(self._unescaped(name)).strip(_BEFORE_NAME)
        if meant and (meant in known or self.no_backslash):
            self.notes["escapes"] += 1
            return meant
        return name

    def _unescaped(self, span: str) -> str:
        for _ in range(_DEEP):
            span = unescaped(span)
        return span

    def _span(self, span: str | None, name: str) -> str | None:
        """Return the words that are meant by a string under a name; null where it says nothing."""
        passage = self.passage
        if span is None or passage is None:
            return span
        if "\\" in span or "&" in span or span[0] in "\"'“‘「『`":
            span = self._meant(span, passage)
        if span.strip() != span and span not in passage and span.strip() in passage:
            self.notes["blanks"] += 1
            span = span.strip()
        if not span.strip() or self._is_absent(span, name, passage):
            self.notes["absent"] += 1
            return None
        return span

    def _is_absent(self, span: str, name: str, passage: str) -> bool:
        said = words().is_absent(span, name) or (self.empty and plain(span) == self.empty)
        return bool(said) and span not in passage

    def _meant(self, span: str, passage: str) -> str:
        """Undo what was escaped or quoted, while the text does not hold the words as they are."""
        steps: tuple[tuple[str, Callable[[str], str], bool], ...] = (
            ("escapes", self._unescaped, self.no_backslash),
            ("escapes", _without_entities, self.no_entity),
            ("quotes", unquoted, False),
        )
        for kind, undone, certain in steps:
            if span in passage:
                break
            meant = undone(span)
            if meant and meant != span and (certain or unquoted(meant) in passage):
                self.notes[kind] += 1
                span = meant
        return span


def _without_entities(span: str) -> str:
    return _ENTITY.sub(lambda found: unescape(found[0]), span)
