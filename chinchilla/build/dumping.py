"""Records and rows as lines: the bytes pydantic would write, in a fraction of its time.

pydantic calls Python once for each field that may be left out; here orjson writes the fields
as they lie, and only those that may be left out are looked at. A test compares both ways.
"""

from functools import lru_cache
from typing import Any

import orjson

from chinchilla.schema import Argument, Event, InstructionRow, Record


def dump_record(record: Record) -> bytes:
    """Write a record as one line of the exchange format, its line end included."""
    fields: dict[str, Any] = {
        "id": record.id,
        "source": record.source,
        "split": record.split,
        "task": record.task,
        "text": record.text,
        "title": record.title,
        "entities": [item.__dict__ for item in record.entities],
        "relations": [item.__dict__ for item in record.relations],
        "events": [_event(item) for item in record.events],
    }
    if record.na_pairs:
        fields["na_pairs"] = [item.__dict__ for item in record.na_pairs]
    if not record.labelled:
        fields["labelled"] = False
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _event(event: Event) -> dict[str, Any]:
    arguments = [_argument(item) for item in event.arguments]
    fields = {**event.__dict__, "arguments": arguments}
    if event.trigger_where is None:
        del fields["trigger_where"]
    return fields


def _argument(argument: Argument) -> dict[str, Any]:
    fields = argument.__dict__
    if argument.where is None:
        return {key: value for key, value in fields.items() if key != "where"}
    return fields


_OPTIONAL = ("head", "tail", "event_type", "trigger")


@lru_cache(maxsize=1024)
def _names(labels: tuple[str, ...]) -> orjson.Fragment:
    """Write a list of labels; rows that ask the same ones in the same order share it."""
    return orjson.Fragment(orjson.dumps(labels))


def dump_line(row: InstructionRow) -> bytes:
    """Write a row as one line, its line end included; what does not apply to it is left out."""
    fields = row.__dict__.copy()
    fields["labels"] = _names(row.labels)
    for name in _OPTIONAL:
        if fields[name] is None:
            del fields[name]
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
