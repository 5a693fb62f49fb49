"""One module an answer form: what an answer may say, as a grammar that decoding can hold to.

Each has `grammar(question, passage)`, which returns a Lark grammar in the dialect of llguidance
(https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md). It accepts whatever the
form's `dump` writes for gold of that passage, and besides only what differs from that in order:
labels are those asked, spans are cut from the passage, no white space is added, and the number of
items is bounded. A form is found by its name, as in `chinchilla.answers`.
"""

from chinchilla.predict.grammars.discovery import writer

__all__ = ["writer"]

# no other code here: the form `tuple` is an attribute of this package and hides the built-in
