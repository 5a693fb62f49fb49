"""From JSON or typed calls anywhere in an answer to the items they mean.

    例子：{"人名": ["张三"]} 答案：[{"type": "人名", "text": "李四"}]
    -> AnswerItem("人名", "李四"), with the notes other_shape, blocks, prose

An answer may hold several blocks (JSON values, fenced pieces, what follows a heading): an
example, the schema or the prompt before the answer itself. One rule for all formats says which
block is the answer: of those that can be read, blocks under names asked for come first, then
blocks of which a string is in the text, then complete ones; of equal ones the last. Earlier blocks
belong to it where they answer for other labels and a string of each is in the text. JSON values
with nothing but blanks and commas between them are one block.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chinchilla.answers.items import AnswerItem, Pair
from chinchilla.answers.query import Query
from chinchilla.answers.repair.scan import Bracketed, Scan, Value, open_strings
from chinchilla.answers.repair.text import FieldName, repair_words

_JSON = re.compile(r"[\[{［｛]")
# a name is matched from its first letter alone
_CALL = re.compile(r"(?<![A-Za-z_])[A-Za-z_]+[ \t]*[(（]")
_BETWEEN = str.maketrans("", "", "[](),;,，；［］")
_APART = " \t\r\n,，;；、"
_BEHIND = " \t\r\n。.!！)）\"'”`"


class Block(NamedTuple):
    """The items of a part of an answer, what was odd about it, and its offsets."""

    items: list[AnswerItem]
    notes: Counter[str]
    start: int = 0
    end: int = 0


def from_json(
    text: str, query: Query, notes: Counter[str], passage: str | None = None
) -> list[AnswerItem] | None:
    """Read the JSON values of an answer that count (see above); null where there is none."""
    runs = _runs(text, query, passage)
    filled = [run for run in runs if any(block.items for block in run)]
    blocks = [join_blocks(run, passage) for run in filled]
    if runs and not any(block.items for block in runs[-1]):
        last = runs[-1][-1]
        # an empty value says that nothing was found where it ends the answer
        if not filled or not text[last.end :].strip(_BEHIND):
            blocks.append(last)
    if not blocks:
        return None
    indexes = answering_blocks(dict(enumerate(blocks)), query, passage)
    answer = [blocks[index] for index in indexes]
    for block in answer:
        notes.update(block.notes)
    notes["prose"] += bool(text[: answer[0].start].strip()) + bool(text[answer[-1].end :].strip())
    notes["blocks"] += len(blocks) > 1
    return [item for block in answer for item in block.items]


def _runs(text: str, query: Query, passage: str | None) -> list[list[Block]]:
    """Return the JSON values that answer, those together between which there is no text."""
    runs: list[list[Block]] = []
    at, goes_on = 0, False
    while match := _JSON.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, match.start(), here)
        group = scan.read()
        items: list[AnswerItem] = []
        if group is not None:
            open_strings(group, passage, here)
            items = Shapes(query, here).items(group)
        goes_on = goes_on and not text[at : match.start()].strip(_APART)
        at = max(scan.end, match.end())
        answers = bool(items) or (group is not None and _is_answer(group, query))
        if answers:
            block = Block(items, here, match.start(), at)
            if goes_on:
                runs[-1].append(block)
            else:
                runs.append([block])
        goes_on = answers
    return runs


def _is_answer(group: Bracketed, query: Query) -> bool:
    """Tell whether a group without items is an answer: empty, or under names asked."""
    if any(key in query.names for key, _ in group.members):
        return True
    return all(isinstance(item, Bracketed) and not item.members for _, item in group.members)


def from_calls(
    text: str, query: Query, notes: Counter[str], passage: str | None = None
) -> list[AnswerItem] | None:
    """Read every typed call of an answer; null where there is none."""
    items: list[AnswerItem] = []
    at, rest = 0, []
    while match := _CALL.search(text, at):
        here: Counter[str] = Counter()
        scan = Scan(text, match.start(), here)
        group = scan.read()
        if group is not None:
            open_strings(group, passage, here)
        more = Shapes(query, here).items(group) if group and group.name else []
        end = max(scan.end, match.end())
        rest.append(text[at : match.start() if more else end])
        if more or here["cut"]:
            here.pop("other_shape", None)
            notes.update(here)
        items.extend(more)
        at = end
    between = "".join([*rest, text[at:]]).strip()
    notes["prose"] += bool(between.translate(_BETWEEN).strip())
    notes["brackets"] += any(mark in between for mark in "[]()")
    return items or ([] if notes["cut"] else None)


def answering_blocks(blocks: Mapping[int, Block], query: Query, passage: str | None) -> list[int]:
    """Return the keys of the blocks that are the answer, in order."""
    ranks = {at: _rank(block, query, passage) for at, block in blocks.items()}
    best = max(ranks.values())
    last = max(at for at, rank in ranks.items() if rank == best)
    answer, names = [last], {item.name for item in blocks[last].items}
    if passage is None or not best.supported or not any(_spans(blocks[last].items)):
        return answer
    for at in sorted(blocks.keys() - {last}, reverse=True):
        others = {item.name for item in blocks[at].items}
        if at < last and others and ranks[at] == best and not others & names:
            answer.append(at)
            names |= others
    return answer[::-1]


class _Rank(NamedTuple):
    asked: bool
    supported: bool
    whole: bool


def _rank(block: Block, query: Query, passage: str | None) -> _Rank:
    asked = not query.names or not block.items
    asked = asked or any(item.name in query.names for item in block.items)
    return _Rank(asked, is_supported(block.items, passage), not block.notes["truncated"])


def is_supported(items: Iterable[AnswerItem], passage: str | None) -> bool:
    """Tell whether a string of the items is in the text, or they have no string."""
    if passage is None:
        return True
    spans = list(_spans(items))
    return not spans or any(span in passage for span in spans)


def _spans(items: Iterable[AnswerItem]) -> Iterator[str]:
    for item in items:
        yield from (span for span in (item.text, item.tail) if span)
        yield from (span for _, span in item.pairs if span)


def join_blocks(blocks: Sequence[Block], passage: str | None) -> Block:
    """Make one block of those that follow one another: equal ones once.

    Where a string of some is in the text, those without such a string are left out.
    """
    if len(blocks) == 1:
        return blocks[0]
    unequal: dict[tuple[AnswerItem, ...], Block] = {}
    for block in blocks:
        unequal.setdefault(tuple(block.items), block)
    kept = [block for block in unequal.values() if block.items]
    sound = [block for block in kept if is_supported(block.items, passage)]
    notes: Counter[str] = Counter(blocks=1)
    for block in sound or kept:
        notes.update(block.notes)
    items = [item for block in sound or kept for item in block.items]
    return Block(items, notes, blocks[0].start, blocks[-1].end)


_DEEP = 3
"""How many objects or lists may be around what the format asks for."""


class Shapes:
    """Find the items of a value; what is odd about them is counted in `notes`."""

    def __init__(self, query: Query, notes: Counter[str]) -> None:
        """Begin with no item found."""
        self.query, self.notes = query, notes
        self.names = query.names

    def items(self, root: Bracketed) -> list[AnswerItem]:
        """List the items of a value; none where it is of no known shape."""
        if self.query.subtask == "re-pair":
            return [AnswerItem(name) for name in self._names(root, 0)]
        return list(self._members(root, 0))

    def _names(self, root: Bracketed, depth: int) -> Iterator[str]:
        """Yield relation names: strings in a list, under a field, or keys that are asked."""
        if any(key is not None for key, _ in root.members):
            self.notes["other_shape"] += 1
        for key, value in root.members:
            if key in self.names and not isinstance(value, str):
                yield str(key)
            elif isinstance(value, str):
                yield from self._strings(key, value)
            elif isinstance(value, Bracketed) and depth < _DEEP:
                yield from self._names(value, depth + 1)
            else:
                self._drop()

    def _strings(self, key: str | None, value: str) -> Iterator[str]:
        if key is not None and key not in repair_words().fields["type"]:
            return
        if value.strip():
            yield value
        else:
            self._drop()

    def _members(self, root: Bracketed, depth: int) -> Iterator[AnswerItem]:
        if self._is_typed(root):
            self.notes["other_shape"] += 1
            yield from self._typed(root)
            return
        seen: set[str] = set()
        wraps = any(self._wraps(key, value) for key, value in root.members)
        for key, value in root.members:
            if wraps and key not in self.names and not isinstance(value, Bracketed):
                # the name of a tool, a reason: beside the object that is the answer
                self.notes["other_shape"] += 1
            elif key is not None:
                self.notes["duplicate_key"] += key in seen
                seen.add(key)
                yield from self._under(key, value, depth)
            elif isinstance(value, Bracketed) and depth < _DEEP:
                self.notes["other_shape"] += not self._is_typed(value)
                yield from self._members(value, depth + 1)
            else:
                self._drop()

    def _under(self, key: str, value: Value, depth: int) -> Iterator[AnswerItem]:
        """Yield the items under a key: a label, or a field that holds the whole answer."""
        if key not in self.names and isinstance(value, Bracketed) and depth < _DEEP:
            inner = [item for _, item in value.members if isinstance(item, Bracketed)]
            if self._wraps(key, value) or (
                inner and all(self._holds_items(item) for item in inner)
            ):
                self.notes["other_shape"] += 1
                yield from self._members(value, depth + 1)
                return
        fields = repair_words().fields["trigger"] + repair_words().fields["type"]
        if self.query.subtask == "ee-argument" and key in fields and key not in self.names:
            self.notes["other_shape"] += 1
            return
        yield from self._labelled(key, value)

    def _wraps(self, key: str | None, value: Value) -> bool:
        """Tell whether an object under a key that was not asked has names asked as keys."""
        if key is None or key in self.names or not isinstance(value, Bracketed):
            return False
        return value.opener == "{" and any(name in self.names for name, _ in value.members)

    def _labelled(self, name: str, value: Value) -> Iterator[AnswerItem]:
        if isinstance(value, Bracketed) and not self._is_item(value):
            for key, item in self._flat(value):
                yield from self._item(
                    name, item if key is None else Bracketed("{", "", [(key, item)])
                )
        else:
            self.notes["bare_string"] += isinstance(value, str | Bracketed)
            yield from self._item(name, value)

    def _flat(self, value: Bracketed) -> Iterator[tuple[str | None, Value]]:
        """Yield the members of a list, and of a list in it where an item is a string."""
        for key, item in value.members:
            inner = isinstance(item, Bracketed) and item.opener == "[" and item.members
            if inner and key is None and self.query.subtask not in ("re", "ee"):
                self.notes["nested"] += 1
                yield from inner
            else:
                yield key, item

    def _is_item(self, value: Bracketed) -> bool:
        """Tell whether a group is one item where a list of them is expected."""
        if self.query.subtask == "re":
            return self._field(value, "head") is not None
        keyed = value.opener == "{" and bool(value.members)
        return keyed and self.query.subtask == "ee"

    def _item(self, name: str, value: Value) -> Iterator[AnswerItem]:
        subtask = self.query.subtask
        item: AnswerItem | None
        if subtask == "re":
            item = self._relation(name, value)
        elif subtask == "ee":
            item = self._event(name, value)
        elif subtask == "ee-trigger" and value is None:
            item = AnswerItem(name)
        else:
            text = self._text(value)
            item = None if text is None else AnswerItem(name, text)
        if item is None:
            self._drop()
        else:
            yield item

    def _text(self, value: Value) -> str | None:
        """Return a string; also the one inside an object, which is counted."""
        if isinstance(value, Bracketed):
            part: FieldName = "trigger" if self.query.subtask in ("ee", "ee-trigger") else "text"
            inner = self._string(value, part) or self._string(value, "text")
            self.notes["nested"] += inner is not None
            return inner
        return value if isinstance(value, str) and value.strip() else None

    def _relation(self, name: str, value: Value) -> AnswerItem | None:
        if not isinstance(value, Bracketed):
            return None
        ends = [item for key, item in value.members if key is None and isinstance(item, str)]
        if len(ends) == 2:
            self.notes["nested"] += 1
            return AnswerItem(name, ends[0], ends[1])
        head, tail = self._string(value, "head"), self._string(value, "tail")
        if head is None or tail is None:
            return None
        return AnswerItem(name, head, tail, tuple(self._slots(value)))

    def _slots(self, value: Bracketed) -> Iterator[Pair]:
        fields = repair_words().fields
        taken = {*fields["head"], *fields["tail"], *fields["type"]}
        for key, item in value.members:
            if isinstance(item, Bracketed) and key in fields["slots"]:
                yield from self._named(item)
            elif isinstance(item, str) and item.strip() and key and key not in taken:
                yield key, item
            elif key not in taken:
                self._drop()

    def _named(self, value: Bracketed) -> Iterator[Pair]:
        for key, item in value.members:
            if key and isinstance(item, str) and item.strip():
                yield key, item
            else:
                self._drop()

    def _event(self, name: str, value: Value) -> AnswerItem | None:
        if isinstance(value, str):
            return AnswerItem(name, value) if value.strip() else None
        if not isinstance(value, Bracketed) or not value.members:
            return None
        arguments = self._field(value, "arguments")
        if not isinstance(arguments, Bracketed):
            fields = repair_words().fields
            taken = {*fields["type"], *fields["trigger"], *fields["arguments"]}
            rest = [(key, item) for key, item in value.members if key not in taken]
            arguments = Bracketed("{", "", rest)
        return AnswerItem(
            name, self._string(value, "trigger"), None, tuple(self._arguments(arguments))
        )

    def _arguments(self, group: Bracketed) -> Iterator[Pair]:
        """Yield roles and words: roles as keys, or objects that name their role."""
        for key, value in group.members:
            if key:
                yield from self._role(key, value)
            elif isinstance(value, Bracketed) and self._string(value, "role"):
                text = self._string(value, "text")
                yield from self._role(
                    self._string(value, "role") or "", Bracketed("[", "", [(None, text)])
                )
            elif isinstance(value, Bracketed) and value.opener == "{" and value.members:
                for role, words_of in value.members:
                    yield from self._role(role or "", words_of)
            else:
                self._drop()

    def _role(self, role: str, value: Value) -> Iterator[Pair]:
        self.notes["bare_string"] += isinstance(value, str)
        for item in (
            [member for _, member in value.members] if isinstance(value, Bracketed) else [value]
        ):
            text = self._text(item)
            if text is None:
                self._drop()
            else:
                yield role, text

    def _holds_items(self, group: Bracketed) -> bool:
        """Tell whether a group in a list under no label asked is an item, or an event's roles."""
        arguments = self.query.subtask == "ee-argument" and self._field(group, "arguments")
        return isinstance(arguments, Bracketed) or self._is_typed(group)

    def _is_typed(self, group: Bracketed) -> bool:
        """Tell whether a group names its own type in a field that is no label."""
        subtask = self.query.subtask
        name = self._string(group, "role" if subtask == "ee-argument" else "type")
        if name is None:
            return False
        parts: dict[str, FieldName] = {"re": "head", "ee-trigger": "trigger"}
        part = parts.get(subtask, "text")
        return subtask == "ee" or self._string(group, part) is not None or bool(group.name)

    def _typed(self, group: Bracketed) -> Iterator[AnswerItem]:
        subtask = self.query.subtask
        name = self._string(group, "role" if subtask == "ee-argument" else "type") or ""
        if subtask in ("re", "ee"):
            yield from self._item(name, group)
            return
        part: FieldName = "trigger" if subtask == "ee-trigger" else "text"
        text = self._string(group, part)
        yield from self._item(name, text)

    def _field(self, group: Bracketed, part: FieldName) -> Value:
        names = repair_words().fields[part]
        present = {key: value for key, value in reversed(group.members) if key in names}
        best = next((name for name in names if name in present and name not in self.names), None)
        return None if best is None else present[best]

    def _string(self, group: Bracketed, part: FieldName) -> str | None:
        value = self._field(group, part)
        return value if isinstance(value, str) and value.strip() else None

    def _drop(self) -> None:
        self.notes["dropped"] += 1
