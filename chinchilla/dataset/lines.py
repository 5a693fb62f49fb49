"""Records and rows as lines of JSON: the bytes that pydantic writes.

Not by pydantic: it calls Python for each field that may be left out, where Ctrl-C comes out as an
error of serialization. A property test holds both ways equal.
"""

from typing import Any

import orjson

from chinchilla.schema import Argument, Event, InstructionRow, Record

_OPTIONAL = ("head", "tail", "event_type", "trigger")


def dump_record(record: Record) -> bytes:
    """Return a record as a line of the exchange format in UTF-8, line end included."""
    fields: dict[str, Any] = {
        **record.__dict__,
        "entities": [item.__dict__ for item in record.entities],
        "relations": [item.__dict__ for item in record.relations],
        "events": [_event(item) for item in record.events],
        "na_pairs": [item.__dict__ for item in record.na_pairs],
    }
    if not record.na_pairs:
        del fields["na_pairs"]
    if record.labelled:
        del fields["labelled"]
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _event(event: Event) -> dict[str, Any]:
    fields = {**event.__dict__, "arguments": [_argument(item) for item in event.arguments]}
    return _without(fields, ("trigger_where",))


def _argument(argument: Argument) -> dict[str, Any]:
    return _without(argument.__dict__, ("where",))


def dump_line(row: InstructionRow) -> bytes:
    """Return a row as a line in UTF-8, line end included; what does not apply is left out."""
    return orjson.dumps(_without(row.__dict__, _OPTIONAL), option=orjson.OPT_APPEND_NEWLINE)


def _without(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields without those of these that are null."""
    kept = fields.copy()
    for name in names:
        if kept[name] is None:
            del kept[name]
    return kept
