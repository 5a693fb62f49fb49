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
from typing import Any

from chinchilla.readers import jsonl
from chinchilla.schema import Record
from chinchilla.sources.part import Part, Spot

boundary = jsonl.boundary


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    return part.records(jsonl.rows(part.slice, part.line_tally), to_fields, itemgetter("text"))


def to_fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read the fields of a record."""
    text, title = row["text"], row["title"]
    classes = {key: entry.values for key, entry in spot.card.roles.items() if entry.values}
    events = [to_event(event, text, title, classes) for event in row.get("event_list", [])]
    return {"text": text, "title": title, "events": events}


def to_event(
    event: dict[str, Any], text: str, title: str, classes: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Read an event; strings that are not in the text are marked with where they are."""
    return {
        "event_type": event["event_type"],
        "trigger": event["trigger"],
        "trigger_where": place_of(event["trigger"], text, title),
        "arguments": [
            {
                "role": argument["role"],
                "text": argument["argument"],
                "where": "class"
                if argument["argument"] in classes.get(argument["role"], ())
                else place_of(argument["argument"], text, title),
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
