"""Find the grammar of an answer form: the module of this package that has its name."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from chinchilla.answers import Question, forms
from chinchilla.errors import ConstraintError

Writer = Callable[[Question, str], str]
"""From a question and the passage that spans are cut from to a grammar."""


def writer(form: str) -> Writer:
    """Return what writes the grammars of an answer form; raise ConstraintError without one."""
    name = f"chinchilla.predict.grammars.{form}"
    if form not in forms() or find_spec(name) is None:
        raise ConstraintError(f"form {form!r}", "no grammar for it", "decode it freely")
    return cast(Writer, import_module(name).grammar)
