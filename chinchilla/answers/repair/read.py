"""From a raw answer to its content, its status and what was odd about it.

    read_answer("答案：{'人名': ['张三',]}", query, "json", text="张三来了")
    -> Reading("repaired", Content(entities=(Entity(type="PER", text="张三"),)), strict=False,
               notes={"prose": 1, "quotes": 2, "comma": 1})

An answer is read strictly first, by the `parse` of its format. Where that fails, or the text
says that strings are not meant as they are, it is read with every repair that is safe.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Literal, NamedTuple

from chinchilla.answers import AnswerFormat, answer_format
from chinchilla.answers.items import AnswerItem, Pair, to_content, unsorted_items
from chinchilla.answers.query import Content, Query
from chinchilla.answers.repair.items import Block, answering_blocks, from_calls, from_json
from chinchilla.answers.repair.scan import is_json, join_surrogates, open_quoted, unescaped
from chinchilla.answers.repair.text import (
    CUT_OFF,
    OPEN_END,
    AnswerPiece,
    cut_loops,
    cut_pieces,
    is_wrapped,
    looks_like_label,
    plain,
    repair_words,
    unquoted,
    unwrapped,
)
from chinchilla.errors import AnswerError

Status = Literal["ok", "ok_empty", "repaired", "repaired_partial", "failed", "refusal"]
_NO_REPAIR = {"other_shape", "duplicate_key", "label_not_asked"}


class _Source(NamedTuple):
    """What a model was shown: the text, where it is known, and the whole prompt."""

    text: str | None
    prompt: str


class Reading(NamedTuple):
    """What was read of an answer, and how.

    `content` is what the answer says after repair. `strict` tells whether it is well-formed
    as it is, and `strict_content` is what a reader without repair takes from it: of json
    the items that are of the format, the last of duplicate keys.
    """

    status: Status
    content: Content
    strict: bool
    notes: Counter[str]
    strict_content: Content = Content()


def read_answer(
    raw: str, query: Query, form_name: str, text: str | None = None, prompt: str = ""
) -> Reading:
    """Read an answer strictly, then with repair; no text makes this raise.

    `text` is what the answer was taken from, with its title: strings that are not in it
    are read as they were meant, words for nothing found are no items. `prompt` is left out of
    an answer that repeats it. Raises ConfigError only where there is no format of that name.
    """
    chosen, text = answer_format(form_name), text or None
    raw = join_surrogates(raw) if not raw.isascii() else raw
    strict = _try(chosen.parse, raw, query) if raw.strip() else None
    sound = strict is not None and _asked(strict, query) == _size(strict)
    sound = sound and not is_wrapped(raw, text)
    if strict is not None and sound and _is_meant(strict, query, text):
        return _strict(raw, query, chosen, strict)
    bare = _try(chosen.skim, raw, query) if raw.strip() else None
    reading = _repair(raw, query, chosen, strict, _Source(text, prompt))
    content = Content() if bare is None or reading.status in ("ok_empty", "refusal") else bare
    return reading._replace(strict=bare is not None, strict_content=content)


def _is_meant(content: Content, query: Query, text: str | None) -> bool:
    """Tell whether every string of a content is meant as it is, as far as the text tells."""
    if clean_strings(content, query, text, Counter()) is not content:
        return False
    return not hides_json(content, query, text)


def _try(read: Callable[[str, Query], Content], raw: str, query: Query) -> Content | None:
    try:
        return read(raw, query)
    except AnswerError:
        return None


def _strict(raw: str, query: Query, chosen: AnswerFormat, content: Content) -> Reading:
    """Return the reading of an answer that is of the format and holds nothing else."""
    notes = _remarks(raw, chosen)
    bare = chosen.skim(raw, query) if notes else content
    status: Status = "ok" if _size(content) else "ok_empty"
    shorter = cut_loops(content, OPEN_END) if chosen.open_ended else None
    if shorter is not None:
        notes["repeats"] += 1
        return Reading("repaired", shorter, True, notes, content)
    return Reading(status, content, True, notes, bare)


def _remarks(raw: str, chosen: AnswerFormat) -> Counter[str]:
    return +Counter(chosen.remarks(raw))


def _repair(
    raw: str, query: Query, chosen: AnswerFormat, strict: Content | None, source: _Source
) -> Reading:
    """Return the reading of an answer that is not of the format, or holds names not asked."""
    phrases = repair_words()
    if raw.strip() and _is_empty(raw, query):
        return Reading("ok_empty", Content(), False, Counter())
    if not plain(raw):
        # quotes or a stop alone say nothing, not even that nothing was found
        return Reading("failed", Content(), False, Counter())
    notes: Counter[str] = Counter()
    text = unwrapped(raw, source.prompt, source.text, notes)
    was_wrapped = bool(notes)
    if was_wrapped and _is_empty(text, query):
        return Reading("repaired", Content(), False, notes)
    content = _recover(text, query, chosen, source.text, notes)
    known = -1 if content is None else _asked(content, query)
    hidden = strict is not None and hides_json(strict, query, source.text)
    # text before the answer, or blocks before the last, are no part of it
    clear = was_wrapped or (
        content is not None
        and 0 < known == _size(content)
        and (notes["blocks"] or notes["fence"] or _holds_prose(strict))
    )
    preferred = content is not None and (hidden or clear)
    if strict is not None and not preferred and known <= _asked(strict, query):
        content, notes = strict, _remarks(raw, chosen)
    answers = content is not None and _holds_answer(content, query, chosen)
    if not answers and phrases.refuses(raw):
        return Reading("refusal", Content(), False, Counter())
    if not answers and phrases.says_nothing(raw):
        return Reading("repaired", Content(), False, Counter(prose=1))
    if content is None:
        return Reading("failed", Content(), False, +notes)
    notes["other_shape"] += strict is None and not +notes
    content = clean_strings(content, query, source.text, notes)
    notes["label_not_asked"] += _size(content) - _asked(content, query)
    return Reading(_status(+notes, content), content, False, +notes)


def _holds_prose(content: Content | None) -> bool:
    """Tell whether an item of a content has a sentence for a label."""
    content = content or Content()
    names = [item.predicate for item in content.relations]
    names += [item.event_type for item in content.events]
    names += [item.type for item in content.entities]
    return any(not looks_like_label(name) for name in names)


def _is_empty(answer: str, query: Query) -> bool:
    """Tell whether a whole answer says that nothing was found."""
    own = bool(query.empty) and plain(answer) == plain(query.empty)
    return own or repair_words().is_empty(answer)


def _holds_answer(content: Content, query: Query, chosen: AnswerFormat) -> bool:
    """Tell whether an item is more than a sentence taken for one.

    A span may hold the words of a refusal; a label may not, and where labels were asked a line
    of a text format under another one may be prose.
    """
    label = query.event if query.subtask == "ee-argument" else None
    asked = {role.key for role in label.roles} if label else set(query.by_key)
    names = {item.type for item in content.entities}
    names |= {item.predicate for item in content.relations}
    if label:
        names |= {item.role for event in content.events for item in event.arguments}
    else:
        names |= {event.event_type for event in content.events}
    if names & asked or (asked and chosen.open_ended):
        return bool(names & asked)
    phrases = repair_words()
    return any(not phrases.refuses(name) and not phrases.says_nothing(name) for name in names)


def _recover(
    text: str, query: Query, chosen: AnswerFormat, passage: str | None, notes: Counter[str]
) -> Content | None:
    textual = chosen.open_ended
    pieces = cut_pieces(text, query, chosen.by_line, textual)
    fenced = any(piece.fenced for piece in pieces)
    blocks: dict[int, Block] = {}
    for index, piece in enumerate(pieces if len(pieces) > 1 else ()):
        block = _block(piece, query, chosen, passage)
        if block and (piece.fenced or not fenced or _is_outside(block, query, chosen)):
            blocks[index] = block
    if blocks:
        notes["fence" if fenced else "prose"] += 1 if fenced else len(pieces) - 1
        items = _counted(pieces, blocks, answering_blocks(blocks, query, passage), notes)
    else:
        block = _block(AnswerPiece(text), query, chosen, passage)
        if block is None:
            return None
        notes.update(block.notes)
        items = block.items
    return _unlooped(_fitting(items, query, notes), notes)


def _counted(
    pieces: Sequence[AnswerPiece],
    blocks: Mapping[int, Block],
    chosen: Sequence[int],
    notes: Counter[str],
) -> list[AnswerItem]:
    """Return the items of the blocks that count, and note the text around them."""
    notes["prose"] += any(piece.text.strip() for piece in pieces[: chosen[0]])
    notes["prose"] += any(piece.text.strip() for piece in pieces[chosen[-1] + 1 :])
    notes["blocks"] += len(blocks) > 1
    for index in chosen:
        notes.update(blocks[index].notes)
    return [item for index in chosen for item in blocks[index].items]


def _is_outside(block: Block, query: Query, chosen: AnswerFormat) -> bool:
    """Tell whether a block outside of fences is an answer all the same."""
    if query.names:
        return any(item.name in query.names for item in block.items)
    return bool(block.items) and not chosen.by_line


def _block(
    piece: AnswerPiece, query: Query, chosen: AnswerFormat, passage: str | None
) -> Block | None:
    """Return the block of a piece, read in every way there is, or None."""
    if not piece.text.strip():
        return None
    if _is_empty(piece.text, query):
        return Block([], Counter())
    own, textual = chosen.recover, chosen.open_ended
    opening: Counter[str] = Counter()
    text = open_quoted(_broken(piece.text, textual, passage, opening), not textual, opening)
    ways = (own, from_json, from_calls) if textual else (own, from_calls)
    for recover in ways:
        notes = opening.copy()
        items = recover(text, query, notes, passage)
        if items is not None:
            return Block(items, notes)
    return None


def _broken(text: str, textual: bool, passage: str | None, notes: Counter[str]) -> str:
    """Break lines where a text format has them written as escapes, which the text lacks."""
    if not textual or passage is None or "\\" in passage or '"' in text or "\\n" not in text:
        return text
    notes["escapes"] += 1
    return text.replace("\\r", "").replace("\\n", "\n")


def _fitting(items: list[AnswerItem], query: Query, notes: Counter[str]) -> Content:
    """Turn items into content; those that no record could hold are left out and counted."""
    try:
        return to_content(items, query)
    except AnswerError:
        fitting = [item for item in items if _fits(item, query)]
        notes["dropped"] += len(items) - len(fitting)
        return to_content(fitting, query)


def _fits(item: AnswerItem, query: Query) -> bool:
    try:
        to_content([item], query)
    except AnswerError:
        return False
    return True


def _unlooped(content: Content, notes: Counter[str]) -> Content:
    shorter = cut_loops(content, CUT_OFF if notes["truncated"] else OPEN_END)
    if shorter is None:
        return content
    notes["repeats"] += 1
    return shorter


def _status(notes: Counter[str], content: Content) -> Status:
    if notes["cut"]:
        return "repaired_partial"
    if notes.keys() - _NO_REPAIR:
        return "repaired"
    return "ok" if _size(content) else "ok_empty"


def _size(content: Content) -> int:
    return len(content.entities) + len(content.relations) + len(content.events)


def _asked(content: Content, query: Query) -> int:
    """Count the items under labels that were asked; an event also needs its roles asked."""
    keys = query.by_key
    count = sum(item.type in keys for item in content.entities)
    count += sum(item.predicate in keys for item in content.relations)
    if query.subtask == "ee-argument" and query.event is not None:
        roles = {role.key for role in query.event.roles}
        fits = [all(one.role in roles for one in event.arguments) for event in content.events]
        return count + sum(fits)
    return count + sum(event.event_type in keys for event in content.events)


# a character reference of HTML: &lt; &#60; &#x3C;
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,31}\d*);")
_DEEP = 3
"""How often a string may be escaped."""
_BEFORE_NAME = " ,，、;；:：\"'“”"


def clean_strings(
    content: Content, query: Query, passage: str | None, notes: Counter[str]
) -> Content:
    """Return what the items of a content mean, given the text they are from.

    Counts in `notes` what is changed: `escapes` (a string escaped too often), `quotes` (quotes
    around it), `absent` (words for nothing found where an item is expected).
    """
    changes: Counter[str] = Counter()
    items = list(_StringCleaner(query, passage, changes).items(unsorted_items(content, query)))
    if not +changes:
        return content
    notes.update(changes)
    return to_content(items, query)


def hides_json(content: Content, query: Query, passage: str | None) -> bool:
    """Tell whether a string of a content is JSON that is not in the text."""
    if passage is None:
        return False
    return any(
        is_json(span, passage)
        for item in unsorted_items(content, query)
        for span in (item.text, item.tail, *(span for _, span in item.pairs))
        if span
    )


class _StringCleaner:
    """Read the items of an answer in the light of its text."""

    def __init__(self, query: Query, passage: str | None, notes: Counter[str]) -> None:
        self.query, self.passage, self.notes = query, passage, notes
        self.names = query.names
        self.empty = plain(query.empty)
        self.parts = {role.name for label in query.known for role in label.roles}
        self.parts |= {slot.name for label in query.known for slot in label.slots}
        self.no_backslash = passage is not None and "\\" not in passage
        self.no_entity = passage is not None and not _ENTITY.search(passage)

    def items(self, items: Iterable[AnswerItem]) -> Iterator[AnswerItem]:
        for item in items:
            name = self._name(item.name, self.names)
            if self.names and name not in self.names and repair_words().is_absent(name):
                self.notes["absent"] += 1
                continue
            yield from self._item(item._replace(name=name))

    def _item(self, item: AnswerItem) -> Iterator[AnswerItem]:
        first, tail = self._span(item.text, item.name), self._span(item.tail, item.name)
        pairs = tuple(self._pairs(item.pairs)) if item.pairs else ()
        lacks_end = (first, tail).count(None) > (item.text, item.tail).count(None)
        if self.query.subtask == "ee":
            # an event may lack a trigger, but not be empty
            was_filled = item.text is not None or bool(item.pairs)
            if was_filled and first is None and not pairs:
                return
        elif lacks_end:
            return
        if (first, tail, pairs) == item[1:]:
            yield item
        else:
            yield AnswerItem(item.name, first, tail, pairs)

    def _pairs(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
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
        """Return the string that is meant under a name, or None for nothing found."""
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
        absent = repair_words().is_absent(span, name) or (self.empty and plain(span) == self.empty)
        return bool(absent) and span not in passage

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
    return _ENTITY.sub(lambda entity: unescape(entity[0]), span)
