"""One record to its instruction rows: questions, wordings and answers, by seeded chance.

Two kinds of chance, both from the seed alone: what is asked comes from the record's id, how it
is worded from the row's id. Leaving a row out therefore changes no other row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from chinchilla.answers import Form, Question, form
from chinchilla.prompts.entity_markers import mark_pair
from chinchilla.prompts.few_shot import Pool, draw_examples, write_example
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.label_text import (
    label_line,
    label_words,
    rename,
    shown_labels,
    shown_names,
    shown_roles,
)
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import Ask, Asking, asks, nothing_found, subtasks_of
from chinchilla.rng import Chance
from chinchilla.schema import InstructionRow, LabelSet, Record
from chinchilla.templates import (
    Phrases,
    Segment,
    Template,
    compile_wording,
    fill,
    load_phrases,
    load_templates,
    variables,
)

SHOWN_BEFORE = 4096
"""How many lists of labels are kept as they were written, before the shelf is cleared."""


@dataclass(frozen=True)
class Prompter:
    """Hold what all records of a source share when they are turned into rows."""

    labels: LabelSet
    seed: int
    options: PromptOptions = field(default_factory=PromptOptions)
    held_out: frozenset[str] = frozenset()
    confusions: Confusions = field(default_factory=dict)
    pool: Pool | None = None

    @cached_property
    def asking(self) -> Asking:
        """Return what decides the questions."""
        subtasks = subtasks_of(self.labels, self.options)
        return Asking(self.labels, self.options, self.held_out, self.confusions, subtasks)

    @cached_property
    def phrases(self) -> Phrases:
        """Return the fixed words of the prompts."""
        return load_phrases()

    @cached_property
    def forms(self) -> dict[str, Form]:
        """Return the answer forms, by name."""
        return {name: form(name) for name in self.options.forms}

    def asks(self, record: Record, window: tuple[int, int] | None = None) -> Iterator[Ask]:
        """Yield what is asked about a record or about one window of it, in order."""
        start, end = window or (0, len(record.text))
        place = record.id if window is None else f"{record.id}.{start}"
        rng = self._ask_chance
        rng.start(self.seed, place)
        for number, (question, content, is_open) in enumerate(asks(record, self.asking, rng)):
            yield Ask(f"{place}.{number}", record, question, content, is_open, (start, end))

    def rows(self, record: Record) -> Iterator[InstructionRow]:
        """Yield the rows of a record that is not cut into windows."""
        return map(self.row, self.asks(record))

    def row(self, ask: Ask) -> InstructionRow:
        """Word a question and write down its answer; chance comes from the row's id alone."""
        rng = self._row_chance
        rng.start(self.seed, ask.id)
        train = ask.record.split == "train"
        question = ask.question
        # without labels in the prompt nobody could know the other names
        renamed = train and rng.random() < self.options.label_renaming and not ask.is_open
        if renamed:
            question = rename(question, self.options.renaming, rng)
        described = self._described(rng) or renamed
        template = rng.choice(self._templates(ask, train, renamed))
        name = rng.choice(self.options.forms)
        empty, worded = self._worded(template, name)
        question = question.with_empty(empty)
        values = self._values(question, described, template, renamed)
        values["text"] = self.text(ask.record, question)
        instruction, words = rng.choice(worded).render(values)
        if self.options.demonstrations:
            instruction += self._demonstrations(ask, question, name, rng)
        record = ask.record
        fields = {
            "instruction": instruction,
            "input": words,
            "output": self.forms[name].dump(ask.content, question),
            "id": ask.id,
            "record_id": record.id,
            "source": record.source,
            "task": record.task,
            "subtask": template.subtask,
            "template": template.id,
            "form": name,
            "labels": question.keys,
            "window": ask.window,
            "head": question.head,
            "tail": question.tail,
            "event_type": question.event and question.event.key,
            "trigger": question.trigger,
        }
        return InstructionRow.of_valid(fields)

    def _described(self, rng: Random) -> bool:
        wanted = self.options.descriptions
        return wanted == "on" or (wanted == "sampled" and rng.random() < 0.5)

    def _templates(self, ask: Ask, train: bool, renamed: bool) -> Sequence[Template]:
        held_out = self.options.templates == "held-out" and not train
        key = (ask.question.subtask, ask.is_open, held_out)
        found = self.wordings[key]
        if renamed and self.options.renaming == "code":
            # a code means nothing without the description behind it
            found = [one for one in found if "label_lines" in variables(*one[4:6])] or found
        if self.options.demonstrations:
            found = [one for one in found if one.input] or found
        return found

    @cached_property
    def wordings(self) -> dict[tuple[str, bool, bool], list[Template]]:
        """Sort the wordings by sub-task, open or closed, held out or not.

        Where some of a kind are named by the options, those alone are used.
        """
        found: dict[tuple[str, bool, bool], list[Template]] = {}
        for template in load_templates():
            key = (template.subtask, not template.closed, template.held_out)
            found.setdefault(key, []).append(template)
        named = self.options.wordings
        return {
            key: [one for one in templates if one.id in named] or templates
            for key, templates in found.items()
        }

    def _values(
        self, question: Question, described: bool, template: Template, renamed: bool
    ) -> dict[str, str]:
        plain = not (renamed or self.options.roles_per_prompt or question.na)
        if plain and question.subtask in ("ner", "re", "ee"):
            values = self._prepared(question, described, template)
        else:
            values = self._shown(question, described)
        if question.head is not None and question.tail is not None:
            values |= {"head": question.head, "tail": question.tail}
        if question.event is not None:
            missing = self.phrases.missing_trigger
            values |= {"event_type": question.event.name, "trigger": question.trigger or missing}
        return values

    def _shown(self, question: Question, described: bool) -> dict[str, str]:
        if question.event is not None:
            return shown_roles(question.event.roles, described)
        if question.subtask == "ee-trigger":
            return shown_names(question.known, described)
        return shown_labels(question.known, self.labels.types, described)

    def _prepared(self, question: Question, described: bool, template: Template) -> dict[str, str]:
        """Show labels that stand as on their card, each written once for all rows."""
        in_lines = template.id in self._in_lines
        key = (question.keys, described, in_lines)
        shown = self._shown_before.get(key)
        if shown is None:
            if len(self._shown_before) >= SHOWN_BEFORE:
                self._shown_before.clear()
            words = self._lines[described] if in_lines else self._words
            separator = "\n" if in_lines else "、"
            shown = separator.join([words[name] for name in question.keys])
            self._shown_before[key] = shown
        return {"label_lines" if in_lines else "labels": shown}

    @cached_property
    def _shown_before(self) -> dict[tuple[tuple[str, ...], bool, bool], str]:
        return {}

    @cached_property
    def _ask_chance(self) -> Chance:
        return Chance()

    @cached_property
    def _row_chance(self) -> Chance:
        return Chance()

    @cached_property
    def _in_lines(self) -> frozenset[str]:
        return frozenset(
            template.id
            for template in load_templates()
            if "label_lines" in variables(template.instruction, template.input)
        )

    @cached_property
    def _words(self) -> dict[str, str]:
        return {label.key: label_words(label, self.labels.types) for label in self.labels}

    @cached_property
    def _lines(self) -> list[dict[str, str]]:
        types = self.labels.types
        return [
            {label.key: label_line(label, types, described) for label in self.labels}
            for described in (False, True)
        ]

    def _demonstrations(self, ask: Ask, question: Question, name: str, rng: Random) -> str:
        """Write the examples of a row."""
        if self.pool is None:
            return ""
        wanted = self.options.demonstrations
        drawn = draw_examples(self.pool, ask.record, question, wanted, rng)
        if ask.is_open and ask.record.split == "train":
            drawn = [one for one in drawn if not self.asking.hides_gold(one.record)]
        shown = [
            write_example(mine, self.text(one), self.forms[name].dump(content, mine))
            for one, mine, content in drawn
        ]
        return "\n\n".join(["", self.phrases.demonstrations["intro"], *shown]) if shown else ""

    def text(self, record: Record, question: Question | None = None) -> str:
        """Return the text of a record, after its title where it has one, the pair marked."""
        text = record.text
        if self.options.mark_pairs and question is not None and question.head and question.tail:
            text = mark_pair(text, question.head, question.tail, self.phrases.pair_marks)
        if not record.title:
            return text
        return fill(self.titled, {"title": record.title, "text": text})

    @cached_property
    def titled(self) -> tuple[Segment, ...]:
        """Return the wording that joins title and text."""
        return compile_wording(self.phrases.title, "forms.yaml")

    def formats(self, name: str, template: Template) -> list[tuple[Segment, ...]]:
        """Return the sentences that describe an answer form to a wording."""
        return self._formats[name, template.subtask, template.closed]

    @cached_property
    def _formats(self) -> dict[tuple[str, str, bool], list[tuple[Segment, ...]]]:
        many = None if self.options.format_sentences == "all" else 1
        return {
            (name, subtask, closed): [
                compile_wording(words, "forms.yaml")
                for words in self.phrases.formats(name, subtask, closed)[:many]
            ]
            for name in self.options.forms
            for subtask in ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument")
            for closed in (True, False)
        }

    def _worded(self, template: Template, name: str) -> tuple[str, list[Template]]:
        """Return the words for nothing found, and the template with each sentence on the form."""
        key = (template.id, name)
        if key not in self._worded_before:
            empty = self.empty(template, name)
            formats = self.formats(name, template)
            worded = [template.partly({"format": fill(one, {"empty": empty})}) for one in formats]
            self._worded_before[key] = empty, worded
        return self._worded_before[key]

    @cached_property
    def _worded_before(self) -> dict[tuple[str, str], tuple[str, list[Template]]]:
        return {}

    def empty(self, template: Template, name: str) -> str:
        """Return the words for "nothing found" in an answer form."""
        return nothing_found(template, name)
