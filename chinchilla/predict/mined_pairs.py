"""Records beside what was predicted for them, from which confusable labels are mined."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, cast

from chinchilla.errors import InputError, Tally
from chinchilla.prompts.hard_negatives import Pair
from chinchilla.schema import LabelSet, Record, make_record
from chinchilla.score.pairing import Names, Pairing
from chinchilla.score.rows import Row, read_rows


def read_pairs(
    records: Iterable[Record], path: Path, labels: LabelSet, tally: Tally
) -> Iterator[Pair]:
    """Match records and predictions by id; what of a prediction cannot be used is counted.

    Raises InputError for a line that is no row and for predictions of no record, ConfigError
    for a prediction of another text.
    """
    # a record has all that is asked of a gold row
    gold = cast(Iterable[Row], records)
    rows = read_rows(path, labels.task).rows
    pairing = Pairing(gold, rows, allow_extra=True, names=Names(labels.source, str(path)))
    for record, row in ((cast(Record, pair.gold), pair.pred) for pair in pairing):
        if pairing.missing and pairing.missing[-1] == record.id:
            tally.drop("record without prediction", record.id)
        else:
            yield record, _Usable(record, labels, tally).of(row)
    if pairing.extra:
        what = f"{len(pairing.extra)} predicted ids are none of the split"
        todo = "pass the split that was predicted with --split"
        raise InputError(str(path), f"{what}, the first {pairing.extra[0]!r}", todo)


class _Usable(NamedTuple):
    """What may be predicted of a record: labels of its card on strings of its text."""

    record: Record
    labels: LabelSet
    tally: Tally

    def of(self, row: Row) -> Record:
        """Return a prediction as a record; arguments are left out, as nothing is mined of them."""
        fields = self.record.model_dump(include={"id", "source", "split", "task", "text"})
        fields["entities"] = [
            {"type": one.type, "text": one.text, "start": one.start, "end": one.end}
            for one in row.entities
            if self._knows(one.type) and self._has(one.text, one.start, one.end)
        ]
        fields["relations"] = [
            {"predicate": one.predicate, "head": one.head, "tail": one.tail}
            for one in row.relations
            if self._knows(one.predicate) and self._has(one.head) and self._has(one.tail)
        ]
        fields["events"] = [
            {"event_type": one.event_type, "trigger": one.trigger, "trigger_start": start}
            for one, start in ((one, one.trigger_start) for one in row.events)
            if self._knows(one.event_type) and one.trigger and self._has(one.trigger, start)
        ]
        return make_record(self.record.id, fields)

    def _knows(self, label: str) -> bool:
        na = self.labels.na
        known = label in self.labels.by_key
        if not known and (na is None or label != na.key):
            self.tally.drop("predicted label on no card", f"{self.record.id} {label!r}")
        return known

    def _has(self, string: str, start: int | None = None, end: int | None = None) -> bool:
        text = self.record.text
        stop = None if start is None else start + len(string)
        fits = string in text if start is None else start >= 0 and text[start:stop] == string
        usable = bool(string) and fits and end in (None, stop)
        if not usable:
            self.tally.drop("predicted string not in the text", f"{self.record.id} {string!r}")
        return usable
