"""Find the answer formats: `json` is the module `json_format`, with its `dump` and `parse`."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from chinchilla.answers.query import Content, Question
from chinchilla.errors import ConfigError

_SUFFIX = "_format"


class Form(Protocol):
    """An answer form: a way to write content down and to read it back."""

    def dump(self, content: Content, question: Question) -> str:
        """Write the content, labels in the order asked; raise AnswerError for one not asked."""

    def parse(self, answer: str, question: Question) -> Content:
        """Read an answer; raise AnswerError where it is not of the form."""


def forms() -> tuple[str, ...]:
    """List the names of the answer forms."""
    return tuple(_forms())


def form(name: str) -> Form:
    """Return an answer form; raise ConfigError where there is none of that name."""
    if name not in _forms():
        raise ConfigError(f"form {name!r}", "no such answer form", f"use {', '.join(forms())}")
    return cast(Form, _forms()[name])


@cache
def _forms() -> dict[str, Any]:
    paths = sorted(Path(__file__).resolve().parent.glob(f"*{_SUFFIX}.py"))
    names = [path.stem.removesuffix(_SUFFIX) for path in paths]
    return {name: import_module(f"chinchilla.answers.{name}{_SUFFIX}") for name in names}
