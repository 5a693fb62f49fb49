"""Records of triples alone, checked without the model: most of what DuIE holds.

The model takes twice as long to check the same. A record that does not pass here may be valid
or not: the model decides, and says what is wrong.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from chinchilla.schema import Label, Record, Relation

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
