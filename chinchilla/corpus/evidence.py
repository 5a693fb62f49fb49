"""Whether anybody has labelled a file at all, told before it is read.

A file in which no record has a label is no file of negatives. For train it is an error; dev and
test are read as unlabelled, with a warning. A file is judged whole, whatever shares of it are
carved into splits; reading stops at the first label.
"""

from collections.abc import Callable, Iterator, Sized
from itertools import islice
from typing import Any, NamedTuple

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.mapping import ABSENT, GOLD, Mapping, Setting, lookup, tried, walk
from chinchilla.corpus.read import SplitReader, module_of
from chinchilla.errors import CardError, ChinchillaError, InputError
from chinchilla.readers import jsonl
from chinchilla.readers.context import SplitSlice
from chinchilla.readers.jsonl import Row
from chinchilla.readers.lines import Slice
from chinchilla.readers.shape import MisfitError, nearest
from chinchilla.schema import Record, Split
from chinchilla.tally import Tally

MANY = 50
"""So many pairs without any relation are no labels of a split: a quarter of those published are
negative, and half of them in SanWen's at the most."""


def unlabelled_splits(
    card: Card, edition: Edition, files: dict[Slice, list[Split]], tally: Tally
) -> tuple[Split, ...]:
    """Return the splits without labels: those the card states, and those whose files have none.

    Args:
        card: The card of the source.
        edition: The edition that is read.
        files: The lines of each file, with the splits that are read out of them.
        tally: Takes the warnings.

    Raises:
        InputError: Train has no labels.
        CardError: Lists of the mapping are in no record.
    """
    stated = edition.unlabelled
    without: list[Split] = []
    whole = edition.model_copy(update={"carve": None})
    for lines, splits in files.items():
        judged = [split for split in splits if split not in stated]
        if not judged:
            continue
        seen = Tally(forgiving=True)
        reader = SplitReader(card, whole, judged[0], module_of(card))
        if _labelled(reader, lines, seen, tally):
            continue
        if "train" in judged:
            raise _no_training(card, lines, seen)
        without += judged
        listed = ", ".join(f'"{split}"' for split in (*stated, *without))
        table = f"{edition.table} in {card.own}"
        todo = f"state unlabelled = [{listed}] under {table}, or add the labels"
        tally.warn("split-without-labels", str(lines.path), todo)
    return (*stated, *without)


def _labelled(reader: SplitReader, lines: Slice, seen: Tally, tally: Tally) -> bool:
    """Tell whether a file has a label, or cannot be judged: reading it says why.

    `seen` takes what is counted on the way. A few pairs of no relation alone are labels, warned of.
    """
    card, text_keys = reader.card, reader.source.text_keys
    records = negatives = 0
    try:
        if card.mapping is not None:
            check_mapping(reader, card.mapping, reader.part(lines, seen))
            tally.merge(Tally(warned=seen.warned))
        if text_keys is not None and _texts_alone(lines, text_keys):
            return False
        for record in reader.records(lines, seen):
            records, negatives = records + 1, negatives + len(record.na_pairs)
            if gold_of(record) or _refused_gold(seen):
                return True
    except CardError:
        raise
    except ChinchillaError:
        return True
    few = 0 < negatives < MANY
    if few:
        todo = f"see whether the relations are lost: every pair is {card.na!r}"
        tally.warn("no-relation-in-the-file", str(lines.path), todo)
    return few or not records or _refused_gold(seen)


def _texts_alone(lines: Slice, keys: frozenset[str]) -> bool:
    """Tell whether no record of a file has any other key, or a value for it."""
    rows = 0
    for _, row in jsonl.rows(lines, Tally(forgiving=True)):
        rows += 1
        if any(row[key] is not None for key in row.keys() - keys):
            return False
    return rows > 0


def gold_of(record: Record) -> Sized:
    """Return the gold of a record's own task; entities beside relations are no relations."""
    return {"ner": record.entities, "re": record.relations, "ee": record.events}[record.task]


_OF_LINES = frozenset(
    {
        *("bad-line", "not-json", "not-utf8", "other-file", "no-object", "bad-cell", "no-tag"),
        *("lone-cr", "long-line", "long-sentence", "wrong-number-of-fields"),
        *("brat-missing-file", "brat-bad-file"),
    }
)
"""Reasons to refuse what is no record at all, and so says nothing about labels."""


def _refused_gold(tally: Tally) -> bool:
    """Tell whether a record was refused for its content: it has labels, or could have."""
    lost = bool(tally.lost) or any(reason.startswith("brat-") for reason in tally.warned)
    return lost or any(reason not in _OF_LINES for reason in tally.refused)


def _no_training(card: Card, lines: Slice, seen: Tally) -> InputError:
    what = "no record of this training file has a label"
    counts = {**seen.fixed, **seen.warned}
    if counts:
        met = ", ".join(f"{count.times:,} {reason}" for reason, count in sorted(counts.items()))
        what += f" ({met})"
    todo = f"put the labelled file there, or correct how {card.own} says it is read"
    return InputError(str(lines.path), what, todo)


SPANS = 5000
"""So many spans are looked at for surfaces that come again and again."""


class Unmet(NamedTuple):
    """A list path that no record of a file has, with the keys of the first and the nearest one."""

    table: str
    path: str
    keys: tuple[str, ...]
    near: str | None


def check_mapping(reader: SplitReader, mapping: Mapping, part: SplitSlice) -> None:
    """Raise CardError for a list that no record of a file has; warn of spans one off."""
    _check_lists(part, mapping, GOLD[reader.card.task])
    if mapping.entities is not None and mapping.entities.text is None:
        _check_surfaces(part, mapping, reader.records(part.slice, Tally(forgiving=True)))


def _check_lists(part: SplitSlice, mapping: Mapping, gold: str) -> None:
    """Raise CardError where a list of the mapping is in no record of a file.

    The list of the task itself may be missing in a file without labels, if no key is near to it.
    """
    unmet = list(_unmet(part, mapping))
    unlabelled = any(path.table == gold for path in unmet) and part.split != "train"
    for table, path, keys, near in unmet:
        if table == "title":
            todo = f"correct title in [mapping] of {part.own_card}, or leave it out"
            part.tally.warn("no-title", str(part.slice.path), todo)
        elif near is not None or not unlabelled:
            hint = "" if near is None else f", the nearest is {near!r}"
            what = f"no record has {table}.list {path!r}; the first has the keys {', '.join(keys)}"
            todo = f"correct [mapping] in {part.own_card}, or take {table} out of it"
            raise CardError(str(part.slice.path), f"{what}{hint}; tried {tried(mapping)}", todo)


def _unmet(part: SplitSlice, mapping: Mapping) -> Iterator[Unmet]:
    """Read a file until every list has been met, and yield those that never were."""
    left = {name: names.list for name, names in mapping.tables.items()}
    if mapping.title is not None:
        left["title"] = mapping.title
    keys: dict[str, tuple[str, ...]] = {}
    for _, row in jsonl.rows(part.slice, Tally(forgiving=True)):
        if not isinstance(lookup(row, mapping.text), str):
            continue  # refused when it is read
        for table, path in tuple(left.items()):
            for holder in _holders(row, table, mapping):
                keys.setdefault(table, tuple(holder) if isinstance(holder, dict) else ())
                if _met(holder, table, path):
                    left.pop(table, None)
        if not left:
            return
    for table, path in left.items():
        if table in keys:
            step, unused = path.split(".")[0], set(keys[table]) - mapping.steps
            yield Unmet(table, path, keys[table], nearest(step, tuple(sorted(unused))))


def _holders(row: Row, table: str, mapping: Mapping) -> list[Any]:
    """Return what should have a list: the record, or each of its events for arguments."""
    if table != "arguments" or mapping.events is None:
        return [row]
    try:
        events = [match.item for match in walk(row, mapping.events.list).items]
        return [event for event in events if lookup(event, mapping.events.type) is not ABSENT]
    except MisfitError:
        return []


def _met(holder: Any, table: str, path: str) -> bool:
    if table == "title":
        return lookup(holder, path) is not ABSENT
    try:
        items, missing = walk(holder, path)
    except MisfitError:
        # it is there, and refused when it is read
        return True
    return bool(items) or not missing


def _check_surfaces(part: SplitSlice, mapping: Mapping, records: Iterator[Record]) -> None:
    """Warn where spans given by offsets alone are, again and again, one character off."""
    repeats = Repeats()
    spans = (
        (record.text, span.start, span.end, record.id)
        for record in _readable(records)
        for span in record.entities
        if span.start is not None and span.end is not None
    )
    for text, start, end, name in islice(spans, SPANS):
        repeats.add(text, start, end, part.slice.at(int(name.rpartition("-")[2])))
    unit = mapping.setting.unit
    if mapping.offsets == "end-exclusive":
        _warn(part, mapping, repeats.short(), Setting("end-inclusive", unit))
    elif mapping.offsets == "end-inclusive":
        _warn(part, mapping, repeats.long(), Setting("end-exclusive", unit))


def _readable(records: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from records
    except ChinchillaError:
        return


def _warn(part: SplitSlice, mapping: Mapping, wheres: list[str], better: Setting) -> None:
    todo = f"set {better.differs(mapping.setting)} in [mapping] of {part.own_card}"
    for where in wheres:
        part.tally.warn("surfaces-one-character-off", where, todo)


class Repeats:
    """Count, over spans of many texts, how often a surface looks one character short or long.

    A surface that comes in several contexts and always before the same character is short; one
    that without its last character comes before many others is long.
    """

    def __init__(self) -> None:
        """Begin with no span."""
        self._next = _Groups({}, {})
        self._last = _Groups({}, {})

    def add(self, text: str, start: int, end: int, where: str) -> None:
        """Take a span with the characters around it."""
        before = text[max(0, start - 2) : start]
        self._next.add(text[start:end], before + text[end : end + 3], text[end : end + 1], where)
        if end - start > 1:
            after = text[end - 1 : end + 2]
            self._last.add(text[start : end - 1], before + after, after[0], where)

    def short(self) -> list[str]:
        """Return where surfaces are short, if most that are repeated are."""
        return self._next.most(lambda after: len(set(after)) == 1 and after[0].isalnum())

    def long(self) -> list[str]:
        """Return where surfaces are long, if most that are repeated are."""
        return self._last.most(lambda last: len(set(last)) == len(last))


class _Groups(NamedTuple):
    """The character next to each surface, once a context, and where the surface is."""

    marks: dict[str, dict[str, str]]
    wheres: dict[str, list[str]]

    def add(self, surface: str, context: str, mark: str, where: str) -> None:
        self.marks.setdefault(surface, {})[context] = mark
        self.wheres.setdefault(surface, []).append(where)

    def most(self, odd: Callable[[list[str]], bool]) -> list[str]:
        """Return where surfaces are odd, if more than four of five repeated ones are."""
        repeated = {
            surface: list(marks.values()) for surface, marks in self.marks.items() if len(marks) > 1
        }
        off = [surface for surface, marks in repeated.items() if odd(marks)]
        spans = sum(len(repeated[surface]) for surface in off)
        many = spans > 2 and len(off) * 5 > len(repeated) * 4
        return [where for surface in off for where in self.wheres[surface]] if many else []
