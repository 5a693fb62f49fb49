"""From a raw answer to its content, its status and what was odd about it."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from chinchilla.answers.discovery import Form, form
from chinchilla.answers.question import Content, Question
from chinchilla.answers.repair.loops import CUT_OFF, OPEN_END, cut_loops
from chinchilla.answers.repair.structured import from_calls, from_json
from chinchilla.answers.repair.values import whole
from chinchilla.answers.repair.words import plain, words
from chinchilla.answers.said import Said, to_content
from chinchilla.errors import AnswerError

Status = Literal["ok", "ok_empty", "repaired", "repaired_partial", "failed", "refusal"]
Recover = Callable[[str, Question, Counter[str]], list[Said] | None]

_FENCE = re.compile(r"```[^\n`]*\n?")
_NO_REPAIR = {"other_shape", "duplicate_key", "label_not_asked"}
_THOUGHT = "</think>"


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


def read_answer(raw: str, question: Question, form_name: str) -> Reading:
    """Read an answer strictly, then with repair; no text makes this raise.

    Raises ConfigError only where there is no form of that name.
    """
    chosen = form(form_name)
    raw = whole(raw) if not raw.isascii() else raw
    strict = _try(chosen.parse, raw, question) if raw.strip() else None
    if strict is not None and _asked(strict, question) == _size(strict):
        return _strict(raw, question, chosen, strict)
    skim = getattr(chosen, "skim", chosen.parse)
    bare = _try(skim, raw, question) if raw.strip() else None
    reading = _repair(raw, question, chosen, strict)
    content = Content() if bare is None or reading.status in ("ok_empty", "refusal") else bare
    return reading._replace(strict=bare is not None, strict_content=content)


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


def _repair(raw: str, question: Question, chosen: Form, strict: Content | None) -> Reading:
    """Return the reading of an answer that is not of the form, or holds names not asked."""
    said = words()
    bare = plain(raw)
    if raw.strip() and (said.is_empty(raw) or (question.empty and bare == plain(question.empty))):
        return Reading("ok_empty", Content(), False, Counter())
    if not bare:
        # quotes or a stop alone say nothing, not even that nothing was found
        return Reading("failed", Content(), False, Counter())
    notes: Counter[str] = Counter()
    content = _recover(raw, question, chosen, notes)
    known = -1 if content is None else _asked(content, question)
    if strict is not None and known <= _asked(strict, question):
        content, notes, known = strict, _remarks(raw, chosen), _asked(strict, question)
    told = content is not None and _tells(content, question, chosen)
    if not told and said.refuses(raw):
        return Reading("refusal", Content(), False, Counter())
    if not told and said.says_nothing(raw):
        return Reading("repaired", Content(), False, Counter(prose=1))
    if content is None:
        return Reading("failed", Content(), False, +notes)
    notes["other_shape"] += strict is None and not +notes
    notes["label_not_asked"] += _size(content) - known
    return Reading(_status(+notes, content), content, False, +notes)


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


def _recover(raw: str, question: Question, chosen: Form, notes: Counter[str]) -> Content | None:
    text = _unwrap(raw, notes)
    own: Recover | None = getattr(chosen, "recover", None)
    textual = own is not None and getattr(chosen, "OPEN_ENDED", False)
    ways = (own, from_json, from_calls) if textual and own else (own or from_json, from_calls)
    for recover in ways:
        here: Counter[str] = Counter()
        items = recover(text, question, here)
        if items is not None:
            notes.update(here)
            return _unlooped(_fitting(items, question, notes), notes)
    return None


def _unwrap(raw: str, notes: Counter[str]) -> str:
    """Take the answer out of a code fence, and from behind a thought."""
    text = raw.lstrip("\ufeff").strip()
    if _THOUGHT in text:
        notes["prose"] += 1
        text = text.rsplit(_THOUGHT, 1)[1].strip()
    fence = _FENCE.search(text)
    if fence is None:
        return text
    inside, _, after = text[fence.end() :].partition("```")
    if not inside.strip():
        return text
    notes["fence"] += 1
    notes["prose"] += bool(text[: fence.start()].strip()) + bool(after.strip())
    return inside


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
