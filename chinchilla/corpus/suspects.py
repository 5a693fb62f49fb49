"""Gold that is read unchanged and looks wrong: contradictions, leaks, blanks at ends.

A hash a text is kept, nothing else, and every record is taken once.
"""

from collections.abc import Iterator
from hashlib import blake2b

from chinchilla.schema import Record, Split
from chinchilla.tally import Tally

BLANKS = "span-with-blanks"
BLANKS_TODO = "draw the spans without the blanks around them: answers with them are hardly learnt"
CONFLICT = "same-text-other-gold"
LEAK = "same-text-in-two-splits"
BOTH = "pair-with-and-without-relation"
_TODO = {
    CONFLICT: "keep one of them: else one prompt is taught several answers",
    LEAK: "take the text out of one of the splits: else its score is not that of unseen text",
    BOTH: "take out the negative pair, or its relation",
}


class Suspects:
    """Warn of what looks wrong in the records of a source, taken split by split."""

    def __init__(self) -> None:
        """Begin with no text seen."""
        self._gold: dict[bytes, bytes] = {}
        self._split: dict[bytes, Split] = {}
        self._now: Split | None = None

    def add(self, record: Record, where: str, tally: Tally) -> None:
        """Take a record; warn of what looks wrong with it, or with it and an earlier one."""
        if record.split != self._now:
            self._now, self._gold = record.split, {}
        text = _hash(record.text)
        earlier = self._split.setdefault(text, record.split)
        if earlier != record.split:
            tally.warn(LEAK, f"{where} ({earlier} has it too)", _TODO[LEAK])
        if record.labelled:
            gold = _hash("\0".join(sorted(set(_facts(record)))))
            if self._gold.setdefault(text, gold) != gold:
                tally.warn(CONFLICT, where, _TODO[CONFLICT])
        related = {(pair.head, pair.tail) for pair in record.relations}
        for _ in {(pair.head, pair.tail) for pair in record.na_pairs} & related:
            tally.warn(BOTH, where, _TODO[BOTH])
        for _ in range(blanks(record)):
            tally.warn(BLANKS, where, BLANKS_TODO)


def blanks(record: Record) -> int:
    """Count the spans of a record that begin or end with a blank."""
    return sum(string != string.strip() for string in spans(record))


def spans(record: Record) -> Iterator[str]:
    """Yield the string of every span of a record."""
    for entity in record.entities:
        yield entity.text
    for relation in record.relations:
        yield relation.head
        yield relation.tail
        yield from relation.tail_slots.values()
    for event in record.events:
        if event.trigger is not None:
            yield event.trigger
        for argument in event.arguments:
            yield argument.text


def _facts(record: Record) -> Iterator[str]:
    """Yield the items of a record's gold as text."""
    for item in (*record.entities, *record.relations, *record.na_pairs, *record.events):
        yield repr(item)


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=12).digest()
