"""One module an answer form: what an answer may say, as a grammar that decoding can hold to.

Each has `grammar(question, passage)`, which returns a Lark grammar in the dialect of llguidance
(https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md). It accepts whatever the
form's `dump` writes for gold of that passage, and besides only what differs from that in order:
labels are those asked, spans are cut from the passage, no white space is added, and the number of
items is bounded. A form is found by its name: `json` is `json_grammar`.
"""

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
    name = f"chinchilla.predict.grammars.{form}_grammar"
    if form not in forms() or find_spec(name) is None:
        raise ConstraintError(f"form {form!r}", "no grammar for it", "decode it freely")
    return cast(Writer, import_module(name).grammar)
