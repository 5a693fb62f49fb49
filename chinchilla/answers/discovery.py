"""Find the answer forms: the modules of this package that have a `dump` and a `parse`."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from chinchilla.answers.question import Content, Question
from chinchilla.errors import ConfigError

_HERE = Path(__file__).resolve().parent


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
    names = sorted(found.name for found in iter_modules([str(_HERE)]) if not found.ispkg)
    modules = {name: import_module(f"chinchilla.answers.{name}") for name in names}
    return {
        name: module
        for name, module in modules.items()
        if hasattr(module, "dump") and hasattr(module, "parse")
    }
