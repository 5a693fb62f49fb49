"""Fit prompts into a budget: how much of it the wording takes, and what is left for the text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chinchilla.errors import ConfigError, LengthError
from chinchilla.prompts.label_text import label_line, label_words
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, Record
from chinchilla.templates import fill, variables
from chinchilla.windows.project import window_records
from chinchilla.windows.split import Measure, characters, cut_windows, tokens_of

LONGEST_EXAMPLE = 200
"""Characters of the longest text that is shown as an example."""


class Pane(NamedTuple):
    """A stretch of a text and the record that stands for it; None is the whole text."""

    window: tuple[int, int] | None
    record: Record


@dataclass(frozen=True)
class Cutter:
    """Cut texts so that every prompt fits the budget."""

    measure: Measure
    budget: int
    overhead: int
    title: str
    options: WindowOptions

    def panes(self, record: Record, lost: Counter[str]) -> list[Pane]:
        """Cut a record, or leave it whole; gold that no window holds is counted in `lost`.

        Raises LengthError where the title leaves no room for the text.
        """
        taken = self.overhead
        if record.title:
            taken += self.measure(self.title + record.title)
        room = self.budget - taken
        if room <= self.options.overlap:
            raise LengthError(*too_small(self.budget, taken, self.options.overlap, record.id))
        if self.measure(record.text) <= room:
            return [Pane(None, record)]
        ranges = cut_windows(record.text, room, self.options.overlap, self.measure)
        done = window_records(record, ranges, self.options.events)
        lost.update(done.counts)
        return [Pane((one.start, one.end), one.record) for one in done.windows]

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
        raise ConfigError(*too_small(budget, overhead, options.overlap, prompter.labels.source))
    title = fill(prompter.titled, {"title": "", "text": ""})
    return Cutter(measure, budget, overhead, title, options)


def too_small(budget: int, taken: int, overlap: int, where: str) -> tuple[str, str, str]:
    """Say that a prompt leaves no room for its text."""
    room = f" and the overlap {overlap}" if overlap else ""
    what = f"the prompt alone takes {taken} of the budget of {budget}{room}"
    todo = "raise the budget, or lower labels_per_prompt, or set descriptions = 'off'"
    return f"windows ({where})", what, todo


def prompt_overhead(prompter: Prompter, measure: Measure) -> int:
    """Return what the longest prompt of a source takes without its text."""
    options = prompter.options
    shown = _longest_labels(prompter, options)
    given = {"head": "", "tail": "", "event_type": "", "trigger": "", "text": ""}
    longest = 0
    for template in (one for kind in prompter.wordings.values() for one in kind):
        if template.subtask not in options.subtasks:
            continue
        if template.subtask.partition("-")[0] != prompter.labels.task:
            continue
        used = variables(template.instruction, template.input)
        lines = shown["label_lines" if "label_lines" in used else "labels"]
        for name in options.forms:
            empty = prompter.empty(template, name)
            for sentence in prompter.formats(name, template):
                values = {**given, "labels": lines, "label_lines": lines}
                values["format"] = fill(sentence, {"empty": empty})
                longest = max(longest, sum(map(measure, template.render(values))))
    examples = options.demonstrations * (2 * LONGEST_EXAMPLE + 20)
    return longest + examples


def _longest_labels(prompter: Prompter, options: PromptOptions) -> dict[str, str]:
    """Return the labels that take most room in one prompt, shown in both ways."""
    types = prompter.labels.types
    size = options.batch_size(prompter.labels.task) or len(prompter.labels.labels)
    described = options.descriptions != "off" or options.label_renaming > 0
    words = [label_words(label, types) for label in prompter.labels]
    lines = [label_line(label, types, described) for label in prompter.labels]
    return {
        "labels": "、".join(_longest(words, size)),
        "label_lines": "\n".join(_longest(lines, size)),
    }


def _longest(words: Sequence[str], size: int) -> list[str]:
    return sorted(words, key=len)[-size:]
