"""What is asked about a record, with its gold; and from a built row back to its query."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from chinchilla.answers import SUBTASKS, Content, Question, Subtask, ordered
from chinchilla.errors import ConfigError, TemplateError
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.label_sampling import Draw, batches, role_parts
from chinchilla.prompts.options import PromptOptions
from chinchilla.schema import InstructionRow, Label, LabelSet, Record
from chinchilla.templates import Template, load_phrases, load_templates, own_templates

ORDER_BITS = 7
"""All labels at once are asked in one of 128 orders: enough variety, and each is made once."""


class Ask(NamedTuple):
    """A question about a text, its gold, and whether it is asked without labels."""

    id: str
    record: Record
    question: Question
    content: Content
    is_open: bool
    window: tuple[int, int]

    @property
    def null(self) -> bool:
        """Tell whether the answer is empty (for a pair: the negative label alone)."""
        na, content = self.question.na, self.content
        if content.entities or content.events:
            return False
        if na is None:
            return not content.relations
        return all(item.predicate == na.key for item in content.relations)


@dataclass(frozen=True)
class Asking:
    """What the records of a source share: labels, options, confusable labels."""

    labels: LabelSet
    options: PromptOptions
    held_out: frozenset[str]
    confusions: Confusions
    subtasks: list[Subtask]

    @cached_property
    def size(self) -> int:
        """Return how many labels stand in one prompt; 0 means all."""
        return self.options.batch_size(self.labels.task)

    @cached_property
    def known(self) -> tuple[tuple[Label, ...], tuple[Label, ...]]:
        """Return the labels asked in dev and test, and those asked in train."""
        known = self.labels.labels
        return known, tuple(label for label in known if label.key not in self.held_out)

    @cached_property
    def opens(self) -> tuple[bool, bool]:
        """Tell whether questions may be open: in dev and test, and in train."""
        options = self.options
        return options.open_everywhere and options.open_share > 0, options.open_share > 0

    @cached_property
    def asks_all(self) -> tuple[bool, bool]:
        """Tell whether one prompt asks every label: in dev and test, and in train."""
        whole = self.size == 0 and self.options.roles_per_prompt == 0
        return whole, whole and self.options.keeps_labels

    def hides_gold(self, record: Record) -> bool:
        """Tell whether a record bears a held-out label.

        An answer in train leaves it out: only a question that names its labels may be asked.
        """
        return bool(self.held_out) and not self.held_out.isdisjoint(_present(record))

    @cached_property
    def made(self) -> dict[tuple[str, int, int], Question]:
        """Keep the questions for all labels, by sub-task, number of labels and order."""
        return {}


def asks(record: Record, asking: Asking, rng: Random) -> Iterator[tuple[Question, Content, bool]]:
    """Yield the questions of a record with their gold; the third tells an open question."""
    train = record.split == "train"
    known = asking.known[train]
    for subtask in asking.subtasks:
        if subtask not in ("re-pair", "ee-argument"):
            drawn = asking.opens[train] and rng.random() < asking.options.open_share
            if drawn and not (train and asking.hides_gold(record)):
                question = Question(subtask, known)
                yield question, ordered(record, question), True
                continue
            if asking.asks_all[train]:
                question = _every_label(subtask, known, asking, rng)
                yield question, ordered(record, question), False
                continue
        draw = Draw(asking.options, asking.size, train, rng, asking.confusions)
        if subtask == "re-pair":
            yield from _pairs(record, asking, known, draw)
        elif subtask == "ee-argument":
            yield from _arguments(record, known, draw)
        else:
            for labels in _label_batches(record, subtask, known, draw):
                question = Question(subtask, tuple(labels))
                yield question, ordered(record, question), False


def _every_label(
    subtask: Subtask, known: tuple[Label, ...], asking: Asking, rng: Random
) -> Question:
    """Return a question for all labels, in one of 2 ** ORDER_BITS orders, each made once."""
    number = rng.getrandbits(ORDER_BITS) if asking.options.shuffle_labels else 0
    key = (subtask, len(known), number)
    if key not in asking.made:
        order = Random(f"{subtask}-{number}")
        labels = tuple(order.sample(known, len(known))) if asking.options.shuffle_labels else known
        asking.made[key] = Question(subtask, labels)
    return asking.made[key]


def subtasks_of(labels: LabelSet, options: PromptOptions) -> list[Subtask]:
    """List the sub-tasks wanted that belong to the task of a source."""
    return [name for name in options.subtasks if name.partition("-")[0] == labels.task]


def _label_batches(
    record: Record, subtask: str, known: Sequence[Label], draw: Draw
) -> Iterator[list[Label]]:
    present = _present(record)
    size = draw.options.roles_per_prompt if subtask == "ee" else 0
    for part in role_parts(known, size):
        yield from batches(part, present, draw)


def _present(record: Record) -> frozenset[str]:
    """Return the raw labels that a record bears."""
    return frozenset(
        [entity.type for entity in record.entities]
        + [relation.predicate for relation in record.relations]
        + [event.event_type for event in record.events]
    )


def _pairs(
    record: Record, asking: Asking, known: Sequence[Label], draw: Draw
) -> Iterator[tuple[Question, Content, bool]]:
    """Yield a question for each annotated pair, every label offered and the negative one."""
    keys = {label.key for label in known}
    is_open = _asked_openly(draw)
    relations = record.relations + record.na_pairs
    for head, tail in dict.fromkeys((item.head, item.tail) for item in relations):
        mine = [item for item in record.relations if (item.head, item.tail) == (head, tail)]
        if mine and not any(item.predicate in keys for item in mine):
            # every label of the pair is held out: the pair is no negative one either
            continue
        if is_open and all(item.predicate in keys for item in mine):
            # no candidates are shown, so there is none for "no relation" either
            question = Question("re-pair", tuple(known), head=head, tail=tail)
            yield question, ordered(record, question), True
            continue
        present = frozenset(item.predicate for item in mine)
        for labels in batches(known, present, draw):
            question = Question("re-pair", tuple(labels), na=asking.labels.na, head=head, tail=tail)
            yield question, ordered(record, question), False


def _arguments(
    record: Record, known: Sequence[Label], draw: Draw
) -> Iterator[tuple[Question, Content, bool]]:
    """Yield a question for the arguments of each event type and trigger."""
    by_key = {label.key: label for label in known}
    is_open = _asked_openly(draw)
    wanted = dict.fromkeys((event.event_type, event.trigger) for event in record.events)
    for event_type, trigger in wanted:
        if event_type not in by_key:
            continue
        size = 0 if is_open else draw.options.roles_per_prompt
        for part in role_parts([by_key[event_type]], size):
            for label in part:
                question = Question("ee-argument", (label,), event=label, trigger=trigger)
                yield question, ordered(record, question), is_open


def _asked_openly(draw: Draw) -> bool:
    """Draw whether the pairs or events of a record are asked about without labels."""
    share = draw.options.open_share
    may = draw.train or draw.options.open_everywhere
    return may and share > 0 and draw.rng.random() < share


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
