"""DuEE-fin: events in financial news documents, without offsets; JSON Lines.

https://www.luge.ai (id 7)

    {"text": "...", "event_list": [{"trigger": "IPO", "event_type": "公司上市", "arguments":
     [{"role": "上市公司", "argument": "..."}, {"role": "环节", "argument": "筹备上市"}]}],
     "id": "...", "title": "..."}

A document without the key `event_list` is a negative. A string may be in the title alone,
and the role 环节 holds a class, not a string of the text; both say so in `where`.
"""

from functools import partial
from typing import NamedTuple

from chinchilla.readers import jsonl
from chinchilla.readers.context import Fields, RowContext
from chinchilla.readers.shape import AbsentKeys, MisfitError, check_list, nearest

LIST = "event_list"
_ARGUMENT = {"role": str, "argument": str}
_EVENT = {"event_type": str, "trigger": (str, None), "arguments": [_ARGUMENT]}
SHAPE = {"text": str, "title": str, LIST: AbsentKeys([_EVENT])}
TEXT_KEYS = frozenset({"text", "title", "id"})
"""The keys of a record without labels."""

rows, boundary = jsonl.split_rows, jsonl.boundary
schema_labels = partial(jsonl.strings, key="event_type")


def to_fields(row: jsonl.Row, context: RowContext) -> Fields:
    """Return text, title and events of a document."""
    text, title = row["text"], row["title"]
    if LIST not in row and context.part.labelled:
        _check_negative(row)
    events = context.gold({LIST: [], **row}, LIST)
    roles = (role for label in context.part.labels for role in label.roles if role.values)
    strings = Strings(text, title, {role.key: role.values for role in roles})
    events = [to_event(event, strings, context) for event in events]
    return {"text": text, "title": title, "events": events}


def _check_negative(row: jsonl.Row) -> None:
    """Raise MisfitError where another key could be the list of events."""
    for key in row:
        could_be = isinstance(row[key], list | dict) or nearest(LIST, (key,)) is not None
        if key not in TEXT_KEYS and could_be:
            raise MisfitError(f"no {LIST!r}, but there is {key!r}")


class Strings(NamedTuple):
    """What a string of a document may be in: its text, its title, the classes of a role."""

    text: str
    title: str
    classes: dict[str, tuple[str, ...]]

    def where(self, string: str, role: str = "") -> str | None:
        """Return "class" or "title" for a string that is not of the text, else None."""
        if string in self.classes.get(role, ()):
            return "class"
        return "title" if string not in self.text and string in self.title else None


def to_event(event: jsonl.Row, strings: Strings, context: RowContext) -> Fields:
    """Return the fields of an event; strings that are not in the text say where they are."""
    trigger = event["trigger"]
    if trigger is None or trigger == "":
        trigger, _ = context.no_trigger(trigger, None)
    check_list(event["arguments"])
    return {
        "event_type": event["event_type"],
        "trigger": trigger,
        "trigger_where": None if trigger is None else strings.where(trigger),
        "arguments": [
            {
                "role": argument["role"],
                "text": argument["argument"],
                "where": strings.where(argument["argument"], argument["role"]),
            }
            for argument in event["arguments"]
        ],
    }
