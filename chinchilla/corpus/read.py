"""A slice of a split to read, and the one loop from rows to checked records."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.carve import carved_split
from chinchilla.corpus.shape import MisfitError, Shape, fold, misfit, nearest
from chinchilla.errors import ChinchillaError, LabelError, RecordError, Tally
from chinchilla.readers.lines import Slice
from chinchilla.schema import Event, Label, Record, Relation, Split, check_record, unfit

Fields = dict[str, Any]


class Known(NamedTuple):
    """The labels of an edition, each with its roles, and what of relations was accepted so far.

    `ends` are predicates with the types of head and tail, `slots` further slots with their types:
    strings (types of ends may be None) that the model takes and that stand on the card.
    """

    labels: dict[str, frozenset[str]]
    ends: set[tuple[str, str | None, str | None]]
    slots: set[tuple[str, str]]

    @classmethod
    def of(cls, labels: Iterable[Label]) -> "Known":
        """Take the labels of an edition; nothing has been met."""
        roles = {label.key: frozenset(role.key for role in label.roles) for label in labels}
        return cls(roles, set(), set())

    def meet(self, relation: Relation) -> None:
        """Keep the words of a relation that the model and the card have accepted."""
        self.ends.add((relation.predicate, relation.head_type, relation.tail_type))
        types = relation.tail_slot_types
        self.slots.update((slot, types[slot]) for slot in relation.tail_slots if slot in types)


_GIVEN = ("text", "relations", "id", "source", "split", "task")
_NAMES = tuple(Relation.model_fields)
_NO_SLOTS: Fields = {}


def plain_record(fields: Fields, known: Known) -> Record | None:
    """Return the record where it has text and unlocated relations alone, all valid; else None.

    Id, source, split and task are the reader's own; text and relations come from a file.
    """
    text = fields["text"]
    if tuple(fields) != _GIVEN or type(text) is not str or not text:
        return None
    try:
        # half of a surrogate pair is refused by the model, and by the encoder
        text.encode()
        relations = _relations(fields["relations"], text, known)
    except (TypeError, UnicodeEncodeError):
        return None
    return None if relations is None else _record(fields, relations)


def _relations(items: list[Fields], text: str, known: Known) -> list[Relation] | None:
    """Make the relations if all are valid; what is no string raises TypeError or is not known."""
    made: list[Relation] = []
    ends, make = known.ends, Relation.of_valid
    for item in items:
        if tuple(item) != _NAMES:
            return None
        label, head, head_type, tail, tail_type, head_at, tail_at, slots, types = item.values()
        in_text = head in text and tail in text and head != "" != tail
        if not in_text or (label, head_type, tail_type) not in ends:
            return None
        if head_at is not None or tail_at is not None:
            return None
        if (slots != _NO_SLOTS or types != _NO_SLOTS) and not _slots_fit(item, text, known):
            return None
        made.append(make(item))
    return made


def _slots_fit(item: Fields, text: str, known: Known) -> bool:
    slots, types = item["tail_slots"], item["tail_slot_types"]
    return (
        type(slots) is type(types) is dict
        and slots.keys() == types.keys()
        and known.slots.issuperset(types.items())
        and all(words in text and words != "" for words in slots.values())
    )


def _record(fields: Fields, relations: list[Relation]) -> Record:
    return Record.of_valid(
        {
            "id": fields["id"],
            "source": fields["source"],
            "split": fields["split"],
            "task": fields["task"],
            "text": fields["text"],
            "title": None,
            "entities": (),
            "relations": tuple(relations),
            "events": (),
            "na_pairs": (),
            "labelled": True,
        }
    )


Row = TypeVar("Row")
MISSHAPEN = (KeyError, IndexError, TypeError, AttributeError)
"""What reading the fields of a row raises where it is of another shape."""


@dataclass(frozen=True)
class Part:
    """Name what is read: a slice of the file of one split of one edition of a source.

    `shared` are the splits that are carved out of the same lines, this one among them;
    `counts_lines` tells whether what is of none of them counts here; `files` are those of a
    folder, one a record.
    """

    card: Card
    edition: Edition
    split: Split
    slice: Slice
    tally: Tally
    shared: tuple[Split, ...] = ()
    counts_lines: bool = True
    files: tuple[Path, ...] = ()

    def at(self, place: int) -> str:
        """Name a row as errors do: `path:line`, or the file it is in, where each has its own."""
        return str(self.files[place - 1]) if self.files else self.slice.at(place)

    @property
    def line_tally(self) -> Tally:
        """Return the tally for what has no text, lines that form no record above all.

        Of a file that several splits are carved out of, they count for one of those read.
        """
        return self.tally if self.counts_lines else Tally(forgiving=self.tally.forgiving)

    def id_at(self, place: int) -> str:
        """Make the id of the record at a line (item number in an array)."""
        return f"{self.card.source}-{self.split}-{place:06d}"

    def records(
        self,
        rows: Iterable[tuple[int, Row]],
        to_fields: "ToFields[Row]",
        text_of: Callable[[Row], Any],
        shape: Shape = None,
    ) -> Iterator[Record]:
        """Turn rows into records; a row that does not fit is refused with its path:line.

        `to_fields` returns the fields of a record without id, source, split and task; `text_of`
        its text alone, which decides of what split a row is where several share a file; `shape`
        is the shape of a row, from which the message is made for one that has another.
        """
        known = Known.of(self._labels())
        for place, row in rows:
            tally = self._tally_of(row, text_of)
            if tally is None:
                continue
            try:
                record = self._record(place, to_fields(row, Spot(self, place)), known)
            except ChinchillaError as error:
                tally.refuse(error)
            except MISSHAPEN as error:
                words = None if shape is None else misfit(row, shape)
                tally.refuse(self._misshapen(place, error, words))
            else:
                yield record

    def _tally_of(self, row: Row, text_of: Callable[[Row], Any]) -> Tally | None:
        """Return the tally for the errors of a row, None where the row is of another split.

        A share of a split that has a file of its own stays with the first.
        """
        carve = self.edition.carve
        if carve is None or len(self.shared) < 2:
            return self.tally
        try:
            text = text_of(row)
        except MISSHAPEN:
            text = None
        if not isinstance(text, str):
            # it is no record of any split: `to_fields` says why
            return self.line_tally
        split = carved_split(carve, text)
        split = split if split in self.shared else self.shared[0]
        return self.tally if split == self.split else None

    def _record(self, place: int, fields: Fields, known: Known) -> Record:
        """Check the fields and labels of a record; most of DuIE passes the shorter check."""
        card = self.card
        fields["id"] = self.id_at(place)
        fields["source"] = card.source
        fields["split"] = self.split
        fields["task"] = card.task
        if self.split in self.edition.unlabelled:
            fields["labelled"] = False
        record = plain_record(fields, known)
        if record is None:
            try:
                record = check_record(fields)
            except ValidationError as error:
                raise unfit(self.at(place), error) from error
            self._check_labels(record, known, place)
        return record

    def _misshapen(self, place: int, error: Exception, words: str | None) -> RecordError:
        own = str(error) if isinstance(error, MisfitError) else None
        what = own or words or "not of the shape of the others"
        todo = f"compare the line with the format of {self.card.title}"
        return RecordError(self.at(place), what, todo)

    def _labels(self) -> Iterator[Label]:
        labels = self.card.label_set(self.edition.name)
        yield from labels
        if labels.na is not None:
            yield labels.na

    def _check_labels(self, record: Record, known: Known, place: int) -> None:
        """Raise LabelError where a label, role, slot or entity type stands on no card."""
        self._check_entities(record, known, place)
        for relation in record.relations:
            ends = (relation.predicate, relation.head_type, relation.tail_type)
            if relation.tail_slots or relation.tail_slot_types or ends not in known.ends:
                self._check_relation(relation, known, place)
                known.meet(relation)
        for event in record.events:
            self._check_event(event, known, place)

    def _check_entities(self, record: Record, known: Known, place: int) -> None:
        """Raise LabelError for an entity of no label, or of no type where labels are others'."""
        labels = record.task == "ner"
        for entity in record.entities:
            if labels and entity.type not in known.labels:
                raise self._unknown("label", entity.type, place)
            if not labels and entity.type not in self.card.known_types:
                raise self._unknown("entity type", entity.type, place)

    def _check_relation(self, relation: Relation, known: Known, place: int) -> None:
        if relation.predicate not in known.labels:
            raise self._unknown("label", relation.predicate, place)
        types = self.card.known_types
        for name in (relation.head_type, relation.tail_type, *relation.tail_slot_types.values()):
            if name is not None and types and name not in types:
                raise self._unknown("entity type", name, place)
        for slot in relation.tail_slots:
            if slot not in self.card.slots:
                raise self._unknown("slot", slot, place)

    def _check_event(self, event: Event, known: Known, place: int) -> None:
        roles = known.labels.get(event.event_type)
        if roles is None:
            raise self._unknown("label", event.event_type, place)
        for argument in event.arguments:
            if argument.role not in roles:
                name = f"{event.event_type}/{argument.role}"
                raise self._unknown("role", name, place)

    def _unknown(self, kind: str, name: str, place: int) -> LabelError:
        return unknown_name(self.card, kind, name, self.at(place))


def unknown_name(card: Card, kind: str, name: str, where: str) -> LabelError:
    """Say that a label, role, slot or entity type is not on the card."""
    what = f"the {kind} {name!r} is not on the card of {card.source}"
    # the labels of ner are the entity types, where a card serves several tasks
    several = card.source == f"{Path(card.own).parent.name}-ner"
    typed = kind == "entity type" or (kind == "label" and several)
    table = " under [types]" if typed else ""
    todo = f"correct the line, or describe the {kind}{table} in {card.own}"
    return LabelError(where, what + _nearest(card, kind, name), todo)


def _nearest(card: Card, kind: str, name: str) -> str:
    """Say which name of the card is like one that is not on it."""
    event, _, role = name.rpartition("/")
    name = role if kind == "role" else name
    known: dict[str, Iterable[str]] = {
        "label": card.labels,
        "entity type": card.known_types,
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


class Spot(NamedTuple):
    """The place of a row: what `to_fields` may ask about it and say of it."""

    part: Part
    place: int

    @property
    def card(self) -> Card:
        """Return the card of the source."""
        return self.part.card

    @property
    def labelled(self) -> bool:
        """Tell whether labels were published for this split."""
        return self.part.split not in self.part.edition.unlabelled

    def where(self, further: int = 0) -> str:
        """Name the row, or the line so many lines further down, as errors do."""
        return self.part.at(self.place + further if further else self.place)

    def mend(self, reason: str, further: int = 0) -> None:
        """Count a known quirk that was put right here."""
        self.part.tally.mend(reason, self.where(further))

    def warn(self, reason: str, todo: str) -> None:
        """Count what is read here as it stands and looks wrong, and say what would mend it."""
        self.part.tally.warn(reason, self.where(), todo)

    def no_trigger(self, trigger: str | None, start: object) -> tuple[None, None]:
        """Return trigger and start of an event that has no trigger: both null, counted."""
        if trigger is not None:
            self.mend("empty-trigger")
        if start is not None:
            self.mend("trigger-start-without-trigger")
        return None, None

    def pass_over(self, labels: Any) -> None:
        """Warn of labels that are not read, as the card states that the split has none."""
        if labels:
            todo = f"take {self.part.split!r} out of `unlabelled` in {self.card.own} to read them"
            self.warn("labels-not-read", todo)


ToFields = Callable[[Row, Spot], Fields]
