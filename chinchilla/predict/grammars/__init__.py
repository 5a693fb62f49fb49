"""One module an answer format: what an answer may be, as a grammar to decode by.

Each has `grammar(query, passage)`, which returns a Lark grammar in the dialect of llguidance
(https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md). It accepts whatever the
format's `dump` writes for gold of that passage, and besides only what differs from that in order:
labels are those of the query, spans are cut from the passage, no white space is added, and the
number of items is bounded. A format is found by its name: `json` is `json_grammar`.
"""

from importlib import import_module
from importlib.util import find_spec

from chinchilla.answers import format_names
from chinchilla.errors import ConstraintError
from chinchilla.predict.engine import Limits


def grammar_of(limits: Limits) -> str:
    """Return the grammar of an answer; raise ConstraintError for a format without one."""
    name = f"chinchilla.predict.grammars.{limits.form}_grammar"
    if limits.form not in format_names() or find_spec(name) is None:
        raise ConstraintError(f"form {limits.form!r}", "no grammar for it", "decode it freely")
    grammar: str = import_module(name).grammar(limits.query, limits.passage)
    return grammar
