"""From a raw answer to its content, its status and what was odd about it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from chinchilla.answers.formats import Form, form
from chinchilla.answers.items import Said, to_content
from chinchilla.answers.query import Content, Question
from chinchilla.answers.repair.blocks import Block, Piece, counting, cut
from chinchilla.answers.repair.evidence import agreed, hides_items
from chinchilla.answers.repair.items import from_calls, from_json
from chinchilla.answers.repair.opening import opened
from chinchilla.answers.repair.scan import whole
from chinchilla.answers.repair.text import (
    CUT_OFF,
    OPEN_END,
    cut_loops,
    looks_like_label,
    plain,
    words,
)
from chinchilla.answers.repair.wrapping import is_wrapped, unwrapped
from chinchilla.errors import AnswerError

Status = Literal["ok", "ok_empty", "repaired", "repaired_partial", "failed", "refusal"]
Recover = Callable[[str, Question, Counter[str], str | None], list[Said] | None]

_NO_REPAIR = {"other_shape", "duplicate_key", "label_not_asked"}


class _Given(NamedTuple):
    """What a model was given: the text, where it is known, and the whole prompt."""

    text: str | None
    prompt: str


class Reading(NamedTuple):
    """What was read of an answer, and how.

    `content` is what the answer says after repair. `strict` tells whether it is well-formed
    as it stands, and `strict_content` is what a reader without repair takes from it: of json
    the items that are of the form, the last of duplicate keys.
    """

    status: Status
    content: Content
    strict: bool
    notes: Counter[str]
    strict_content: Content = Content()


def read_answer(
    raw: str, question: Question, form_name: str, text: str | None = None, prompt: str = ""
) -> Reading:
    """Read an answer strictly, then with repair; no text makes this raise.

    `text` is what the answer was taken from, with its title: strings that do not stand there
    are read as they were meant, words for nothing found are no items. `prompt` is left out of
    an answer that repeats it. Raises ConfigError only where there is no form of that name.
    """
    chosen, text = form(form_name), text or None
    raw = whole(raw) if not raw.isascii() else raw
    strict = _try(chosen.parse, raw, question) if raw.strip() else None
    sound = strict is not None and _asked(strict, question) == _size(strict)
    sound = sound and not is_wrapped(raw, text)
    if strict is not None and sound and _is_meant(strict, question, text):
        return _strict(raw, question, chosen, strict)
    skim = getattr(chosen, "skim", chosen.parse)
    bare = _try(skim, raw, question) if raw.strip() else None
    reading = _repair(raw, question, chosen, strict, _Given(text, prompt))
    content = Content() if bare is None or reading.status in ("ok_empty", "refusal") else bare
    return reading._replace(strict=bare is not None, strict_content=content)


def _is_meant(content: Content, question: Question, text: str | None) -> bool:
    """Tell whether every string of a content is meant as it stands, as far as the text tells."""
    if agreed(content, question, text, Counter()) is not content:
        return False
    return not hides_items(content, question, text)


def _try(read: Callable[[str, Question], Content], raw: str, question: Question) -> Content | None:
    try:
        return read(raw, question)
    except AnswerError:
        return None


def _strict(raw: str, question: Question, chosen: Form, content: Content) -> Reading:
    """Return the reading of an answer that is of the form and holds nothing else."""
    notes = _remarks(raw, chosen)
    skim = getattr(chosen, "skim", chosen.parse)
    bare = skim(raw, question) if notes else content
    status: Status = "ok" if _size(content) else "ok_empty"
    shorter = cut_loops(content, OPEN_END) if getattr(chosen, "OPEN_ENDED", False) else None
    if shorter is not None:
        notes["repeats"] += 1
        return Reading("repaired", shorter, True, notes, content)
    return Reading(status, content, True, notes, bare)


def _remarks(raw: str, chosen: Form) -> Counter[str]:
    remarks = getattr(chosen, "remarks", None)
    return Counter() if remarks is None else +Counter(remarks(raw))


def _repair(
    raw: str, question: Question, chosen: Form, strict: Content | None, given: _Given
) -> Reading:
    """Return the reading of an answer that is not of the form, or holds names not asked."""
    said = words()
    if raw.strip() and _is_empty(raw, question):
        return Reading("ok_empty", Content(), False, Counter())
    if not plain(raw):
        # quotes or a stop alone say nothing, not even that nothing was found
        return Reading("failed", Content(), False, Counter())
    notes: Counter[str] = Counter()
    text = unwrapped(raw, given.prompt, given.text, notes)
    was_wrapped = bool(notes)
    if was_wrapped and _is_empty(text, question):
        return Reading("repaired", Content(), False, notes)
    content = _recover(text, question, chosen, given.text, notes)
    known = -1 if content is None else _asked(content, question)
    hidden = strict is not None and hides_items(strict, question, given.text)
    # what stands before the answer, or blocks before the last, are none of it
    clear = was_wrapped or (
        content is not None
        and 0 < known == _size(content)
        and (notes["blocks"] or notes["fence"] or _holds_prose(strict))
    )
    preferred = content is not None and (hidden or clear)
    if strict is not None and not preferred and known <= _asked(strict, question):
        content, notes = strict, _remarks(raw, chosen)
    told = content is not None and _tells(content, question, chosen)
    if not told and said.refuses(raw):
        return Reading("refusal", Content(), False, Counter())
    if not told and said.says_nothing(raw):
        return Reading("repaired", Content(), False, Counter(prose=1))
    if content is None:
        return Reading("failed", Content(), False, +notes)
    notes["other_shape"] += strict is None and not +notes
    content = agreed(content, question, given.text, notes)
    notes["label_not_asked"] += _size(content) - _asked(content, question)
    return Reading(_status(+notes, content), content, False, +notes)


def _holds_prose(content: Content | None) -> bool:
    """Tell whether an item of a content stands under a sentence for a label."""
    found = content or Content()
    names = [item.predicate for item in found.relations]
    names += [item.event_type for item in found.events] + [item.type for item in found.entities]
    return any(not looks_like_label(name) for name in names)


def _is_empty(answer: str, question: Question) -> bool:
    """Tell whether a whole answer says that nothing was found, also in the question's words."""
    own = bool(question.empty) and plain(answer) == plain(question.empty)
    return own or words().is_empty(answer)


def _tells(content: Content, question: Question, chosen: Form) -> bool:
    """Tell whether an item is more than a sentence taken for one.

    A span may hold the words of a refusal; a label may not, and where labels were asked a line
    of a text form under another one may be prose.
    """
    event = question.event if question.subtask == "ee-argument" else None
    asked = {role.key for role in event.roles} if event else set(question.by_key)
    names = {item.type for item in content.entities}
    names |= {item.predicate for item in content.relations}
    if event:
        names |= {one.role for found in content.events for one in found.arguments}
    else:
        names |= {found.event_type for found in content.events}
    if names & asked or (asked and getattr(chosen, "OPEN_ENDED", False)):
        return bool(names & asked)
    return any(not words().refuses(name) and not words().says_nothing(name) for name in names)


def _recover(
    text: str, question: Question, chosen: Form, passage: str | None, notes: Counter[str]
) -> Content | None:
    textual = getattr(chosen, "OPEN_ENDED", False)
    pieces = cut(text, question, getattr(chosen, "BY_LINE", False), textual)
    fenced = any(piece.fenced for piece in pieces)
    blocks: dict[int, Block] = {}
    for at, piece in enumerate(pieces if len(pieces) > 1 else ()):
        found = _block(piece, question, chosen, passage)
        if found and (piece.fenced or not fenced or _is_outside(found, question, chosen)):
            blocks[at] = found
    if blocks:
        notes["fence" if fenced else "prose"] += 1 if fenced else len(pieces) - 1
        items = _counted(pieces, blocks, counting(blocks, question, passage), notes)
    else:
        block = _block(Piece(text), question, chosen, passage)
        if block is None:
            return None
        notes.update(block.notes)
        items = block.items
    return _unlooped(_fitting(items, question, notes), notes)


def _counted(
    pieces: Sequence[Piece], blocks: Mapping[int, Block], places: Sequence[int], notes: Counter[str]
) -> list[Said]:
    """Return the items of the blocks that count, and note what stands around them."""
    notes["prose"] += any(piece.text.strip() for piece in pieces[: places[0]])
    notes["prose"] += any(piece.text.strip() for piece in pieces[places[-1] + 1 :])
    notes["blocks"] += len(blocks) > 1
    for at in places:
        notes.update(blocks[at].notes)
    return [item for at in places for item in blocks[at].items]


def _is_outside(block: Block, question: Question, chosen: Form) -> bool:
    """Tell whether what stands outside of fences is an answer all the same."""
    if question.asked:
        return any(item.name in question.asked for item in block.items)
    return bool(block.items) and not getattr(chosen, "BY_LINE", False)


def _block(piece: Piece, question: Question, chosen: Form, passage: str | None) -> Block | None:
    """Read a piece of an answer in every way there is; null where it says nothing."""
    if not piece.text.strip():
        return None
    if _is_empty(piece.text, question):
        return Block([], Counter())
    own: Recover | None = getattr(chosen, "recover", None)
    textual = own is not None and getattr(chosen, "OPEN_ENDED", False)
    opening: Counter[str] = Counter()
    text = opened(_broken(piece.text, textual, passage, opening), not textual, opening)
    ways = (own, from_json, from_calls) if textual and own else (own or from_json, from_calls)
    for recover in ways:
        notes = opening.copy()
        items = recover(text, question, notes, passage)
        if items is not None:
            return Block(items, notes)
    return None


def _broken(text: str, textual: bool, passage: str | None, notes: Counter[str]) -> str:
    """Break lines where a text form has them written as escapes, which the text lacks."""
    if not textual or passage is None or "\\" in passage or '"' in text or "\\n" not in text:
        return text
    notes["escapes"] += 1
    return text.replace("\\r", "").replace("\\n", "\n")


def _fitting(items: list[Said], question: Question, notes: Counter[str]) -> Content:
    """Turn items into content; those that no record could hold are left out and counted."""
    try:
        return to_content(items, question)
    except AnswerError:
        fitting = [item for item in items if _fits(item, question)]
        notes["dropped"] += len(items) - len(fitting)
        return to_content(fitting, question)


def _fits(item: Said, question: Question) -> bool:
    try:
        to_content([item], question)
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


def _asked(content: Content, question: Question) -> int:
    """Count the items under labels that were asked; an event also needs its roles asked."""
    keys = question.by_key
    found = sum(item.type in keys for item in content.entities)
    found += sum(item.predicate in keys for item in content.relations)
    if question.subtask == "ee-argument" and question.event is not None:
        roles = {role.key for role in question.event.roles}
        return found + sum(all(one.role in roles for one in e.arguments) for e in content.events)
    return found + sum(event.event_type in keys for event in content.events)
