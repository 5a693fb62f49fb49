"""Proof that what is written can be read: gold rendered, parsed and counted, in every format."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, get_args

from chinchilla.answers import Content, Subtask, answer_format, format_names
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.errors import ChinchillaError
from chinchilla.export.format import Turn, turn_of
from chinchilla.export.formats import formats, load_format
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import GoldQuery, nothing_found
from chinchilla.prompts.render import Prompter
from chinchilla.schema import SPLITS, InstructionRow
from chinchilla.tally import Tally
from chinchilla.templates import load_templates

KEPT = 5


class Key(NamedTuple):
    """What a count is of: a sub-task under an answer format, or under an export."""

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
        """F1 of what was read against what was written, in percent."""
        both = self.read[key] + self.written[key]
        return 200 * self.right[key] / both if both else 100.0

    def add(self, key: Key, wanted: Counter[object], got: Counter[object], row: str) -> None:
        """Count one answer."""
        self.answers += 1
        self.right[key] += (wanted & got).total()
        self.read[key] += got.total()
        self.written[key] += wanted.total()
        if wanted != got and len(self.failures) < KEPT:
            self.failures.append(f"{row}: {key.subtask} as {key.form} comes back changed")


def round_trip(source: FoundSource) -> RoundTrip:
    """Counts of the gold of every record of a source, rendered and parsed in every format."""
    done = RoundTrip(source.card.source)
    prompter = _prompter(source)
    empties = _empties()
    for split in SPLITS:
        if split not in source.files:
            continue
        for record in catalogue.records(source, split, Tally()):
            if not record.labelled:
                continue
            for query in prompter.queries_of_record(record):
                _try_forms(query, empties, done)
            for row in prompter.rows(record):
                _try_exports(row, done)
    return done


def _prompter(source: FoundSource) -> Prompter:
    options = PromptOptions(
        subtasks=get_args(Subtask), forms=format_names(), descriptions="sampled"
    )
    return Prompter(source.card.label_set(source.edition.name), seed=0, options=options)


def _empties() -> dict[tuple[str, str], tuple[str, ...]]:
    """Texts for "nothing found" that any template uses, by sub-task and answer format."""
    texts: dict[tuple[str, str], dict[str, None]] = {}
    for template in load_templates():
        for name in format_names():
            text = nothing_found(template, name)
            texts.setdefault((template.subtask, name), {})[text] = None
    return {key: tuple(text) for key, text in texts.items()}


def _try_forms(
    gold: GoldQuery, empties: dict[tuple[str, str], tuple[str, ...]], done: RoundTrip
) -> None:
    wanted = items(gold.content)
    for name in format_names():
        # only an empty answer shows the text for "nothing found"; else one stands for all
        texts = empties[gold.query.subtask, name]
        for empty in texts if gold.null else texts[:1]:
            query = replace(gold.query, empty=empty)
            try:
                got = items(
                    answer_format(name).parse(answer_format(name).dump(gold.content, query), query)
                )
            except ChinchillaError as error:
                got = Counter([str(error)])
            done.add(Key(query.subtask, name), wanted, got, gold.id)


def _try_exports(row: InstructionRow, done: RoundTrip) -> None:
    for name in formats():
        export = load_format(name)
        back = export.read(export.write(row))
        done.add(Key(row.subtask, f"export {name}"), _parts(turn_of(row)), _parts(back), row.id)


def _parts(turn: Turn) -> Counter[object]:
    return Counter([("prompt", turn.prompt), ("answer", turn.output)])


def items(content: Content) -> Counter[object]:
    """Items of a content without offsets and types: what scores compare."""
    return Counter(_items(content))


def _items(content: Content) -> Iterator[object]:
    for entity in content.entities:
        yield entity.type, entity.text
    for relation in content.relations:
        slots = tuple(sorted(relation.tail_slots.items()))
        yield relation.predicate, relation.head, relation.tail, slots
    for event in content.events:
        arguments = sorted((item.role, item.text) for item in event.arguments)
        yield event.event_type, event.trigger, tuple(arguments)
