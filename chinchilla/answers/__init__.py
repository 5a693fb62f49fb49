"""One module an answer format: `dump` and its inverse `parse`, side by side, with repair.

A format is found by its name: `json` is `chinchilla.answers.json_format`. No list is kept by hand.
"""

from chinchilla.answers.formats import Form, form, forms
from chinchilla.answers.query import SUBTASKS, Content, Question, Subtask
from chinchilla.answers.target import ordered

__all__ = ["SUBTASKS", "Content", "Form", "Question", "Subtask", "form", "forms", "ordered"]
