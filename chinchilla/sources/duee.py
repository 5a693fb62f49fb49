"""DuEE1.0: events in news sentences, with start offsets; JSON Lines.

https://www.luge.ai (id 6)

    {"text": "...", "id": "...", "event_list": [{"event_type": "组织关系-裁员", "trigger": "裁员",
     "trigger_start_index": 2, "arguments": [{"argument_start_index": 0, "role": "裁员方",
     "argument": "...", "alias": []}], "class": "组织关系"}]}

The event type is its class, "-" and its name; both may hold "/". A role may come twice.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from chinchilla.corpus.read import Part, Spot
from chinchilla.corpus.shape import MisfitError, check_list
from chinchilla.readers import jsonl
from chinchilla.schema import Record

boundary = jsonl.boundary

_ARGUMENT = {"role": str, "argument": str, "argument_start_index": int}
_PLACED = {"trigger": str, "trigger_start_index": int}
_UNMARKED = {"trigger": None, "trigger_start_index": (int, None)}
_EVENT = {"event_type": str, "arguments": [_ARGUMENT]}
SHAPE = {"text": str, "event_list": [({**_EVENT, **_PLACED}, {**_EVENT, **_UNMARKED})]}
TEXT_KEYS = frozenset({"text", "id"})
"""The keys of a record without labels."""


def load(part: Part) -> Iterator[Record]:
    """Read the records of a part."""
    rows = jsonl.rows(part.slice, part.line_tally)
    shape = SHAPE if part.split not in part.edition.unlabelled else {"text": str}
    return part.records(rows, to_fields, itemgetter("text"), shape)


def to_fields(row: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read the fields of a record; a file without labels has no `event_list`."""
    if spot.labelled:
        events = row["event_list"]
        check_list(events)
    else:
        events = []
        spot.pass_over(row.get("event_list"))
    return {"text": row["text"], "events": [to_event(event, spot) for event in events]}


def to_event(event: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read an event, its class checked against its type."""
    name = event["event_type"]
    kind = class_of(name)
    if event.get("class", kind) != kind:
        raise MisfitError(f"class {event['class']!r} beside the event type {name!r}")
    check_list(event["arguments"])
    trigger, start = event["trigger"], event["trigger_start_index"]
    if trigger is None or trigger == "":
        trigger, start = spot.no_trigger(trigger, start)
    else:
        _check_offset(start)
    return {
        "event_type": name,
        "trigger": trigger,
        "trigger_start": start,
        "arguments": [to_argument(argument, spot) for argument in event["arguments"]],
    }


def to_argument(argument: dict[str, Any], spot: Spot) -> dict[str, Any]:
    """Read an argument; its end is its start and its length."""
    words, start = argument["argument"], argument["argument_start_index"]
    _check_offset(start)
    if argument.get("alias"):
        spot.mend("alias-left-out")
    return {"role": argument["role"], "text": words, "start": start, "end": start + len(words)}


def _check_offset(start: object) -> None:
    """Raise TypeError for what is no whole number; true and 1.0 are none."""
    if type(start) is not int:
        raise TypeError


def class_of(event_type: str) -> str:
    """Return the class of an event type: what stands before the first "-"."""
    return event_type.partition("-")[0]


def schema_labels(path: Path) -> set[str]:
    """Read the event types of a schema file."""
    return jsonl.strings(path, "event_type")
