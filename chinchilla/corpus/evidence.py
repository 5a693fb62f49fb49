"""Whether a file has labels at all and fits the mapping of its card, before it is read.

A file in which no record has a label is no file of negatives. For train it is an error; dev and
test are read as unlabelled, with a warning. A file is judged whole, whatever shares of it are
carved into splits; reading stops at the first label.
"""

from collections.abc import Iterator, Sized
from contextlib import suppress
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
        seen = Tally(forgiving=True)
        if not judged or _labelled(
            SplitReader(card, whole, judged[0], module_of(card)), lines, seen, tally
        ):
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
            part, entities = reader.part(lines, seen), card.mapping.entities
            _check_lists(part, card.mapping, GOLD[card.task])
            if entities is not None and entities.text is None:
                _check_surfaces(part, card.mapping, reader.records(lines, Tally(forgiving=True)))
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
    if few := 0 < negatives < MANY:
        todo = f"see whether the relations are lost: every pair is {card.na!r}"
        tally.warn("no-relation-in-the-file", str(lines.path), todo)
    return few or not records or _refused_gold(seen)


def _texts_alone(lines: Slice, keys: frozenset[str]) -> bool:
    """Tell whether no record of a file has any other key, or a value for it."""
    row = None
    for _, row in jsonl.rows(lines, Tally(forgiving=True)):
        if any(row[key] is not None for key in row.keys() - keys):
            return False
    return row is not None


def gold_of(record: Record) -> Sized:
    """Return the gold of a record's own task; entities beside relations are no relations."""
    return {"ner": record.entities, "re": record.relations, "ee": record.events}[record.task]


_OF_LINES = (
    *("bad-line", "not-json", "not-utf8", "other-file", "no-object", "bad-cell", "no-tag"),
    *("lone-cr", "long-line", "long-sentence", "wrong-number-of-fields"),
    *("brat-missing-file", "brat-bad-file"),
)
"""Reasons to refuse what is no record at all, and so says nothing about labels."""


def _refused_gold(tally: Tally) -> bool:
    """Tell whether a record was refused for its content: it has labels, or could have."""
    lost = bool(tally.lost) or any(reason.startswith("brat-") for reason in tally.warned)
    return lost or any(reason not in _OF_LINES for reason in tally.refused)


def _no_training(card: Card, lines: Slice, seen: Tally) -> InputError:
    what = "no record of this training file has a label"
    counts = sorted({**seen.fixed, **seen.warned}.items())
    if counts:
        what += f" ({', '.join(f'{count.times:,} {reason}' for reason, count in counts)})"
    todo = f"put the labelled file there, or correct how {card.own} says it is read"
    return InputError(str(lines.path), what, todo)


SPANS = 5000
"""So many spans are looked at for surfaces that come again and again."""


class _Unmet(NamedTuple):
    """A list path that no record of a file has: the keys of the first and the nearest one."""

    table: str
    path: str
    keys: tuple[str, ...]
    near: str | None


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


def _unmet(part: SplitSlice, mapping: Mapping) -> Iterator[_Unmet]:
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
            yield _Unmet(table, path, keys[table], nearest(step, tuple(sorted(unused))))


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
    """Warn where spans given by offsets alone are, again and again, one character off.

    A surface that comes in several contexts and always before the same character is short; one
    that without its last character comes before many others is long.
    """
    exclusive = mapping.offsets == "end-exclusive"
    surfaces: dict[str, _Surface] = {}
    spans = (
        (record.text, span.start, span.end, record.id)
        for record in _readable(records)
        for span in record.entities
        if span.start is not None and span.end is not None
    )
    for text, start, end, name in islice(spans, SPANS):
        stop = end if exclusive else end - 1
        if stop > start:
            surface = surfaces.setdefault(text[start:stop], _Surface({}, []))
            context = text[max(0, start - 2) : start] + text[stop : stop + 3]
            surface.after[context] = text[stop : stop + 1]
            surface.wheres.append(part.slice.at(int(name.rpartition("-")[2])))
    repeated = [surface for surface in surfaces.values() if len(surface.after) > 1]
    off = [surface for surface in repeated if surface.is_off(exclusive)]
    if sum(len(surface.after) for surface in off) > 2 and len(off) * 5 > len(repeated) * 4:
        now = mapping.setting
        better = Setting("end-inclusive" if exclusive else "end-exclusive", now.unit)
        todo = f"set {better.differs(now)} in [mapping] of {part.own_card}"
        for surface in off:
            for where in surface.wheres:
                part.tally.warn("surfaces-one-character-off", where, todo)


def _readable(records: Iterator[Record]) -> Iterator[Record]:
    with suppress(ChinchillaError):
        yield from records


class _Surface(NamedTuple):
    """The character after a surface, once a context, and where the surface is."""

    after: dict[str, str]
    wheres: list[str]

    def is_off(self, exclusive: bool) -> bool:
        """Tell whether it looks short, or long where ends count as part of a span."""
        marks = list(self.after.values())
        if exclusive:
            return len(set(marks)) == 1 and marks[0].isalnum()
        return len(set(marks)) == len(marks)
