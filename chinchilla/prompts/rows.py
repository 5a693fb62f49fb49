"""One record to its instruction rows: every label of the source in one closed prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import cast

from chinchilla.answers import Form, Question, Subtask, form, ordered
from chinchilla.prompts.naming import label_line, label_words
from chinchilla.schema import InstructionRow, Label, LabelSet, Record
from chinchilla.templates import (
    Phrases,
    Segment,
    Template,
    compile_wording,
    fill,
    load_phrases,
    load_templates,
)


@dataclass(frozen=True)
class Prompter:
    """Hold what all records of a source share when they are turned into rows."""

    labels: LabelSet
    seed: int
    form_name: str = "json"

    @cached_property
    def templates(self) -> Sequence[Template]:
        """Return the closed wordings of the task that may be used for training."""
        return [
            template
            for template in load_templates()
            if template.subtask == self.labels.task and template.closed and not template.held_out
        ]

    @cached_property
    def form(self) -> Form:
        """Return the answer form."""
        return form(self.form_name)

    @cached_property
    def phrases(self) -> Phrases:
        """Return the fixed words of the prompts."""
        return load_phrases()

    @cached_property
    def titled(self) -> tuple[Segment, ...]:
        """Return the wording that joins title and text."""
        return compile_wording(self.phrases.title, "forms.yaml")

    @cached_property
    def formats(self) -> list[tuple[Segment, ...]]:
        """Return the sentences that describe the answer form."""
        sentences = self.phrases.formats(self.form_name, self.labels.task)
        return [compile_wording(words, "forms.yaml") for words in sentences]

    @cached_property
    def shown(self) -> dict[str, str]:
        """Return the labels as the prompt shows them, in one line and one a line."""
        return shown_labels(self.labels.labels, self.labels.types)

    def rows(self, record: Record) -> Iterator[InstructionRow]:
        """Yield the rows of a record; chance comes from the seed and the record's id alone."""
        rng = Random(f"{self.seed}-{record.id}")
        template = rng.choice(self.templates)
        question = self.question(template)
        values = {
            "text": self.text(record),
            "format": fill(rng.choice(self.formats), {"empty": question.empty}),
            **self.shown,
        }
        instruction, words = template.render(values)
        yield InstructionRow(
            instruction=instruction,
            input=words,
            output=self.form.dump(ordered(record, question), question),
            id=f"{record.id}.0",
            record_id=record.id,
            source=record.source,
            task=record.task,
            subtask=template.subtask,
            template=template.id,
            form=self.form_name,
            labels=self.keys,
        )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the raw names of the labels asked."""
        return tuple(label.key for label in self.labels)

    def question(self, template: Template) -> Question:
        """Return what a row asks: every label of the source."""
        return Question(
            subtask=cast(Subtask, template.subtask),
            labels=self.labels.labels,
            empty=self.empty(template),
        )

    def text(self, record: Record) -> str:
        """Return the text of a record, after its title where it has one."""
        if not record.title:
            return record.text
        return fill(self.titled, {"title": record.title, "text": record.text})

    def empty(self, template: Template) -> str:
        """Return the words for "nothing found"."""
        default = self.phrases.empty.get(self.form_name, {}).get(template.subtask, "")
        return template.empty.get(self.form_name, default)


def shown_labels(labels: Sequence[Label], types: dict[str, str]) -> dict[str, str]:
    """Return the two ways in which a closed prompt shows its labels."""
    return {
        "labels": "、".join(label_words(label, types) for label in labels),
        "label_lines": "\n".join(label_line(label, types) for label in labels),
    }
