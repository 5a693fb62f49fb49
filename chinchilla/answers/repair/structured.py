"""Find JSON or typed calls anywhere in an answer, and what they say."""

import re
from collections import Counter

from chinchilla.answers.question import Question
from chinchilla.answers.repair.blocks import Block, counting, joined
from chinchilla.answers.repair.opening import open_strings
from chinchilla.answers.repair.shapes import Shapes
from chinchilla.answers.repair.values import Group, Scan
from chinchilla.answers.said import Said

_JSON = re.compile(r"[\[{［｛]")
# a name is matched from its first letter alone
_CALL = re.compile(r"(?<![A-Za-z_])[A-Za-z_]+[ \t]*[(（]")
_BETWEEN = str.maketrans("", "", "[](),;,，；［］")
_APART = " \t\r\n,，;；、"
_BEHIND = " \t\r\n。.!！)）\"'”`"


def from_json(
    text: str, question: Question, notes: Counter[str], passage: str | None = None
) -> list[Said] | None:
    """Read the JSON values of an answer that count (see `blocks`); null where there is none."""
    runs = _runs(text, question, passage)
    filled = [run for run in runs if any(block.items for block in run)]
    blocks = [joined(run, passage) for run in filled]
    if runs and not any(block.items for block in runs[-1]):
        last = runs[-1][-1]
        # an empty value says that nothing was found where it ends the answer
        if not filled or not text[last.end :].strip(_BEHIND):
            blocks.append(last)
    if not blocks:
        return None
    places = counting(dict(enumerate(blocks)), question, passage)
    found = [blocks[at] for at in places]
    for block in found:
        notes.update(block.notes)
    notes["prose"] += bool(text[: found[0].start].strip()) + bool(text[found[-1].end :].strip())
    notes["blocks"] += len(blocks) > 1
    return [item for block in found for item in block.items]


def _runs(text: str, question: Question, passage: str | None) -> list[list[Block]]:
    """List the JSON values that answer, those together between which nothing is said."""
    runs: list[list[Block]] = []
    at, goes_on = 0, False
    while found := _JSON.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, found.start(), here)
        group = scan.read()
        items: list[Said] = []
        if group is not None:
            open_strings(group, passage, here)
            items = Shapes(question, here).items(group)
        goes_on = goes_on and not text[at : found.start()].strip(_APART)
        at = max(scan.end, found.end())
        answers = bool(items) or (group is not None and _is_answer(group, question))
        if answers:
            block = Block(items, here, found.start(), at)
            if goes_on:
                runs[-1].append(block)
            else:
                runs.append([block])
        goes_on = answers
    return runs


def _is_answer(group: Group, question: Question) -> bool:
    """Tell whether a group without items is an answer: empty, or under names asked."""
    if any(key in question.asked for key, _ in group.members):
        return True
    return all(isinstance(item, Group) and not item.members for _, item in group.members)


def from_calls(
    text: str, question: Question, notes: Counter[str], passage: str | None = None
) -> list[Said] | None:
    """Read every typed call of an answer; null where there is none."""
    items: list[Said] = []
    at, rest = 0, []
    while found := _CALL.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, found.start(), here)
        group = scan.read()
        if group is not None:
            open_strings(group, passage, here)
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
