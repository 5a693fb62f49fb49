"""Read the fields of one record by a field mapping; nothing of its lists is passed over."""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.corpus.mapping import (
    GOLD,
    ArgumentFields,
    EntityFields,
    Fields,
    Mapping,
    RelationFields,
)
from chinchilla.corpus.offsets import SETTINGS, Ruler, fitting, suspicion
from chinchilla.corpus.paths import (
    ABSENT,
    Absent,
    Found,
    Missing,
    fetch,
    fetch_labels,
    fetch_offset,
    fetch_words,
    lookup,
    walk,
)
from chinchilla.corpus.read import Spot
from chinchilla.corpus.shape import MisfitError, nearest
from chinchilla.errors import RecordError, Tally
from chinchilla.readers import jsonl
from chinchilla.readers.jsonl import kind
from chinchilla.readers.lines import Slice

Row = dict[str, Any]


class Located(NamedTuple):
    """A string of the text, and where it is as far as the data say."""

    text: str
    start: int | None
    end: int | None


def text_of(row: Row, mapping: Mapping) -> str:
    """Return the text of a record; raise UnmappedError or MisfitError where there is none."""
    return fetch_words(Found(row, ()), mapping.text)


class Reader:
    """Read one record, with what is needed again and again of its mapping and its text."""

    def __init__(self, row: Row, mapping: Mapping, spot: Spot) -> None:
        """Read the text."""
        self.row, self.mapping, self.spot = row, mapping, spot
        self.ruler = Ruler(text_of(row, mapping))
        self.unit = mapping.setting.unit

    def fields(self) -> Row:
        """Return the fields of the record; one that nobody has annotated has no labels."""
        fields: Row = {"text": self.ruler.text}
        if self.mapping.title is not None:
            title = lookup(self.row, self.mapping.title)
            # what is in the way to it and holds no title has none
            fields["title"] = None if isinstance(title, Absent) else title
        if not self.spot.labelled:
            self._pass_over()
        elif not self._annotated():
            fields["labelled"] = False
        else:
            entities, by_id = self._entities()
            fields["entities"] = entities
            fields["relations"] = self._relations(by_id)
            fields["events"] = self._events()
        return fields

    def _pass_over(self) -> None:
        names = self.mapping.tables.get(GOLD[self.spot.card.task])
        try:
            self.spot.pass_over([] if names is None else walk(self.row, names.list).items)
        except MisfitError:
            return

    def _annotated(self) -> bool:
        """Tell whether a task of Label Studio was done, and leave out what was cancelled."""
        key = self.mapping.annotations
        if key is None:
            return True
        given = self.row.get(key)
        if given is None:
            self._near(Missing(key, self.row))
            return False
        if not isinstance(given, list):
            raise MisfitError(f"{key} is {kind(given)}, not a list")
        done = [one for one in given if not _cancelled(one)]
        for _ in range(len(given) - len(done)):
            self.spot.mend("cancelled-annotation")
        self.row = {**self.row, key: done}
        return bool(done)

    def items(self, table: str, holder: Any) -> list[Found]:
        """Return the items of a list that are meant; the others, and a missing list, are counted.

        Raises MisfitError where a list is missing and another key could be it.
        """
        names: Fields = self.mapping.tables[table]
        found = walk(holder, names.list)
        for missing in found.missing:
            self._near(missing)
            todo = f"write [] where there is nothing, or correct {table}.list in [mapping] of"
            self.spot.warn(f"no-list-{names.list}", f"{todo} {self.spot.card.own}")
        if not found.items and not found.missing:
            self._beside(names.list.partition(".")[0], holder)
        if not names.where:
            return found.items
        return [one for one in found.items if self._meant(one, names.where, table)]

    def _beside(self, step: str, holder: Any) -> None:
        """Warn of a list that is empty where one of a name near to it is not, and is not read."""
        unused = [
            key
            for key, value in holder.items()
            if key not in self.mapping.steps and value and isinstance(value, list | dict)
        ]
        near = nearest(step, tuple(unused))
        if near is not None:
            todo = f"is {near!r} the list that is meant? correct [mapping] in {self.spot.card.own}"
            self.spot.warn(f"empty-list-{step}", todo)

    def _near(self, missing: Missing) -> None:
        """Raise MisfitError where a key of the record, or of an item, could be the missing one."""
        step, holder = missing
        if not isinstance(holder, dict):
            return
        unused = [key for key in holder if key not in self.mapping.steps and _holds(holder[key])]
        near = nearest(step, tuple(unused))
        if near is None:
            known = keys_beside(self.spot.part.slice.path, step)
            near = next((key for key in unused if holder[key] and key not in known), None)
        if near is not None:
            raise MisfitError(f"no list {step!r}, but there is {near!r}")

    def _meant(self, found: Found, where: dict[str, str], table: str) -> bool:
        for path, wanted in where.items():
            if lookup(found.item, path) != wanted:
                self.spot.mend(f"{table}-of-another-{path.rpartition('.')[2]}")
                return False
        return True

    def _entities(self) -> tuple[list[Row], dict[Any, Row]]:
        names = self.mapping.entities
        spans: list[Row] = []
        by_id: dict[Any, Row] = {}
        if names is None:
            return spans, by_id
        for number, found in enumerate(self.items("entities", self.row)):
            labels = self._labels(found, names.type, names)
            located = self.located(found, names)._asdict()
            own = [{"type": label, **located} for label in labels]
            key = number if names.id is None else _id(found, names.id, names.list)
            before = by_id.setdefault(key, own[0])
            if before is not own[0]:
                if {**before, "type": ""} != {**own[0], "type": ""}:
                    raise MisfitError(f"two entities have the id {key!r}")
                if own[0]["type"] == before["type"]:
                    raise MisfitError(f"the entity of the id {key!r} comes twice")
            spans += own
        return spans, by_id

    def _labels(self, found: Found, path: str, names: Fields) -> list[str]:
        """Return the labels of an item; the first of a list of labels stands for all of them."""
        holder, _, last = path.rpartition(".")
        if last == "0" and holder:
            labels = lookup(found.item, holder)
            others = [other for _, other in names.paths if other.startswith(f"{holder}.")]
            if isinstance(labels, list) and len(labels) > 1 and len(others) == 1:
                path = holder
        return fetch_labels(found, path, names.list)

    def _relations(self, by_id: dict[Any, Row]) -> list[Row]:
        names = self.mapping.relations
        if names is None:
            return []
        relations = []
        for found in self.items("relations", self.row):
            ends = (
                self._ends_by_id(found, names, by_id) if names.by_id else self._ends(found, names)
            )
            labels = self._labels(found, names.predicate, names)
            relations += [{"predicate": label, **ends} for label in labels]
        return relations

    def _ends(self, found: Found, names: RelationFields) -> Row:
        fields: Row = {}
        for name, path in names.paths:
            if name.endswith("_start"):
                words = fields[name.removesuffix("_start")]
                fields[name] = self._start(found, path, words, names.list)
            elif name != "predicate":
                fields[name] = fetch_words(found, path, names.list)
        return fields

    def _ends_by_id(self, found: Found, names: RelationFields, by_id: dict[Any, Row]) -> Row:
        fields: Row = {}
        for end, path in (("head", names.head), ("tail", names.tail)):
            key = _id(found, path, names.list)
            entity = by_id.get(key)
            if entity is None:
                raise MisfitError(f"no entity has the id {key!r}, the {end} of a relation")
            fields[end], fields[f"{end}_type"] = entity["text"], entity["type"]
            fields[f"{end}_start"] = entity["start"]
        return fields

    def _events(self) -> list[Row]:
        names = self.mapping.events
        if names is None:
            return []
        events = []
        for found in self.items("events", self.row):
            trigger, start = self._trigger(found)
            event = {"event_type": fetch_words(found, names.type, names.list)}
            arguments = self._arguments(found.item)
            events.append(
                {**event, "trigger": trigger, "trigger_start": start, "arguments": arguments}
            )
        return events

    def _trigger(self, found: Found) -> tuple[str | None, int | None]:
        names = self.mapping.events
        if names is None or names.trigger is None:
            return None, None
        of_key = names.trigger.startswith("$")
        trigger = ABSENT if of_key else lookup(found.item, names.trigger)
        if trigger is None or trigger == "":
            start = lookup(found.item, names.trigger_start) if names.trigger_start else None
            return self.spot.no_trigger(trigger, None if start is ABSENT else start)
        words = fetch_words(found, names.trigger, names.list)
        if names.trigger_start is None:
            return words, None
        return words, self._start(found, names.trigger_start, words, names.list)

    def _arguments(self, event: Any) -> list[Row]:
        names = self.mapping.arguments
        if names is None:
            return []
        return [
            {"role": fetch_words(found, names.role, names.list)}
            | self.located(found, names)._asdict()
            for found in self.items("arguments", event)
        ]

    def _start(self, found: Found, path: str, words: str, inside: str) -> int:
        given = fetch_offset(found, path, inside)
        start = self.ruler.point(given, self.unit)
        self._quote(words, (given, None), (start, start + len(words)))
        return start

    def located(self, found: Found, names: EntityFields | ArgumentFields) -> Located:
        """Read text, start and end of a span, whichever of them the data give."""
        offsets = self.mapping.offsets
        words = None if names.text is None else fetch_words(found, names.text, names.list)
        if names.start is None and words is not None:
            return Located(words, None, None)
        if words is not None and names.start is not None and names.end is None:
            start = self._start(found, names.start, words, names.list)
            return Located(words, start, start + len(words))
        given = fetch_offset(found, str(names.start), names.list)
        last = fetch_offset(found, str(names.end), names.list)
        start = self.ruler.point(given, self.unit)
        end = self.ruler.point(last + (offsets == "end-inclusive"), self.unit)
        if words is not None:
            self._quote(words, (given, last), (start, end))
            return Located(words, start, end)
        return self._unquoted((given, last), (start, end))

    def _quote(self, words: str, given: tuple[int, int | None], place: tuple[int, int]) -> None:
        """Raise RecordError, with the setting that fits, where offsets do not quote the words."""
        start, end = place
        text = self.ruler.text
        if text[start:end] == words and end <= len(text):
            return
        what = f"offset {start}:{end} quotes {text[start:end]!r}, not {words!r}"
        if end > len(text):
            size = f"the text, which has {len(text)} characters"
            what = f"offset {start}:{end} of {words!r} ends after {size}"
        fit = fitting(self.ruler, words, *given, self.mapping.setting)
        raise RecordError(self.spot.where(), what, self._todo(fit))

    def _todo(self, fit: str) -> str:
        if not fit.startswith("set "):
            return fit or "correct the line or leave it out"
        return f"{fit} in [mapping] of {self.spot.card.own}"

    def _unquoted(self, given: tuple[int, int], place: tuple[int, int]) -> Located:
        """Read a span of which offsets alone are given; what looks misread is counted."""
        start, end = place
        text = self.ruler.text
        if not start < end <= len(text):
            size = f"the text has {len(text)} characters"
            what = f"offset {start}:{end} is no stretch of the text; {size}"
            raise RecordError(self.spot.where(), what, self._todo(self._other(given)))
        odd = suspicion(text, start, end)
        if odd is not None:
            self.spot.warn(odd, self._todo(self._other(given)))
        elif self.mapping.offsets_unit is None and self.ruler.first_wide < end:
            what = 'say offsets_unit = "utf-16", or "code-point" where that is right,'
            todo = f"{what} in [mapping] of {self.spot.card.own}"
            self.spot.warn("offsets-after-wide-characters", todo)
        return Located(text[start:end], start, end)

    def _other(self, given: tuple[int, int]) -> str:
        """Say which other setting gives a stretch that does not look misread."""
        now, wide = self.mapping.setting, self.ruler.wide
        for setting in SETTINGS:
            if setting.offsets == "start" or (setting.unit != now.unit and not wide):
                continue
            stretch = self.ruler.stretch(*given, setting)
            if setting != now and stretch and not suspicion(self.ruler.text, *stretch):
                return f"set {setting.differs(now)}"
        return ""


def _cancelled(annotation: Any) -> bool:
    return isinstance(annotation, dict) and annotation.get("was_cancelled") is True


def _holds(value: Any) -> bool:
    """Tell whether a value could stand for a list: one, an object, or null in place of it."""
    return value is None or isinstance(value, list | dict)


def _id(found: Found, path: str, inside: str) -> str | int:
    value = fetch(found, path, inside)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise MisfitError(f"the id {path!r} of an item of {inside!r} is {kind(value)}")
    return value


@lru_cache(maxsize=64)
def keys_beside(path: Path, key: str) -> frozenset[str]:
    """Return the keys of the first object of a file that has a key, none where none has it."""
    for _, row in jsonl.rows(Slice(path), Tally(forgiving=True)):
        left: list[Any] = [row]
        while left:
            item = left.pop()
            if isinstance(item, dict) and item.get(key) is not None:
                return frozenset(item)
            if isinstance(item, dict | list):
                left.extend(item.values() if isinstance(item, dict) else item)
    return frozenset()
