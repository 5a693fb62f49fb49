"""What is asked about a record, with its gold; and from a built row back to its query.

record  {"task": "ner", "text": "张三来了", "entities": [{"type": "PER", "text": "张三"}]}
query   Query("ner", labels=(人名, 地名, ...))      gold  Content(entities=(张三,))
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from chinchilla.answers import SUBTASKS, Content, Query, Subtask, target
from chinchilla.errors import ConfigError
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.label_sampling import Draw, batches, role_parts
from chinchilla.prompts.options import PromptOptions
from chinchilla.schema import InstructionRow, Label, LabelSet, Record
from chinchilla.templates import Template, find_template, load_phrases

ORDER_BITS = 7
"""All labels at once are asked in one of 128 orders: enough variety, and each is made once."""


class GoldQuery(NamedTuple):
    """A query about a text, its gold, and whether it is asked without labels."""

    id: str
    record: Record
    query: Query
    content: Content
    is_open: bool
    window: tuple[int, int]

    @property
    def null(self) -> bool:
        """Tell whether the answer is empty (for a pair: the negative label alone)."""
        na, content = self.query.na, self.content
        if content.entities or content.events:
            return False
        if na is None:
            return not content.relations
        return all(item.predicate == na.key for item in content.relations)


@dataclass(frozen=True)
class QueryContext:
    """What the records of a source share: labels, options, labels held out and confusable."""

    labels: LabelSet
    options: PromptOptions
    held_out: frozenset[str]
    confusions: Confusions
    # the queries for all labels, by sub-task, number of labels and order
    whole: dict[tuple[str, int, int], Query] = field(default_factory=dict)

    def asked(self, train: bool) -> tuple[Label, ...]:
        """Return the labels asked in train, or in dev and test."""
        labels = self.labels.labels
        if not (train and self.held_out):
            return labels
        return tuple(label for label in labels if label.key not in self.held_out)

    def asks_all(self, train: bool) -> bool:
        """Tell whether one prompt asks every label."""
        options = self.options
        whole = options.batch_size(self.labels.task) == 0 and options.roles_per_prompt == 0
        return whole and (options.keeps_labels or not train)

    def hides_gold(self, record: Record) -> bool:
        """Tell whether a record has a held-out label.

        An answer in train leaves it out: only a query that names its labels may be asked.
        """
        return bool(self.held_out) and not self.held_out.isdisjoint(labels_of(record))


def queries_of_record(
    record: Record, context: QueryContext, rng: Random
) -> Iterator[tuple[Query, Content, bool]]:
    """Yield the queries of a record with their gold; the third tells an open query."""
    train = record.split == "train"
    labels, options = context.asked(train), context.options
    draw = Draw(options, options.batch_size(context.labels.task), train, rng, context.confusions)
    for subtask in options.subtasks:
        if subtask.partition("-")[0] != context.labels.task:
            continue
        if subtask == "re-pair":
            yield from _pairs(record, context, labels, draw)
        elif subtask == "ee-argument":
            yield from _arguments(record, labels, draw)
        elif _is_open(draw) and not (train and context.hides_gold(record)):
            query = Query(subtask, labels)
            yield query, target(record, query), True
        elif context.asks_all(train):
            query = _every_label(subtask, labels, context, rng)
            yield query, target(record, query), False
        else:
            for batch in _label_batches(record, subtask, labels, draw):
                query = Query(subtask, tuple(batch))
                yield query, target(record, query), False


def _every_label(
    subtask: Subtask, labels: tuple[Label, ...], context: QueryContext, rng: Random
) -> Query:
    """Return a query for all labels, in one of 2 ** ORDER_BITS orders, each made once.

    To shuffle anew for each record would take a fifth of a whole build.
    """
    shuffles = context.options.shuffle_labels
    number = rng.getrandbits(ORDER_BITS) if shuffles else 0
    key = (subtask, len(labels), number)
    if key not in context.whole:
        order = Random(f"{subtask}-{number}")
        ordered = tuple(order.sample(labels, len(labels))) if shuffles else labels
        context.whole[key] = Query(subtask, ordered)
    return context.whole[key]


def _label_batches(
    record: Record, subtask: str, labels: Sequence[Label], draw: Draw
) -> Iterator[list[Label]]:
    present = frozenset(labels_of(record))
    size = draw.options.roles_per_prompt if subtask == "ee" else 0
    for part in role_parts(labels, size):
        yield from batches(part, present, draw)


def labels_of(record: Record) -> list[str]:
    """Return the raw labels that a record has gold for, each once, in order of appearance."""
    labels = [entity.type for entity in record.entities]
    labels += [relation.predicate for relation in record.relations]
    labels += [event.event_type for event in record.events]
    return list(dict.fromkeys(labels))


def _pairs(
    record: Record, context: QueryContext, labels: Sequence[Label], draw: Draw
) -> Iterator[tuple[Query, Content, bool]]:
    """Yield a query for each annotated pair, every label offered and the negative one."""
    keys = {label.key for label in labels}
    is_open = _is_open(draw)
    relations = record.relations + record.na_pairs
    for head, tail in dict.fromkeys((item.head, item.tail) for item in relations):
        mine = [item for item in record.relations if (item.head, item.tail) == (head, tail)]
        if mine and not any(item.predicate in keys for item in mine):
            # every label of the pair is held out: the pair is no negative one either
            continue
        if is_open and all(item.predicate in keys for item in mine):
            # no candidates are shown, so there is none for "no relation" either
            query = Query("re-pair", tuple(labels), head=head, tail=tail)
            yield query, target(record, query), True
            continue
        present = frozenset(item.predicate for item in mine)
        for batch in batches(labels, present, draw):
            query = Query("re-pair", tuple(batch), na=context.labels.na, head=head, tail=tail)
            yield query, target(record, query), False


def _arguments(
    record: Record, labels: Sequence[Label], draw: Draw
) -> Iterator[tuple[Query, Content, bool]]:
    """Yield a query for the arguments of each event type and trigger."""
    by_key = {label.key: label for label in labels}
    is_open = _is_open(draw)
    wanted = dict.fromkeys((event.event_type, event.trigger) for event in record.events)
    for event_type, trigger in wanted:
        if event_type not in by_key:
            continue
        size = 0 if is_open else draw.options.roles_per_prompt
        for part in role_parts([by_key[event_type]], size):
            for label in part:
                query = Query("ee-argument", (label,), event=label, trigger=trigger)
                yield query, target(record, query), is_open


def _is_open(draw: Draw) -> bool:
    """Draw whether a record is asked about without labels."""
    share = draw.options.open_share
    may = draw.train or draw.options.open_everywhere
    return may and share > 0 and draw.rng.random() < share


def given_values(query: Query) -> dict[str, str]:
    """Return the values of a template's variables for what a query gives beside the text."""
    values: dict[str, str] = {}
    if query.head is not None and query.tail is not None:
        values |= {"head": query.head, "tail": query.tail}
    if query.event is not None:
        trigger = query.trigger or load_phrases().missing_trigger
        values |= {"event_type": query.event.name, "trigger": trigger}
    return values


def nothing_found(template: Template, form: str) -> str:
    """Return the words for "nothing found" of a template in an answer format, "" where none."""
    default = load_phrases().empty.get(form, {}).get(template.subtask, "")
    return template.empty.get(form, default)


def query_of(row: InstructionRow, labels: LabelSet) -> Query:
    """Return the query of a built row, for `read_answer(raw, query_of(row, labels), row.form)`.

    Two things a row does not keep: names given by renaming (train alone) and, where
    `roles_per_prompt` cut the roles of an event type, which of them it asked; the query has
    the names of the card and all roles.

    Args:
        row: the row; its labels are in the order asked.
        labels: the label set of the row's source and edition.

    Raises:
        ConfigError: the row or a label of it is none of extraction's, or its template is not
            installed.
    """
    if row.subtask not in SUBTASKS:
        todo = "leave general rows out: nothing is extracted from their answers"
        raise ConfigError(f"row {row.id}", f"no sub-task {row.subtask!r}", todo)
    template = _template(row)
    return Query(
        subtask=row.subtask,
        labels=tuple(_label(key, row, labels) for key in row.labels),
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
    template = find_template(row.template)
    if template is None:
        todo = "pass the folder of templates that it was built with as --templates-dir"
        raise ConfigError(f"row {row.id}", f"no wording {row.template!r} here", todo)
    return template
