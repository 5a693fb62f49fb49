"""The record and what is built of it: frozen models of which an invalid one cannot exist.

    Record(id="msra-dev-000001", source="msra", split="dev", task="ner", text="张三来了",
           entities=(Entity(type="PER", text="张三", start=0, end=2),))

Offsets are code points into `text`, start inclusive, end exclusive. A source that gives no
offset leaves them null; nothing here looks for a string to invent one.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chinchilla.errors import RecordError

Task = Literal["ner", "re", "ee"]
Split = Literal["train", "dev", "test"]
Where = Literal["title", "class"]
"""Where a string is that is not in the text: in the title, or nowhere (a class value)."""

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
TASKS: tuple[Task, ...] = ("ner", "re", "ee")

NonEmpty = Annotated[str, Field(min_length=1)]
Offset = Annotated[int, Field(ge=0)]


def is_none(value: object) -> bool:
    """Tell whether a field is left out of JSON."""
    return value is None


def _is_true(value: object) -> bool:
    return value is True


def _is_empty(value: object) -> bool:
    return not value


class Frozen(BaseModel):
    """Forbid unknown fields and later changes, in every model of the project."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Entity(Frozen):
    """A typed span."""

    type: NonEmpty
    text: NonEmpty
    start: Offset | None = None
    end: Offset | None = None


class Relation(Frozen):
    """A triple; DuIE's further object slots are in `tail_slots`."""

    predicate: NonEmpty
    head: NonEmpty
    head_type: str | None = None
    tail: NonEmpty
    tail_type: str | None = None
    head_start: Offset | None = None
    tail_start: Offset | None = None
    tail_slots: dict[str, NonEmpty] = Field(default_factory=dict)
    tail_slot_types: dict[str, str] = Field(default_factory=dict)


class Argument(Frozen):
    """A span in a role of an event."""

    role: NonEmpty
    text: NonEmpty
    start: Offset | None = None
    end: Offset | None = None
    where: Where | None = Field(default=None, exclude_if=is_none)


class Event(Frozen):
    """An event: type, trigger (null where none is marked) and arguments."""

    event_type: NonEmpty
    trigger: NonEmpty | None
    trigger_start: Offset | None = None
    trigger_where: Where | None = Field(default=None, exclude_if=is_none)
    arguments: tuple[Argument, ...] = ()


class Record(Frozen):
    """One annotated text; also the exchange format, one JSON object a line."""

    id: NonEmpty
    source: NonEmpty
    split: Split
    task: Task
    text: NonEmpty
    title: str | None = None
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()
    na_pairs: tuple[Relation, ...] = Field(default=(), exclude_if=_is_empty)
    labelled: bool = Field(default=True, exclude_if=_is_true)

    @model_validator(mode="after")
    def _quote_the_text(self) -> "Record":
        for entity in self.entities:
            self._check(entity.text, entity.start, entity.end, None)
        text = self.text
        for relation in self.relations + self.na_pairs:
            if relation.head_start is not None or relation.head not in text:
                self._check(relation.head, relation.head_start, None, None)
            if relation.tail_start is not None or relation.tail not in text:
                self._check(relation.tail, relation.tail_start, None, None)
            for string in relation.tail_slots.values():
                self._check(string, None, None, None)
        for event in self.events:
            if event.trigger is not None:
                self._check(event.trigger, event.trigger_start, None, event.trigger_where)
            for item in event.arguments:
                self._check(item.text, item.start, item.end, item.where)
        return self

    def _check(self, string: str, start: int | None, end: int | None, where: Where | None) -> None:
        """Raise ValueError unless the text has the string where the record says."""
        if start is None:
            if end is not None:
                raise ValueError(f"{string!r} has an end offset but no start offset")
            self._check_unlocated(string, where)
            return
        stop = start + len(string) if end is None else end
        if where is not None:
            raise ValueError(f"{string!r} is marked {where!r} and has an offset into the text")
        if stop > len(self.text):
            size = f"the text, which has {len(self.text)} characters"
            raise ValueError(f"offset {start}:{stop} of {string!r} ends after {size}")
        if self.text[start:stop] != string:
            raise ValueError(
                f"offset {start}:{stop} quotes {self.text[start:stop]!r}, not {string!r}"
            )

    def _check_unlocated(self, string: str, where: Where | None) -> None:
        if where is None and string not in self.text:
            raise ValueError(f"{string!r} is not in the text")
        if where == "title" and string not in (self.title or ""):
            raise ValueError(f"{string!r} is in neither text nor title")


check_record: Callable[[Mapping[str, Any]], Record] = Record.__pydantic_validator__.validate_python
"""Build a record as `Record.model_validate` does, without its further arguments."""


def make_record(where: str, fields: Mapping[str, Any]) -> Record:
    """Build a record from its fields; raise RecordError naming `where` if they do not fit."""
    try:
        return check_record(fields)
    except ValidationError as error:
        raise unfit(where, error) from error


def unfit(where: str, error: ValidationError) -> RecordError:
    """Return our error for fields that make no record."""
    return RecordError(where, explain(error), "correct the line or leave it out")


def explain(error: ValidationError) -> str:
    """Return the first problem of a pydantic error in a few words of ours."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    phrase = _words_of(first["type"], first["msg"], first.get("ctx", {}))
    if phrase is None:
        phrase = f"is {_value(first['input'])}, not {_KINDS.get(first['type'], 'what fits here')}"
    return f"{path}: {phrase}" if path else phrase


def _words_of(kind: str, message: str, context: Mapping[str, Any]) -> str | None:
    """Say what is wrong, None where the kind of the value is."""
    if kind in ("value_error", "assertion_error"):
        return message.partition(", ")[2]
    if kind == "json_invalid":
        return f"not JSON ({context['error']})"
    if kind == "literal_error":
        return f"is none of {context['expected']}".replace(" or ", ", ")
    for name, phrase in _LIMITS.items():
        if name in context:
            limit = context[name]
            whole = isinstance(limit, float) and limit.is_integer()
            return f"is not {phrase} {int(limit) if whole else limit}"
    return _WORDS.get(kind)


_LIMITS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "string_unicode": "holds half a surrogate pair",
    "finite_number": "is no finite number",
    "int_from_float": "is no whole number",
    "int_parsing": "is no whole number",
    "float_parsing": "is no number",
}
_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "none_required": "null",
    "path_type": "a path",
}


def _value(value: object) -> str:
    """Say what sort of value was found, in terms of JSON and TOML."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, date | time):
        return "a date or time"
    return "a table" if isinstance(value, Mapping) else "a list"


class Slot(Frozen):
    """Name a further object slot of a relation."""

    key: NonEmpty
    name: NonEmpty
    description: str = ""


class Role(Frozen):
    """Name a role of an event type; `values` lists the classes of a class-valued one."""

    key: NonEmpty
    name: NonEmpty
    description: str = ""
    values: tuple[str, ...] = ()


class Label(Frozen):
    """Name a label: its key in the raw data and its Chinese name in prompts."""

    key: NonEmpty
    name: NonEmpty
    description: str = ""
    aliases: tuple[str, ...] = ()
    head: str | None = None
    tail: str | None = None
    slots: tuple[Slot, ...] = ()
    roles: tuple[Role, ...] = ()
    twin: str | None = None
    symmetric: bool = False


class LabelSet(Frozen):
    """The labels of one source and edition, in the order of its card."""

    source: NonEmpty
    task: Task
    labels: tuple[Label, ...]
    na: Label | None = None
    types: dict[str, str] = Field(default_factory=dict)

    def __iter__(self) -> Iterator[Label]:  # type: ignore[override]
        """Iterate over the labels; the negative one is not among them."""
        return iter(self.labels)

    @cached_property
    def by_key(self) -> dict[str, Label]:
        """Map each raw label to its Label."""
        return {label.key: label for label in self.labels}


def join_prompt(instruction: str, input_: str) -> str:
    """Return what a model is shown: instruction and input, a newline between them.

    The join is LLaMA-Factory's for alpaca rows (data/README.md), so that every export, our own
    training and our own predictions show a model the same prompt.
    """
    return "\n".join(part for part in (instruction, input_) if part)


class InstructionRow(Frozen):
    """One row for a trainer: prompt, answer and where they come from."""

    instruction: NonEmpty
    input: str
    output: NonEmpty
    id: NonEmpty
    record_id: NonEmpty
    source: NonEmpty
    task: Task | Literal["general"]
    subtask: NonEmpty
    template: NonEmpty
    form: NonEmpty
    labels: tuple[str, ...]
    window: tuple[int, int]
    head: str | None = Field(default=None, exclude_if=is_none)
    tail: str | None = Field(default=None, exclude_if=is_none)
    event_type: str | None = Field(default=None, exclude_if=is_none)
    trigger: str | None = Field(default=None, exclude_if=is_none)

    @property
    def prompt(self) -> str:
        """Return what a model is shown."""
        return join_prompt(self.instruction, self.input)
