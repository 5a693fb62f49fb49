"""Find JSON or typed calls anywhere in an answer, and the items they mean."""

import re
from collections import Counter
from collections.abc import Iterator

from chinchilla.answers.items import Said
from chinchilla.answers.query import Question
from chinchilla.answers.repair.blocks import Block, counting, joined
from chinchilla.answers.repair.opening import open_strings
from chinchilla.answers.repair.scan import Group, Scan, Value
from chinchilla.answers.repair.text import Part, words

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


Pair = tuple[str, str]
_DEEP = 3
"""How many objects or lists may stand around what the form asks for."""


class Shapes:
    """Find the items of a value; what is odd about them is counted in `notes`."""

    def __init__(self, question: Question, notes: Counter[str]) -> None:
        """Begin with no item found."""
        self.question, self.notes = question, notes
        self.asked = question.asked

    def items(self, root: Group) -> list[Said]:
        """List the items of a value; none where it is of no known shape."""
        if self.question.subtask == "re-pair":
            return [Said(name) for name in self._names(root, 0)]
        return list(self._members(root, 0))

    def _names(self, root: Group, depth: int) -> Iterator[str]:
        """Yield relation names: strings in a list, under a field, or keys that are asked."""
        if any(key is not None for key, _ in root.members):
            self.notes["other_shape"] += 1
        for key, value in root.members:
            if key in self.asked and not isinstance(value, str):
                yield str(key)
            elif isinstance(value, str):
                yield from self._strings(key, value)
            elif isinstance(value, Group) and depth < _DEEP:
                yield from self._names(value, depth + 1)
            else:
                self._drop()

    def _strings(self, key: str | None, value: str) -> Iterator[str]:
        if key is not None and key not in words().fields["type"]:
            return
        if value.strip():
            yield value
        else:
            self._drop()

    def _members(self, root: Group, depth: int) -> Iterator[Said]:
        if self._is_typed(root):
            self.notes["other_shape"] += 1
            yield from self._typed(root)
            return
        seen: set[str] = set()
        wraps = any(self._wraps(key, value) for key, value in root.members)
        for key, value in root.members:
            if wraps and key not in self.asked and not isinstance(value, Group):
                # the name of a tool, a reason: beside the object that is the answer
                self.notes["other_shape"] += 1
            elif key is not None:
                self.notes["duplicate_key"] += key in seen
                seen.add(key)
                yield from self._under(key, value, depth)
            elif isinstance(value, Group) and depth < _DEEP:
                self.notes["other_shape"] += not self._is_typed(value)
                yield from self._members(value, depth + 1)
            else:
                self._drop()

    def _under(self, key: str, value: Value, depth: int) -> Iterator[Said]:
        """Yield what stands under a key: a label, or a field that holds the whole answer."""
        if key not in self.asked and isinstance(value, Group) and depth < _DEEP:
            inner = [item for _, item in value.members if isinstance(item, Group)]
            if self._wraps(key, value) or (
                inner and all(self._holds_items(item) for item in inner)
            ):
                self.notes["other_shape"] += 1
                yield from self._members(value, depth + 1)
                return
        given = words().fields["trigger"] + words().fields["type"]
        if self.question.subtask == "ee-argument" and key in given and key not in self.asked:
            self.notes["other_shape"] += 1
            return
        yield from self._labelled(key, value)

    def _wraps(self, key: str | None, value: Value) -> bool:
        """Tell whether names asked stand in an object under a key that was not asked."""
        if key is None or key in self.asked or not isinstance(value, Group):
            return False
        return value.opener == "{" and any(name in self.asked for name, _ in value.members)

    def _labelled(self, name: str, value: Value) -> Iterator[Said]:
        if isinstance(value, Group) and not self._is_item(value):
            for key, item in self._flat(value):
                yield from self._one(name, item if key is None else Group("{", "", [(key, item)]))
        else:
            self.notes["bare_string"] += isinstance(value, str | Group)
            yield from self._one(name, value)

    def _flat(self, value: Group) -> Iterator[tuple[str | None, Value]]:
        """Yield the members of a list, and of a list in it where an item is a string."""
        for key, item in value.members:
            inner = isinstance(item, Group) and item.opener == "[" and item.members
            if inner and key is None and self.question.subtask not in ("re", "ee"):
                self.notes["nested"] += 1
                yield from inner
            else:
                yield key, item

    def _is_item(self, value: Group) -> bool:
        """Tell whether a group is one item where a list of them is expected."""
        if self.question.subtask == "re":
            return self._field(value, "head") is not None
        keyed = value.opener == "{" and bool(value.members)
        return keyed and self.question.subtask == "ee"

    def _one(self, name: str, value: Value) -> Iterator[Said]:
        subtask = self.question.subtask
        found: Said | None
        if subtask == "re":
            found = self._relation(name, value)
        elif subtask == "ee":
            found = self._event(name, value)
        elif subtask == "ee-trigger" and value is None:
            found = Said(name)
        else:
            text = self._text(value)
            found = None if text is None else Said(name, text)
        if found is None:
            self._drop()
        else:
            yield found

    def _text(self, value: Value) -> str | None:
        """Return a string; also the one inside an object, which is counted."""
        if isinstance(value, Group):
            part: Part = "trigger" if self.question.subtask in ("ee", "ee-trigger") else "text"
            inner = self._string(value, part) or self._string(value, "text")
            self.notes["nested"] += inner is not None
            return inner
        return value if isinstance(value, str) and value.strip() else None

    def _relation(self, name: str, value: Value) -> Said | None:
        if not isinstance(value, Group):
            return None
        ends = [item for key, item in value.members if key is None and isinstance(item, str)]
        if len(ends) == 2:
            self.notes["nested"] += 1
            return Said(name, ends[0], ends[1])
        head, tail = self._string(value, "head"), self._string(value, "tail")
        if head is None or tail is None:
            return None
        return Said(name, head, tail, tuple(self._slots(value)))

    def _slots(self, value: Group) -> Iterator[Pair]:
        fields = words().fields
        taken = {*fields["head"], *fields["tail"], *fields["type"]}
        for key, item in value.members:
            if isinstance(item, Group) and key in fields["slots"]:
                yield from self._named(item)
            elif isinstance(item, str) and item.strip() and key and key not in taken:
                yield key, item
            elif key not in taken:
                self._drop()

    def _named(self, value: Group) -> Iterator[Pair]:
        for key, item in value.members:
            if key and isinstance(item, str) and item.strip():
                yield key, item
            else:
                self._drop()

    def _event(self, name: str, value: Value) -> Said | None:
        if isinstance(value, str):
            return Said(name, value) if value.strip() else None
        if not isinstance(value, Group) or not value.members:
            return None
        found = self._field(value, "arguments")
        if not isinstance(found, Group):
            fields = words().fields
            taken = {*fields["type"], *fields["trigger"], *fields["arguments"]}
            rest = [(key, item) for key, item in value.members if key not in taken]
            found = Group("{", "", rest)
        return Said(name, self._string(value, "trigger"), None, tuple(self._arguments(found)))

    def _arguments(self, group: Group) -> Iterator[Pair]:
        """Yield roles and words: roles as keys, or objects that name their role."""
        for key, value in group.members:
            if key:
                yield from self._role(key, value)
            elif isinstance(value, Group) and self._string(value, "role"):
                text = self._string(value, "text")
                yield from self._role(
                    self._string(value, "role") or "", Group("[", "", [(None, text)])
                )
            elif isinstance(value, Group) and value.opener == "{" and value.members:
                for role, words_of in value.members:
                    yield from self._role(role or "", words_of)
            else:
                self._drop()

    def _role(self, role: str, value: Value) -> Iterator[Pair]:
        self.notes["bare_string"] += isinstance(value, str)
        for item in [one for _, one in value.members] if isinstance(value, Group) else [value]:
            text = self._text(item)
            if text is None:
                self._drop()
            else:
                yield role, text

    def _holds_items(self, group: Group) -> bool:
        """Tell whether a group in a list under no label asked is an item, or an event's roles."""
        given = self.question.subtask == "ee-argument" and self._field(group, "arguments")
        return isinstance(given, Group) or self._is_typed(group)

    def _is_typed(self, group: Group) -> bool:
        """Tell whether a group names its own type in a field that is no label."""
        subtask = self.question.subtask
        name = self._string(group, "role" if subtask == "ee-argument" else "type")
        if name is None:
            return False
        parts: dict[str, Part] = {"re": "head", "ee-trigger": "trigger"}
        part = parts.get(subtask, "text")
        return subtask == "ee" or self._string(group, part) is not None or bool(group.name)

    def _typed(self, group: Group) -> Iterator[Said]:
        subtask = self.question.subtask
        name = self._string(group, "role" if subtask == "ee-argument" else "type") or ""
        if subtask in ("re", "ee"):
            yield from self._one(name, group)
            return
        part: Part = "trigger" if subtask == "ee-trigger" else "text"
        text = self._string(group, part)
        yield from self._one(name, text)

    def _field(self, group: Group, part: Part) -> Value:
        names = words().fields[part]
        found = {key: value for key, value in reversed(group.members) if key in names}
        best = next((name for name in names if name in found and name not in self.asked), None)
        return None if best is None else found[best]

    def _string(self, group: Group, part: Part) -> str | None:
        value = self._field(group, part)
        return value if isinstance(value, str) and value.strip() else None

    def _drop(self) -> None:
        self.notes["dropped"] += 1
