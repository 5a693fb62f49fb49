"""Find JSON or typed calls anywhere in an answer, and what they say."""

import re
from collections import Counter

from chinchilla.answers.question import Question
from chinchilla.answers.repair.shapes import Shapes
from chinchilla.answers.repair.values import Group, Scan
from chinchilla.answers.said import Said

_JSON = re.compile(r"[\[{［｛]")
# a name is matched from its first letter alone
_CALL = re.compile(r"(?<![A-Za-z_])[A-Za-z_]+[ \t]*[(（]")
_BETWEEN = str.maketrans("", "", "[](),;，；［］")


def from_json(text: str, question: Question, notes: Counter[str]) -> list[Said] | None:
    """Read the first JSON value that says something; null where there is none."""
    at = 0
    empty: Counter[str] | None = None
    while found := _JSON.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, found.start(), here)
        group = scan.read()
        items = Shapes(question, here).items(group) if group else []
        here["prose"] += _around(text, found.start(), scan.end)
        if items:
            notes.update(here)
            return items
        if empty is None and group is not None and _is_answer(group, question):
            empty = here
        at = max(scan.end, found.end())
    notes.update(empty or ())
    return None if empty is None else []


def _is_answer(group: Group, question: Question) -> bool:
    """Tell whether a group without items is an answer: empty, or under names asked."""
    if any(key in question.asked for key, _ in group.members):
        return True
    return all(isinstance(item, Group) and not item.members for _, item in group.members)


def _around(text: str, start: int, end: int) -> int:
    return int(bool(text[:start].strip())) + int(bool(text[end:].strip()))


def from_calls(text: str, question: Question, notes: Counter[str]) -> list[Said] | None:
    """Read every typed call of an answer; null where there is none."""
    items: list[Said] = []
    at, rest = 0, []
    while found := _CALL.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, found.start(), here)
        group = scan.read()
        more = Shapes(question, here).items(group) if group and group.name else []
        end = max(scan.end, found.end())
        rest.append(text[at : found.start() if more else end])
        if more or here["cut"]:
            here.pop("other_shape", None)
            notes.update(here)
        items.extend(more)
        at = end
    between = "".join([*rest, text[at:]]).strip()
    notes["prose"] += bool(between.translate(_BETWEEN).strip())
    notes["brackets"] += any(mark in between for mark in "[]()")
    return items or ([] if notes["cut"] else None)
