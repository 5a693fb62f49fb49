"""What a source module is given: the slice of a split to read, and where a row is.

A source module declares `rows(part)`, which yields the line of a row and the row, and
`to_fields(row, context)`, which returns the fields of a record, without id, source, split and
task. Both read a `SplitSlice`; nothing here knows cards or folders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chinchilla.errors import LabelError
from chinchilla.readers.lines import Slice
from chinchilla.schema import LabelSet, Split
from chinchilla.tally import Tally

Fields = dict[str, Any]


@dataclass(frozen=True)
class SplitSlice:
    """A slice of the file of one split, with what the card of its source says of it.

    `tally` counts what is wrong in records, `line_tally` what forms no record; `labelled` tells
    whether labels were published for the split; `unknown_label` makes the error for a label that
    is not on the card from the label and its path:line; `own_card` is the path of the user's card.
    """

    slice: Slice
    split: Split
    edition: str
    labels: LabelSet
    tally: Tally
    line_tally: Tally
    own_card: str
    unknown_label: Callable[[str, str], LabelError]
    labelled: bool = True
    options: Mapping[str, bool] = field(default_factory=dict)
    repairs: Mapping[str, str] = field(default_factory=dict)

    @property
    def na(self) -> str | None:
        """Return the label of pairs without a relation, None where there is none."""
        return None if self.labels.na is None else self.labels.na.key


class RowContext(NamedTuple):
    """Where a row is: what `to_fields` needs to know of it, and counts of it."""

    part: SplitSlice
    number: int

    def where(self, further: int = 0) -> str:
        """Return path:line of the row, or of the line so many lines further down."""
        return self.part.slice.at(self.number + further if further else self.number)

    def fix(self, reason: str, further: int = 0) -> None:
        """Count a known quirk that was put right here."""
        self.part.tally.fix(reason, self.where(further))

    def warn(self, reason: str, todo: str) -> None:
        """Count what is read here unchanged and looks wrong; `todo` says what would fix it."""
        self.part.tally.warn(reason, self.where(), todo)

    def gold(self, row: Fields, key: str) -> list[Any]:
        """Return the list of labels of a JSON record, none where the split has none.

        Raises KeyError or TypeError where there is no list; `shape.misfit` says it in words.
        """
        if not self.part.labelled:
            self.warn_of_labels(row.get(key))
            return []
        labels = row[key]
        if not isinstance(labels, list):
            raise TypeError
        return labels

    def warn_of_labels(self, labels: object) -> None:
        """Warn of labels that are not read, as the card states that the split has none."""
        if labels:
            todo = f"take {self.part.split!r} out of `unlabelled` in {self.part.own_card}"
            self.warn("labels-not-read", f"{todo} to read them")

    def no_trigger(self, trigger: str | None, start: object) -> tuple[None, None]:
        """Return trigger and start of an event that has no trigger: both null, counted."""
        if trigger is not None:
            self.fix("empty-trigger")
        if start is not None:
            self.fix("trigger-start-without-trigger")
        return None, None
