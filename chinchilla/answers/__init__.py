"""One module an answer form: `dump` and its inverse `parse`, side by side, with repair.

A form is found by its name: `json` is `chinchilla.answers.json`. No list is kept by hand: every
module of this package that has a `dump` and a `parse` is a form.
"""

from chinchilla.answers.discovery import Form, form, forms
from chinchilla.answers.gold import ordered
from chinchilla.answers.question import SUBTASKS, Content, Question, Subtask

__all__ = ["SUBTASKS", "Content", "Form", "Question", "Subtask", "form", "forms", "ordered"]

# no other code here: the form `tuple` is an attribute of this package and hides the built-in
