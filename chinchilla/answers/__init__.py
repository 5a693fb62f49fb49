"""One module an answer format: `dump` and its inverse `parse`, side by side, with repair.

    answer_format("json").dump(content, query)       '{"人名": ["张三"]}'
    answer_format("json").parse(answer, query)       Content(entities=(Entity(...),))
    repair.read_answer(raw, query, "json", text)     Reading("repaired", Content(...), ...)

A format is found by its name: `json` is `chinchilla.answers.json_format`. No list is kept by hand.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chinchilla.answers.query import SUBTASKS, Content, Query, Subtask, target
from chinchilla.errors import ConfigError

if TYPE_CHECKING:
    from chinchilla.answers.items import AnswerItem

__all__ = [
    "SUBTASKS",
    "AnswerFormat",
    "Content",
    "Query",
    "Subtask",
    "answer_format",
    "format_names",
    "target",
]

_SUFFIX = "_format"


class AnswerFormat(NamedTuple):
    """A way to write content down and to read it back: what its module defines.

    `dump` writes labels in the order asked and raises AnswerError for one that was not asked;
    `parse` raises AnswerError where an answer is not of the format. `recover` reads a malformed
    answer to items, None where there are none. A module may also define `skim` (what a reader
    without repair takes, else `parse`) and `remarks` (what is odd about a well-formed answer).
    `open_ended` says that the format has no closing mark, `by_line` that an item is a line.
    """

    dump: Callable[[Content, Query], str]
    parse: Callable[[str, Query], Content]
    recover: "Callable[[str, Query, Counter[str], str | None], list[AnswerItem] | None]"
    skim: Callable[[str, Query], Content]
    remarks: Callable[[str], dict[str, int]]
    open_ended: bool
    by_line: bool


@cache
def format_names() -> tuple[str, ...]:
    """Return the names of the answer formats, sorted."""
    paths = Path(__file__).resolve().parent.glob(f"*{_SUFFIX}.py")
    return tuple(sorted(path.stem.removesuffix(_SUFFIX) for path in paths))


@cache
def answer_format(name: str) -> AnswerFormat:
    """Return an answer format; raise ConfigError where there is none of that name."""
    if name not in format_names():
        todo = f"use {', '.join(format_names())}"
        raise ConfigError(f"form {name!r}", "no such answer format", todo)
    module = import_module(f"{__name__}.{name}{_SUFFIX}")
    return AnswerFormat(
        module.dump,
        module.parse,
        module.recover,
        getattr(module, "skim", module.parse),
        getattr(module, "remarks", lambda answer: {}),
        getattr(module, "OPEN_ENDED", False),
        getattr(module, "BY_LINE", False),
    )
