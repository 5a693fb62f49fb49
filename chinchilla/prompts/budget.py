"""Fit prompts into a budget: what a prompt takes without its text, and windows of the text.

budget 500, longest prompt without text 380, title 20 -> windows of at most 100
"""

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import ConfigError, LengthError
from chinchilla.prompts.few_shot import PoolSize
from chinchilla.prompts.label_text import LabelStyle, label_text
from chinchilla.prompts.options import WindowOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, Record
from chinchilla.templates import fill_phrase, load_phrases
from chinchilla.windows.project import window_records
from chinchilla.windows.split import Measure, characters, cut_windows, tokens_of


class TextWindow(NamedTuple):
    """A window of a text, None for the whole text, and the record that it shows."""

    window: tuple[int, int] | None
    record: Record


@dataclass(frozen=True)
class Cutter:
    """Cuts texts so that every prompt fits the budget.

    `overhead` is what the longest prompt takes without its text, `title` the phrase around a
    title. All lengths are in the unit of `measure`: code points, or tokens.
    """

    measure: Measure
    budget: int
    overhead: int
    title: str
    options: WindowOptions

    def windows(self, record: Record, lost: Counter[str]) -> list[TextWindow]:
        """Return the windows of a record; gold that no window holds is counted in `lost`.

        Raises LengthError where the title leaves no room for the text.
        """
        taken = self.overhead
        if record.title:
            taken += self.measure(self.title + record.title)
        room = self.budget - taken
        if room <= self.options.overlap:
            raise LengthError(*_too_small(self.budget, taken, self.options.overlap, record.id))
        if self.measure(record.text) <= room:
            return [TextWindow(None, record)]
        ranges = cut_windows(record.text, room, self.options.overlap, self.measure)
        cut = window_records(record, ranges, self.options.events)
        lost.update(cut.counts)
        return [TextWindow((part.start, part.end), part.record) for part in cut.windows]

    def fits(self, row: InstructionRow) -> bool:
        """Tell whether the prompt of a row is within the budget."""
        return self.measure(row.instruction) + self.measure(row.input) <= self.budget


def measure_of(options: WindowOptions) -> Measure:
    """Return what lengths are measured in: characters, or tokens of a tokenizer."""
    return tokens_of(Path(options.tokenizer)) if options.tokenizer else characters


def make_cutter(options: WindowOptions, prompter: Prompter) -> Cutter | None:
    """Return the cutter of a source, None where no limit is set.

    Raises ConfigError where the longest prompt leaves no room for a text.
    """
    budget = options.max_tokens or options.max_chars
    if not budget:
        return None
    measure = measure_of(options) if options.max_tokens else characters
    overhead = prompt_overhead(prompter, measure)
    if overhead + options.overlap >= budget:
        raise ConfigError(*_too_small(budget, overhead, options.overlap, prompter.labels.source))
    title = fill_phrase(load_phrases().title, {"title": "", "text": ""})
    return Cutter(measure, budget, overhead, title, options)


def _too_small(budget: int, taken: int, overlap: int, where: str) -> tuple[str, str, str]:
    """Say that a prompt leaves no room for its text."""
    room = f" and the overlap {overlap}" if overlap else ""
    what = f"the prompt alone takes {taken} of the budget of {budget}{room}"
    todo = "raise the budget, or lower labels_per_prompt, or set descriptions = 'off'"
    return f"windows ({where})", what, todo


def prompt_overhead(prompter: Prompter, measure: Measure) -> int:
    """Return what the longest prompt of a source takes without its text."""
    options = prompter.options
    labels = {in_lines: _longest_labels(prompter, in_lines) for in_lines in (False, True)}
    longest = 0
    for template in chain.from_iterable(prompter.templates.values()):
        if template.subtask not in options.subtasks:
            continue
        if template.subtask.partition("-")[0] != prompter.labels.task:
            continue
        values = dict.fromkeys(template.variables, "")
        values["labels"] = values["label_lines"] = labels[template.in_lines]
        for form in options.forms:
            for sentence in prompter.format_sentences(form, template):
                values["format"] = sentence
                longest = max(longest, sum(map(measure, template.render(values))))
    examples = options.demonstrations * (2 * PoolSize().length + 20)
    return longest + examples


def _longest_labels(prompter: Prompter, in_lines: bool) -> str:
    """Return the labels that take most room in one prompt."""
    options = prompter.options
    style = LabelStyle(in_lines, options.descriptions != "off" or options.label_renaming > 0)
    texts = [label_text(label, prompter.labels.types, style) for label in prompter.labels]
    size = options.batch_size(prompter.labels.task) or len(texts)
    return style.join(sorted(texts, key=len)[-size:])
