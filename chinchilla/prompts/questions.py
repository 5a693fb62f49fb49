"""From a built row back to the question it asked, so that an answer to it can be read."""

from functools import lru_cache
from pathlib import Path

from chinchilla.answers import SUBTASKS, Question
from chinchilla.errors import ConfigError, TemplateError
from chinchilla.schema import InstructionRow, Label, LabelSet
from chinchilla.templates import Template, load_phrases, load_templates, own_templates


def nothing_found(template: Template, form: str) -> str:
    """Return the words for "nothing found" of a wording in an answer form, empty where none."""
    default = load_phrases().empty.get(form, {}).get(template.subtask, "")
    return template.empty.get(form, default)


def question_of(row: InstructionRow, labels: LabelSet) -> Question:
    """Rebuild the question a row asked; `read_answer(raw, question_of(row, labels), row.form)`.

    `labels` is the label set of the row's source and edition. Labels stand in the order asked.
    Two things a row does not keep: names given by renaming (train alone) and, where
    `roles_per_prompt` cut the roles of an event type, which of them it asked; the question has
    the names of the card and all roles. Raises ConfigError for a row or a label that is none of
    extraction's, TemplateError for a wording that is not installed.
    """
    if row.subtask not in SUBTASKS:
        todo = "leave general rows out: nothing is extracted from their answers"
        raise ConfigError(f"row {row.id}", f"no sub-task {row.subtask!r}", todo)
    found = tuple(_label(key, row, labels) for key in row.labels)
    template = _template(row)
    return Question(
        subtask=row.subtask,
        labels=found,
        na=labels.na if row.subtask == "re-pair" and template.closed else None,
        empty=nothing_found(template, row.form),
        head=row.head,
        tail=row.tail,
        event=None if row.event_type is None else _label(row.event_type, row, labels),
        trigger=row.trigger,
    )


def _label(key: str, row: InstructionRow, labels: LabelSet) -> Label:
    if key not in labels.by_key:
        what = f"asks for {key!r}, which is no label of {labels.source}"
        raise ConfigError(f"row {row.id}", what, "pass the labels the rows were built with")
    return labels.by_key[key]


def _template(row: InstructionRow) -> Template:
    template = _templates(own_templates()).get(row.template)
    if template is None:
        todo = "pass the folder of templates that it was built with as --templates-dir"
        raise TemplateError(f"row {row.id}", f"no wording {row.template!r} here", todo)
    return template


@lru_cache(maxsize=4)
def _templates(own: Path | None) -> dict[str, Template]:
    return {template.id: template for template in load_templates()}
