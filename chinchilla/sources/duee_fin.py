"""DuEE-fin: events in financial news documents, without offsets; JSON Lines.

https://www.luge.ai (id 7)

    {"text": "...", "event_list": [{"trigger": "IPO", "event_type": "公司上市", "arguments":
     [{"role": "上市公司", "argument": "..."}, {"role": "环节", "argument": "筹备上市"}]}],
     "id": "...", "title": "..."}

A document without the key `event_list` is a negative. A string may stand in the title alone,
and the role 环节 holds a class, not a string of the text; both say so in `where`.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.corpus.read import Part, Spot
from chinchilla.corpus.shape import Absent, MisfitError, check_list, nearest
from chinchilla.readers import jsonl
from chinchilla.schema import Record

boundary = jsonl.boundary

LIST = "event_list"
_ARGUMENT = {"role": str, "argument": str}
_EVENT = {"event_type": str, "trigger": (str, None), "arguments": [_ARGUMENT]}
SHAPE = {"text": str, "title": str, LIST: Absent([_EVENT])}
TEXT_KEYS = frozenset({"text", "title", "id"})
"""The keys of a record without labels."""


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    rows = jsonl.rows(part.slice, part.line_tally)
    return part.records(rows, to_fields, itemgetter("text"), SHAPE)


def to_fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read the fields of a record."""
    text, title = row["text"], row["title"]
    classes = {key: entry.values for key, entry in spot.card.roles.items() if entry.values}
    events = row[LIST] if LIST in row else no_events(row, spot)
    check_list(events)
    if not spot.labelled:
        spot.pass_over(events)
    named = Named(text, title, classes)
    return {
        "text": text,
        "title": title,
        "events": [to_event(event, named, spot) for event in events],
    }


def no_events(row: dict[str, Any], spot: Spot) -> list[Any]:
    """Return the events of a document without the key: none, unless another could be the list."""
    for key in row:
        could_be = isinstance(row[key], list | dict) or nearest(LIST, (key,)) is not None
        if key not in TEXT_KEYS and could_be and spot.labelled:
            raise MisfitError(f"no {LIST!r}, but there is {key!r}")
    return []


class Named(NamedTuple):
    """Where strings of a document may stand: in its text, its title, or among the classes."""

    text: str
    title: str
    classes: dict[str, tuple[str, ...]]

    def where(self, words: str, role: str | None = None) -> str | None:
        """Return "class" or "title" for a string that is not of the text."""
        if role is not None and words in self.classes.get(role, ()):
            return "class"
        return place_of(words, self.text, self.title)


def to_event(event: dict[str, Any], named: Named, spot: Spot) -> dict[str, Any]:
    """Read an event; strings that are not in the text are marked with where they are."""
    trigger = event["trigger"]
    if trigger is None or trigger == "":
        trigger, _ = spot.no_trigger(trigger, None)
    check_list(event["arguments"])
    return {
        "event_type": event["event_type"],
        "trigger": trigger,
        "trigger_where": None if trigger is None else named.where(trigger),
        "arguments": [
            {
                "role": argument["role"],
                "text": argument["argument"],
                "where": named.where(argument["argument"], argument["role"]),
            }
            for argument in event["arguments"]
        ],
    }


def place_of(words: str, text: str, title: str) -> str | None:
    """Return "title" for a string that stands in the title alone."""
    return "title" if words not in text and words in title else None


def schema_labels(path: Path) -> set[str]:
    """Read the event types of a schema file."""
    return jsonl.strings(path, "event_type")
