"""Prove that what is written can be read: gold rendered, parsed and counted, for every form."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, get_args

from chinchilla.answers import Content, Question, Subtask, form, forms
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import Found
from chinchilla.errors import ChinchillaError, Tally
from chinchilla.export.formats import formats, load_format
from chinchilla.export.turn import Turn, turn_of
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import Ask, nothing_found
from chinchilla.prompts.render import Prompter
from chinchilla.schema import SPLITS, InstructionRow, Record
from chinchilla.templates import load_templates

KEPT = 5


class Key(NamedTuple):
    """What a count is of: a sub-task under an answer form, or under an export."""

    subtask: str
    form: str


@dataclass
class RoundTrip:
    """Count what came back: right, read and written items, and examples of what did not."""

    source: str
    right: Counter[Key] = field(default_factory=Counter)
    read: Counter[Key] = field(default_factory=Counter)
    written: Counter[Key] = field(default_factory=Counter)
    answers: int = 0
    failures: list[str] = field(default_factory=list)

    def f1(self, key: Key) -> float:
        """Return the F1 of what was read against what was written, in percent."""
        both = self.read[key] + self.written[key]
        return 200 * self.right[key] / both if both else 100.0

    def add(self, key: Key, wanted: Counter[object], got: Counter[object], place: str) -> None:
        """Count one answer."""
        self.answers += 1
        self.right[key] += (wanted & got).total()
        self.read[key] += got.total()
        self.written[key] += wanted.total()
        if wanted != got and len(self.failures) < KEPT:
            self.failures.append(f"{place}: {key.subtask} as {key.form} comes back changed")


def round_trip(found: Found) -> RoundTrip:
    """Render, parse and count the gold of every record of a source, in every form."""
    done = RoundTrip(found.card.source)
    prompter = _prompter(found)
    empties = _empties()
    for split in SPLITS:
        if split not in found.files:
            continue
        for record in catalogue.records(found, split, Tally()):
            if not record.labelled:
                continue
            for ask in prompter.asks(record):
                _try_forms(ask, empties, done)
            _try_exports(prompter, record, done)
    return done


def _prompter(found: Found) -> Prompter:
    options = PromptOptions(subtasks=get_args(Subtask), forms=forms(), descriptions="sampled")
    return Prompter(found.card.label_set(found.edition.name), seed=0, options=options)


def _empties() -> dict[tuple[str, str], tuple[str, ...]]:
    """Collect the words for "nothing found" that any wording uses, by sub-task and form."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for template in load_templates():
        for name in forms():
            words = nothing_found(template, name)
            found.setdefault((template.subtask, name), {})[words] = None
    return {key: tuple(words) for key, words in found.items()}


def _try_forms(ask: Ask, empties: dict[tuple[str, str], tuple[str, ...]], done: RoundTrip) -> None:
    wanted = items(ask.content)
    for name in forms():
        # only an empty answer shows the words for "nothing found"; else one wording stands for all
        words = empties[ask.question.subtask, name]
        for empty in words if ask.null else words[:1]:
            question = replace(ask.question, empty=empty)
            got = _parsed(name, ask.content, question)
            done.add(Key(ask.question.subtask, name), wanted, got, ask.id)


def _parsed(name: str, content: Content, question: Question) -> Counter[object]:
    try:
        return items(form(name).parse(form(name).dump(content, question), question))
    except ChinchillaError as error:
        return Counter([str(error)])


def _try_exports(prompter: Prompter, record: Record, done: RoundTrip) -> None:
    for row in prompter.rows(record):
        for name in formats():
            key = Key(row.subtask, f"export {name}")
            done.add(key, *_exported(row, name), row.id)


def _exported(row: InstructionRow, name: str) -> tuple[Counter[object], Counter[object]]:
    form_of = load_format(name)
    back = form_of.read(form_of.write(row))
    wanted = turn_of(row)
    return _parts(wanted), _parts(back)


def _parts(turn: Turn) -> Counter[object]:
    return Counter([("prompt", turn.prompt), ("answer", turn.output)])


def items(content: Content) -> Counter[object]:
    """Name what a content says, without offsets and types: what scores compare."""
    return Counter(_items(content))


def _items(content: Content) -> Iterator[object]:
    for entity in content.entities:
        yield entity.type, entity.text
    for relation in content.relations:
        slots = tuple(sorted(relation.tail_slots.items()))
        yield relation.predicate, relation.head, relation.tail, slots
    for event in content.events:
        arguments = sorted((one.role, one.text) for one in event.arguments)
        yield event.event_type, event.trigger, tuple(arguments)
