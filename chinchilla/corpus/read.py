"""The one loop from rows to checked records, and what a source module declares for it.

`rows` and `to_fields` must be there; a row is a dict with `text`, or has that attribute. Optional
are `boundary` (where a file may be cut; nowhere without it), `SHAPE` and `TEXT_KEYS` (the shape of
a JSON record, and its keys beside the labels), `edition_of` (the edition a file shows), `slice_of`
(the part of a file that is a split) and `schema_labels` (the labels of a schema file).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chinchilla.corpus import mapped
from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.registry import CARDS
from chinchilla.errors import CardError, ChinchillaError, LabelError, RecordError
from chinchilla.readers import jsonl
from chinchilla.readers.columns import JoinedFile
from chinchilla.readers.context import Fields, RowContext, SplitSlice
from chinchilla.readers.lines import Boundary, Slice
from chinchilla.readers.shape import MisfitError, Shape, fold, misfit, nearest
from chinchilla.schema import LabelSet, Record, Relation, Split, check_record, unfit
from chinchilla.tally import Tally

MISSHAPEN = (KeyError, IndexError, TypeError, AttributeError)
"""What reading the fields of a row raises where it is of another shape."""
Row = Any


@dataclass(frozen=True)
class SourceModule:
    """How the files of a source are read: what its module declares, the rest by default."""

    rows: Callable[[SplitSlice], Iterator[tuple[int, Row]]]
    to_fields: Callable[[Row, RowContext], Fields]
    text_of: Callable[[Row], Any] = lambda row: row["text"] if isinstance(row, dict) else row.text
    boundary: Callable[[Path], Boundary] = lambda path: "whole"
    slice_of: Callable[[Path, Split, JoinedFile | None], Slice] = lambda path, *_: Slice(path)
    shape: Shape = None
    text_keys: frozenset[str] | None = None
    edition_of: Callable[[Path], str | None] | None = None
    schema_labels: Callable[[Path], set[str]] | None = None


def module_of(card: Card) -> SourceModule:
    """Return what reads a source: the mapping of its card if it has one, else its module.

    Raises CardError where it has neither, or the module lacks one of the two functions.
    """
    name = f"chinchilla.sources.{card.source}"
    mapping = card.mapping
    if mapping is not None:
        text_of = partial(mapped.text_of, mapping=mapping)
        fields_of = partial(mapped.to_fields, mapping=mapping)
        return SourceModule(jsonl.split_rows, fields_of, text_of, jsonl.boundary)
    if not (CARDS / f"{card.source}.toml").is_file() or find_spec(name) is None:
        raise CardError(card.own, "no [mapping]", "say in it where a record holds what")
    module = import_module(name)
    declared = vars(module)
    for needed in ("rows", "to_fields"):
        if needed not in declared:
            what = f"the source {card.source} has no function {needed!r}"
            raise CardError(str(module.__file__), what, "write it, as sanwen.py beside it does")
    keys = {field.name: field.name for field in fields(SourceModule)}
    keys |= {"shape": "SHAPE", "text_keys": "TEXT_KEYS"}
    return SourceModule(**{key: declared[at] for key, at in keys.items() if at in declared})


@dataclass(frozen=True)
class SplitReader:
    """The records of one split of one edition of a source.

    `shared` are the splits that are carved out of the same lines, this one among them;
    `counts_lines` tells whether lines that form no record count here: of a file that several
    splits are carved out of, they count for one of those read.
    """

    card: Card
    edition: Edition
    split: Split
    source: SourceModule
    shared: tuple[Split, ...] = ()
    counts_lines: bool = True

    def part(self, lines: Slice, tally: Tally) -> SplitSlice:
        """Return a slice as the source module reads it."""
        return SplitSlice(
            slice=lines,
            split=self.split,
            edition=self.edition.name,
            labels=self.labels,
            tally=tally,
            line_tally=tally if self.counts_lines else Tally(forgiving=tally.forgiving),
            own_card=self.card.own,
            unknown_label=partial(unknown_name, self.card, "label"),
            labelled=self.split not in self.edition.unlabelled,
            options=self.card.options,
            repairs=self.card.repairs,
        )

    def records(self, lines: Slice, tally: Tally) -> Iterator[Record]:
        """Yield the records of a slice; a row that does not fit is refused with its path:line."""
        part = self.part(lines, tally)
        for number, row in self.source.rows(part):
            row_tally = self._tally_of(row, part)
            if row_tally is None:
                continue
            context = RowContext(part, number)
            try:
                record = self._record(self.source.to_fields(row, context), context)
            except ChinchillaError as error:
                row_tally.refuse(error)
            except MISSHAPEN as error:
                row_tally.refuse(self._misshapen(row, error, context))
            else:
                yield record

    def _tally_of(self, row: Row, part: SplitSlice) -> Tally | None:
        """Return the tally for the errors of a row, None where the row is of another split.

        A share of a split that has a file of its own stays with the first.
        """
        carve = self.edition.carve
        if carve is None or len(self.shared) < 2:
            return part.tally
        try:
            text = self.source.text_of(row)
        except MISSHAPEN:
            text = None
        if not isinstance(text, str):
            # it is no record of any split: `to_fields` says why
            return part.line_tally
        split = carve.split_of(text)
        split = split if split in self.shared else self.shared[0]
        return part.tally if split == self.split else None

    def _record(self, fields: Fields, context: RowContext) -> Record:
        """Return the checked record; pairs of no relation are apart from its relations."""
        card, na = self.card, context.part.na
        fields["id"] = f"{card.source}-{self.split}-{context.number:06d}"
        fields["source"] = card.source
        fields["split"] = self.split
        fields["task"] = card.task
        if not context.part.labelled:
            fields["labelled"] = False
        if na is not None and "relations" in fields:
            pairs = fields["relations"]
            fields["relations"] = [pair for pair in pairs if pair["predicate"] != na]
            fields["na_pairs"] = [pair for pair in pairs if pair["predicate"] == na]
        try:
            record = check_record(fields)
        except ValidationError as error:
            raise unfit(context.where(), error) from error
        unknown = next(self._unknown(record), None)
        if unknown is not None:
            raise unknown_name(card, *unknown, context.where())
        return record

    def _misshapen(self, row: Row, error: Exception, context: RowContext) -> RecordError:
        source = self.source
        shape, keys = source.shape, source.text_keys
        if shape is not None and keys is not None and not context.part.labelled:
            shape = {key: shape[key] for key in shape if key in keys}
        what = str(error) if isinstance(error, MisfitError) else None
        if what is None and shape is not None:
            what = misfit(row, shape)
        todo = f"compare the line with the format of {self.card.title}"
        return RecordError(context.where(), what or "not of the shape of the others", todo)

    @cached_property
    def labels(self) -> LabelSet:
        """Return the labels of the edition."""
        return self.card.label_set(self.edition.name)

    @cached_property
    def _roles(self) -> dict[str, frozenset[str]]:
        """Map each label of the edition, the negative one too, to its roles."""
        labels = (*self.labels, *filter(None, [self.labels.na]))
        return {label.key: frozenset(role.key for role in label.roles) for label in labels}

    @cached_property
    def _accepted(self) -> set[tuple[object, ...]]:
        """Label, types and slots of relations that are on the card, as met."""
        return set()

    def _unknown(self, record: Record) -> Iterator[tuple[str, str]]:
        """Yield the kind and name of each label, role, slot and entity type on no card."""
        labels, types = self._roles, self.card.type_names
        kind, known = ("label", labels) if record.task == "ner" else ("entity type", types)
        yield from ((kind, entity.type) for entity in record.entities if entity.type not in known)
        for relation in record.relations:
            key = (
                relation.predicate,
                relation.head_type,
                relation.tail_type,
                *relation.tail_slot_types.items(),
                *relation.tail_slots,
            )
            # most relations of a source have one of some fifty combinations of names
            if key not in self._accepted:
                yield from self._unknown_of_relation(relation)
                self._accepted.add(key)
        for event in record.events:
            roles = labels.get(event.event_type)
            if roles is None:
                yield "label", event.event_type
            else:
                names = (argument.role for argument in event.arguments)
                yield from (
                    ("role", f"{event.event_type}/{name}") for name in names if name not in roles
                )

    def _unknown_of_relation(self, relation: Relation) -> Iterator[tuple[str, str]]:
        if relation.predicate not in self._roles:
            yield "label", relation.predicate
        known = self.card.type_names
        types = (relation.head_type, relation.tail_type, *relation.tail_slot_types.values())
        if known:
            named = (name for name in types if name is not None)
            yield from (("entity type", name) for name in named if name not in known)
        yield from (("slot", slot) for slot in relation.tail_slots if slot not in self.card.slots)


def unknown_name(card: Card, kind: str, name: str, where: str) -> LabelError:
    """Return the error for a label, role, slot or entity type that is not on the card."""
    what = f"the {kind} {name!r} is not on the card of {card.source}"
    # the labels of ner are the entity types, where a card serves several tasks
    typed = kind == "entity type" or (kind == "label" and card.is_ner_of_several)
    table = " under [types]" if typed else ""
    todo = f"correct the line, or describe the {kind}{table} in {card.own}"
    return LabelError(where, what + _nearest(card, kind, name), todo)


def _nearest(card: Card, kind: str, name: str) -> str:
    """Return a hint at the name of the card that is like an unknown one."""
    event, _, role = name.rpartition("/")
    name = role if kind == "role" else name
    known: dict[str, Iterable[Any]] = {
        "label": card.labels,
        "entity type": card.type_names,
        "slot": card.slots,
        "role": card.labels[event].roles if event in card.labels else (),
    }
    near = nearest(name, tuple(sorted(known[kind])), 0.75)
    if near is None:
        return ""
    if near == name:
        return " for the edition read"
    if fold(near) != fold(name):
        return f", the nearest is {near!r}"
    return f", where {near!r} differs in letter case, width or blanks alone"
