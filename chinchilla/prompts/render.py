"""From one record to its instruction rows: queries, templates and answers, by seeded chance.

    record  {"text": "张三来了", "entities": [{"type": "PER", "text": "张三"}]}
    row     instruction  找出文本中的人名、地名……用 JSON 回答。
            input        张三来了
            output       {"人名": ["张三"]}

Two seeded generators: what is asked depends on the record's id, how it is worded on the row's
id. Leaving a row out therefore changes no other row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from chinchilla.answers import Query, answer_format
from chinchilla.prompts.few_shot import DemonstrationPool, draw_examples, write_example
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.label_text import LabelStyle, label_text, query_labels, rename
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.queries import (
    GoldQuery,
    QueryContext,
    given_values,
    nothing_found,
    queries_of_record,
)
from chinchilla.rng import Rng
from chinchilla.schema import InstructionRow, LabelSet, Record
from chinchilla.spans import occurrences
from chinchilla.templates import Template, fill_phrase, load_phrases, load_templates

KEPT_LISTS = 4096
"""Lists of labels kept as text; in DuIE's default build they are the same for most rows."""


@dataclass(frozen=True)
class Prompter:
    """Turns the records of one source into rows.

    `held_out` are raw labels that train never shows, `confusions` the labels easily taken for
    each other, `pool` where examples are drawn from.
    """

    labels: LabelSet
    seed: int
    options: PromptOptions = field(default_factory=PromptOptions)
    held_out: frozenset[str] = frozenset()
    confusions: Confusions = field(default_factory=dict)
    pool: DemonstrationPool | None = None
    # two generators, started anew for each record and each row
    _record_rng: Rng = field(default_factory=Rng, init=False, repr=False, compare=False)
    _row_rng: Rng = field(default_factory=Rng, init=False, repr=False, compare=False)
    _lists: dict[tuple[tuple[str, ...], LabelStyle], str] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _sentences: dict[tuple[str, str], list[str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def context(self) -> QueryContext:
        """Return what decides the queries."""
        return QueryContext(self.labels, self.options, self.held_out, self.confusions)

    @cached_property
    def templates(self) -> dict[tuple[str, bool, bool], list[Template]]:
        """Return the templates by sub-task, open or closed, held out or not.

        Where some of a kind are named by the options, those alone are used.
        """
        kinds: dict[tuple[str, bool, bool], list[Template]] = {}
        for template in load_templates():
            key = (template.subtask, not template.closed, template.held_out)
            kinds.setdefault(key, []).append(template)
        named = self.options.wordings
        return {
            key: [template for template in templates if template.id in named] or templates
            for key, templates in kinds.items()
        }

    @cached_property
    def _label_texts(self) -> dict[LabelStyle, dict[str, str]]:
        """Return the labels as on their card, by style and key."""
        both = (False, True)
        styles = [LabelStyle(in_lines, described) for in_lines in both for described in both]
        types = self.labels.types
        return {
            style: {label.key: label_text(label, types, style) for label in self.labels}
            for style in styles
        }

    def queries_of_record(
        self, record: Record, window: tuple[int, int] | None = None
    ) -> Iterator[GoldQuery]:
        """Yield what is asked about a record, or about one window of it, in order.

        Args:
            record: the record, or what a window shows of it.
            window: start and end of the window in code points of the whole text.
        """
        start, end = window or (0, len(record.text))
        name = record.id if window is None else f"{record.id}.{start}"
        rng = self._record_rng
        rng.start(self.seed, name)
        for number, (query, content, is_open) in enumerate(
            queries_of_record(record, self.context, rng)
        ):
            yield GoldQuery(f"{name}.{number}", record, query, content, is_open, (start, end))

    def rows(self, record: Record) -> Iterator[InstructionRow]:
        """Yield the rows of a record that is not cut into windows."""
        return map(self.row, self.queries_of_record(record))

    def row(self, gold: GoldQuery) -> InstructionRow:
        """Return the row of a query; what is drawn depends on the row's id alone."""
        rng = self._row_rng
        rng.start(self.seed, gold.id)
        train = gold.record.split == "train"
        query = gold.query
        # without labels in the prompt nobody could know the other names
        renamed = train and rng.random() < self.options.label_renaming and not gold.is_open
        if renamed:
            query = rename(query, self.options.renaming, rng)
        described = self._described(rng) or renamed
        template = rng.choice(self._templates(gold, train, renamed))
        form = rng.choice(self.options.forms)
        query = query.with_empty(nothing_found(template, form))
        values = self._values(query, LabelStyle(template.in_lines, described), renamed)
        values["format"] = rng.choice(self.format_sentences(form, template))
        values["text"] = self.text(gold.record, query)
        instruction, input_ = template.render(values)
        if self.options.demonstrations:
            instruction += self._demonstrations(gold, query, form, rng)
        return _row(gold, query, template, form, (instruction, input_))

    def _described(self, rng: Random) -> bool:
        wanted = self.options.descriptions
        return wanted == "on" or (wanted == "sampled" and rng.random() < 0.5)

    def _templates(self, gold: GoldQuery, train: bool, renamed: bool) -> Sequence[Template]:
        held_out = self.options.templates == "held-out" and not train
        fitting = self.templates[gold.query.subtask, gold.is_open, held_out]
        if renamed and self.options.renaming == "code":
            # a code means nothing without the description behind it
            fitting = [template for template in fitting if template.in_lines] or fitting
        if self.options.demonstrations:
            fitting = [template for template in fitting if template.input] or fitting
        return fitting

    def _values(self, query: Query, style: LabelStyle, renamed: bool) -> dict[str, str]:
        """Return the values of a template's variables but text and format."""
        as_on_card = not (renamed or self.options.roles_per_prompt or query.na)
        if as_on_card and query.subtask in ("ner", "re", "ee"):
            labels = self._label_list(query, style)
        else:
            labels = query_labels(query, self.labels.types, style)
        return {"label_lines" if style.in_lines else "labels": labels, **given_values(query)}

    def _label_list(self, query: Query, style: LabelStyle) -> str:
        """Return the labels of a query as on their card; the newest lists are kept."""
        key = (query.keys, style)
        if key not in self._lists:
            if len(self._lists) >= KEPT_LISTS:
                self._lists.clear()
            texts = self._label_texts[style]
            self._lists[key] = style.join([texts[name] for name in query.keys])
        return self._lists[key]

    def _demonstrations(self, gold: GoldQuery, query: Query, form: str, rng: Random) -> str:
        """Return the examples of a row, with what introduces them."""
        if self.pool is None:
            return ""
        wanted = self.options.demonstrations
        examples = draw_examples(self.pool, gold.record, query, wanted, rng)
        if gold.is_open and gold.record.split == "train":
            examples = [one for one in examples if not self.context.hides_gold(one.record)]
        shown = [
            write_example(
                example.query,
                self.text(example.record),
                answer_format(form).dump(example.content, example.query),
            )
            for example in examples
        ]
        return "\n\n".join(["", load_phrases().demonstrations["intro"], *shown]) if shown else ""

    def text(self, record: Record, query: Query | None = None) -> str:
        """Return the text of a record, after its title where it has one, the pair marked."""
        text = record.text
        if self.options.mark_pairs and query is not None and query.head and query.tail:
            text = mark_pair(text, query.head, query.tail, load_phrases().pair_marks)
        if not record.title:
            return text
        return fill_phrase(load_phrases().title, {"title": record.title, "text": text})

    def format_sentences(self, form: str, template: Template) -> Sequence[str]:
        """Return the sentences that describe an answer format in a template."""
        key = (template.id, form)
        if key not in self._sentences:
            sentences = load_phrases().format(form, template.subtask, template.closed)
            used = sentences if self.options.format_sentences == "all" else sentences[:1]
            empty = {"empty": nothing_found(template, form)}
            self._sentences[key] = [fill_phrase(sentence, empty) for sentence in used]
        return self._sentences[key]


def _row(
    gold: GoldQuery, query: Query, template: Template, form: str, prompt: tuple[str, str]
) -> InstructionRow:
    """Return the row of a query as it was worded; `prompt` is instruction and input."""
    record = gold.record
    return InstructionRow(
        instruction=prompt[0],
        input=prompt[1],
        output=answer_format(form).dump(gold.content, query),
        id=gold.id,
        record_id=record.id,
        source=record.source,
        task=record.task,
        subtask=template.subtask,
        template=template.id,
        form=form,
        labels=query.keys,
        window=gold.window,
        head=query.head,
        tail=query.tail,
        event_type=query.event and query.event.key,
        trigger=query.trigger,
    )


def mark_pair(text: str, head: str, tail: str, marks: Mapping[str, str]) -> str:
    """Return the text with marks around every mention of head and tail.

    The longer of two overlapping mentions is marked, of equally long ones the head's. Typed
    marks around the pair are what Zhou & Chen 2022 found best for relation classification
    (An Improved Baseline for Sentence-level Relation Extraction, AACL 2022,
    https://arxiv.org/abs/2102.01373).
    """
    spans = [(at, at + len(head), "head") for at in occurrences(text, head)]
    spans += [(at, at + len(tail), "tail") for at in occurrences(text, tail)]
    taken: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(spans, key=lambda span: (span[0] - span[1], span[2], span[0])):
        if all(end <= other[0] or start >= other[1] for other in taken):
            taken.append((start, end, kind))
    parts, done = [], 0
    for start, end, kind in sorted(taken):
        parts += [text[done:start], marks[f"{kind}_begin"], text[start:end], marks[f"{kind}_end"]]
        done = end
    return "".join([*parts, text[done:]])
