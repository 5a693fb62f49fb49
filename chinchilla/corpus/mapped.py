"""Read records by the field mapping of a card alone; nothing of its lists is passed over."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from chinchilla.corpus.mapping import (
    ABSENT,
    GOLD,
    Absent,
    EventFields,
    Fields,
    Mapping,
    Match,
    Missing,
    RelationFields,
    UnmappedError,
    fetch,
    fetch_labels,
    fetch_string,
    lookup,
    tried,
    walk,
)
from chinchilla.corpus.offsets import SpanReader
from chinchilla.errors import CardError, RecordError
from chinchilla.readers import jsonl
from chinchilla.readers.context import RowContext
from chinchilla.readers.jsonl import Row, kind
from chinchilla.readers.lines import Slice
from chinchilla.readers.shape import MisfitError, near_key, nearest
from chinchilla.tally import Tally


def text_of(row: Row, mapping: Mapping) -> str:
    """Return the text of a record; raise UnmappedError or MisfitError for none."""
    return fetch_string(Match(row, ()), mapping.text)


def to_fields(row: Row, context: RowContext, mapping: Mapping) -> Row:
    """Return the fields of a record.

    Raises:
        CardError: A path of the mapping leads nowhere; its message has keys and mapping.
        RecordError: A value does not fit.
    """
    try:
        return _Reader(row, mapping, context).fields()
    except UnmappedError as error:
        raise _unmapped(context, mapping, error) from error
    except MisfitError as error:
        todo = f"correct the line, or [mapping] in {context.part.own_card}"
        raise RecordError(context.where(), str(error), todo) from error


def _unmapped(context: RowContext, mapping: Mapping, error: UnmappedError) -> CardError:
    holder = "an item of " + repr(error.inside) if error.inside else "the record"
    keys, near = f"{holder} has the keys ", ""
    if isinstance(error.holder, dict):
        keys += ", ".join(error.holder)
        near = near_key(error.path, error.holder, mapping.steps)
    else:
        keys = f"{holder} is {jsonl.kind(error.holder)}"
    what = f"no field {error.path!r}{near}; {keys}; tried {tried(mapping)}"
    todo = f"correct [mapping] in {context.part.own_card}"
    if isinstance(error.holder, dict) and error.inside and "type" in error.holder:
        todo += '; where = { type = "..." } takes the items of one kind'
    return CardError(context.where(), what, todo, reason="unmapped-field")


class _Reader:
    """Read one record by a mapping."""

    def __init__(self, row: Row, mapping: Mapping, context: RowContext) -> None:
        self.row, self.mapping, self.context = row, mapping, context
        self.spans = SpanReader(text_of(row, mapping), mapping, context)
        self.own_card = context.part.own_card

    def fields(self) -> Row:
        """Return the fields of the record; one without any annotation has no labels."""
        fields: Row = {"text": self.spans.text}
        if self.mapping.title is not None:
            title = lookup(self.row, self.mapping.title)
            # a value on the way to it that has no such key has no title
            fields["title"] = None if isinstance(title, Absent) else title
        if not self.context.part.labelled:
            self._pass_over()
        elif not self._annotated():
            fields["labelled"] = False
        else:
            fields["entities"], by_id = self._entities()
            fields["relations"] = self._relations(by_id)
            fields["events"] = self._events()
        return fields

    def _pass_over(self) -> None:
        names = self.mapping.tables.get(GOLD[self.context.part.labels.task])
        with suppress(MisfitError):
            self.context.warn_of_labels([] if names is None else walk(self.row, names.list).items)

    def _annotated(self) -> bool:
        """Tell whether a task of Label Studio was done, and leave out what was cancelled."""
        key = self.mapping.annotations
        if key is None:
            return True
        annotations = self.row.get(key)
        if annotations is None:
            self._near(Missing(key, self.row))
            return False
        if not isinstance(annotations, list):
            raise MisfitError(f"{key} is {kind(annotations)}, not a list")
        done = [
            item
            for item in annotations
            if not isinstance(item, dict) or item.get("was_cancelled") is not True
        ]
        for _ in range(len(annotations) - len(done)):
            self.context.fix("cancelled-annotation")
        self.row = {**self.row, key: done}
        return bool(done)

    def items(self, table: str, holder: Any) -> list[Match]:
        """Return the items of a list that `where` chooses; others, and a missing list, count.

        Raises MisfitError where a list is missing and another key could be it.
        """
        names: Fields = self.mapping.tables[table]
        items, missing_steps = walk(holder, names.list)
        for missing in missing_steps:
            self._near(missing)
            todo = f"write [] where there is nothing, or correct {table}.list in [mapping] of"
            self.context.warn(f"no-list-{names.list}", f"{todo} {self.own_card}")
        if not items and not missing_steps:
            self._beside(names.list.partition(".")[0], holder)
        return [item for item in items if self._meant(item, names.where, table)]

    def _beside(self, step: str, holder: Any) -> None:
        """Warn of a list that is empty where one of a name near to it is not, and is not read."""
        unused = [
            key
            for key, value in holder.items()
            if key not in self.mapping.steps and value and isinstance(value, list | dict)
        ]
        near = nearest(step, tuple(unused))
        if near is not None:
            todo = f"is {near!r} the list that is meant? correct [mapping] in {self.own_card}"
            self.context.warn(f"empty-list-{step}", todo)

    def _near(self, missing: Missing) -> None:
        """Raise MisfitError where a key of the record, or of an item, could be the missing one."""
        step, holder = missing
        if not isinstance(holder, dict):
            return
        unused = [key for key in holder if key not in self.mapping.steps and _holds(holder[key])]
        near = nearest(step, tuple(unused))
        if near is None:
            known = keys_beside(self.context.part.slice.path, step)
            near = next((key for key in unused if holder[key] and key not in known), None)
        if near is not None:
            raise MisfitError(f"no list {step!r}, but there is {near!r}")

    def _meant(self, match: Match, where: dict[str, str], table: str) -> bool:
        for path, wanted in where.items():
            if lookup(match.item, path) != wanted:
                self.context.fix(f"{table}-of-another-{path.rpartition('.')[2]}")
                return False
        return True

    def _entities(self) -> tuple[list[Row], dict[Any, Row]]:
        names = self.mapping.entities
        spans: list[Row] = []
        by_id: dict[Any, Row] = {}
        if names is None:
            return spans, by_id
        for number, match in enumerate(self.items("entities", self.row)):
            labels = self._labels(match, names.type, names)
            located = self.spans.located(match, names)
            own = [{"type": label, **located} for label in labels]
            key = number if names.id is None else _id(match, names.id, names.list)
            before = by_id.setdefault(key, own[0])
            if before is not own[0]:
                if {**before, "type": ""} != {**own[0], "type": ""}:
                    raise MisfitError(f"two entities have the id {key!r}")
                if own[0]["type"] == before["type"]:
                    raise MisfitError(f"the entity of the id {key!r} comes twice")
            spans += own
        return spans, by_id

    def _labels(self, match: Match, path: str, names: Fields) -> list[str]:
        """Return the labels of an item; the path of the first of a list means all of them."""
        holder, _, last = path.rpartition(".")
        if last == "0" and holder:
            labels = lookup(match.item, holder)
            others = [other for _, other in names.paths if other.startswith(f"{holder}.")]
            if isinstance(labels, list) and len(labels) > 1 and len(others) == 1:
                path = holder
        return fetch_labels(match, path, names.list)

    def _relations(self, by_id: dict[Any, Row]) -> list[Row]:
        names = self.mapping.relations
        if names is None:
            return []
        relations = []
        for match in self.items("relations", self.row):
            by = (match, names, by_id)
            ends = self._ends_by_id(*by) if names.by_id else self._ends(match, names)
            labels = self._labels(match, names.predicate, names)
            relations += [{"predicate": label, **ends} for label in labels]
        return relations

    def _ends(self, match: Match, names: RelationFields) -> Row:
        fields: Row = {}
        for name, path in names.paths:
            if name.endswith("_start"):
                string = fields[name.removesuffix("_start")]
                fields[name] = self.spans.start(match, path, string, names.list)
            elif name != "predicate":
                fields[name] = fetch_string(match, path, names.list)
        return fields

    def _ends_by_id(self, match: Match, names: RelationFields, by_id: dict[Any, Row]) -> Row:
        fields: Row = {}
        for end, path in (("head", names.head), ("tail", names.tail)):
            key = _id(match, path, names.list)
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
        return [self._event(match, names) for match in self.items("events", self.row)]

    def _event(self, match: Match, names: EventFields) -> Row:
        trigger, start = self._trigger(match, names)
        return {
            "event_type": fetch_string(match, names.type, names.list),
            "trigger": trigger,
            "trigger_start": start,
            "arguments": self._arguments(match.item),
        }

    def _trigger(self, match: Match, names: EventFields) -> tuple[str | None, int | None]:
        if names.trigger is None:
            return None, None
        of_key = names.trigger.startswith("$")
        trigger = ABSENT if of_key else lookup(match.item, names.trigger)
        if trigger is None or trigger == "":
            start = lookup(match.item, names.trigger_start) if names.trigger_start else None
            return self.context.no_trigger(trigger, None if start is ABSENT else start)
        string = fetch_string(match, names.trigger, names.list)
        if names.trigger_start is None:
            return string, None
        return string, self.spans.start(match, names.trigger_start, string, names.list)

    def _arguments(self, event: Any) -> list[Row]:
        names = self.mapping.arguments
        if names is None:
            return []
        return [
            {"role": fetch_string(match, names.role, names.list)} | self.spans.located(match, names)
            for match in self.items("arguments", event)
        ]


def _holds(value: Any) -> bool:
    """Tell whether a value could be a list: one, an object, or null in place of it."""
    return value is None or isinstance(value, list | dict)


def _id(match: Match, path: str, inside: str) -> str | int:
    value = fetch(match, path, inside)
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
