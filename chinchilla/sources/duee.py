"""DuEE1.0: events in news sentences, with start offsets; JSON Lines.

https://www.luge.ai (id 6)

    {"text": "...", "id": "...", "event_list": [{"event_type": "组织关系-裁员", "trigger": "裁员",
     "trigger_start_index": 2, "arguments": [{"argument_start_index": 0, "role": "裁员方",
     "argument": "...", "alias": []}], "class": "组织关系"}]}

The event type is its class, "-" and its name; both may hold "/". A role may come twice.
"""

from functools import partial

from chinchilla.readers import jsonl
from chinchilla.readers.context import Fields, RowContext
from chinchilla.readers.shape import MisfitError, check_list

_ARGUMENT = {"role": str, "argument": str, "argument_start_index": int}
_PLACED = {"trigger": str, "trigger_start_index": int}
_UNMARKED = {"trigger": None, "trigger_start_index": (int, None)}
_EVENT = {"event_type": str, "arguments": [_ARGUMENT]}
SHAPE = {"text": str, "event_list": [({**_EVENT, **_PLACED}, {**_EVENT, **_UNMARKED})]}
TEXT_KEYS = frozenset({"text", "id"})
"""The keys of a record without labels."""

rows, boundary = jsonl.split_rows, jsonl.boundary
schema_labels = partial(jsonl.strings, key="event_type")


def to_fields(row: jsonl.Row, context: RowContext) -> Fields:
    """Return text and events; a file without labels has no `event_list`."""
    events = context.gold(row, "event_list")
    return {"text": row["text"], "events": [to_event(event, context) for event in events]}


def to_event(event: jsonl.Row, context: RowContext) -> Fields:
    """Return the fields of an event, its class checked against its type."""
    name = event["event_type"]
    # the class is what is before the first "-": 组织关系 of 组织关系-裁员
    kind = name.partition("-")[0]
    if event.get("class", kind) != kind:
        raise MisfitError(f"class {event['class']!r} beside the event type {name!r}")
    check_list(event["arguments"])
    trigger, start = event["trigger"], event["trigger_start_index"]
    if trigger is None or trigger == "":
        trigger, start = context.no_trigger(trigger, start)
    else:
        _check_offset(start)
    return {
        "event_type": name,
        "trigger": trigger,
        "trigger_start": start,
        "arguments": [to_argument(argument, context) for argument in event["arguments"]],
    }


def to_argument(argument: jsonl.Row, context: RowContext) -> Fields:
    """Return the fields of an argument; its end is its start and its length."""
    text, start = argument["argument"], argument["argument_start_index"]
    _check_offset(start)
    if argument.get("alias"):
        context.fix("alias-left-out")
    return {"role": argument["role"], "text": text, "start": start, "end": start + len(text)}


def _check_offset(start: object) -> None:
    """Raise TypeError for what is no whole number; true and 1.0 are none."""
    if type(start) is not int:
        raise TypeError
