"""A part of a source to read, and the one loop from rows to checked records."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from chinchilla.errors import ChinchillaError, LabelError, RecordError, Tally
from chinchilla.readers.lines import Slice
from chinchilla.schema import Event, Label, Record, Relation, Split, check_record, unfit
from chinchilla.sources.card import Card, Edition
from chinchilla.sources.carve import carved_split
from chinchilla.sources.plain import Fields, Known, plain_record

Row = TypeVar("Row")


@dataclass(frozen=True)
class Part:
    """Name what is read: a slice of the file of one split of one edition of a source.

    `shared` are the splits that are carved out of the same lines, this one among them; `files`
    are those of a folder, one a record.
    """

    card: Card
    edition: Edition
    split: Split
    slice: Slice
    tally: Tally
    shared: tuple[Split, ...] = ()
    files: tuple[Path, ...] = ()

    def at(self, place: int) -> str:
        """Name a row as errors do: `path:line`, or the file it is in, where each has its own."""
        return str(self.files[place - 1]) if self.files else self.slice.at(place)

    def holds(self, text: str) -> bool:
        """Tell whether a text is of this split, where several are carved out of one file.

        A share of a split that has a file of its own stays with the first.
        """
        carve = self.edition.carve
        if carve is None or len(self.shared) < 2:
            return True
        split = carved_split(carve, text)
        return (split if split in self.shared else self.shared[0]) == self.split

    @property
    def line_tally(self) -> Tally:
        """Return the tally for lines that form no record, and so are of no split.

        Of a file that several splits are carved out of, they count for the first of them.
        """
        again = self.shared[:1] not in ((), (self.split,))
        return Tally(forgiving=self.tally.forgiving) if again else self.tally

    def id_at(self, place: int) -> str:
        """Make the id of the record at a line (item number in an array)."""
        return f"{self.card.source}-{self.split}-{place:06d}"

    def records(
        self, rows: Iterable[tuple[int, Row]], to_fields: "ToFields[Row]"
    ) -> Iterator[Record]:
        """Turn rows into records; a row that does not fit is refused with its path:line.

        `to_fields` returns the fields of a record without id, source, split and task, or None
        where the row belongs to another split.
        """
        known = Known.of(self._labels())
        for place, row in rows:
            try:
                fields = to_fields(row, Spot(self, place))
                if fields is None:
                    continue
                record = self._record(place, fields, known)
            except ChinchillaError as error:
                self.tally.refuse(error)
            except (KeyError, IndexError, TypeError, AttributeError) as error:
                self.tally.refuse(self._misshapen(place, error))
            else:
                yield record

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

    def _misshapen(self, place: int, error: Exception) -> RecordError:
        what = f"no {error}" if isinstance(error, KeyError) else f"not of the shape ({error})"
        todo = f"compare the line with the format of {self.card.title}"
        return RecordError(self.at(place), what, todo)

    def _labels(self) -> Iterator[Label]:
        labels = self.card.label_set(self.edition.name)
        yield from labels
        if labels.na is not None:
            yield labels.na

    def _check_labels(self, record: Record, known: Known, place: int) -> None:
        """Raise LabelError where a label, role, slot or entity type stands on no card."""
        for entity in record.entities:
            if entity.type not in known.labels:
                raise self._unknown("label", entity.type, place)
        for relation in record.relations:
            ends = (relation.predicate, relation.head_type, relation.tail_type)
            if relation.tail_slots or relation.tail_slot_types or ends not in known.ends:
                self._check_relation(relation, known, place)
                known.meet(relation)
        for event in record.events:
            self._check_event(event, known, place)

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
        what = f"the {kind} {name!r} is not on the card of {self.card.source}"
        todo = f"correct the line, or describe the {kind} in {self.card.own}"
        return LabelError(self.at(place), what, todo)


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
        return self.part.at(self.place + further)

    def holds(self, text: str) -> bool:
        """Tell whether a text is of the split that is read."""
        return self.part.holds(text)

    def mend(self, reason: str, further: int = 0) -> None:
        """Count a known quirk that was put right here."""
        self.part.tally.mend(reason, self.where(further))


ToFields = Callable[[Row, Spot], Fields | None]
