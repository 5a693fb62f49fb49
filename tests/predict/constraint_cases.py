"""What the tests of constrained decoding share: tokenizers, what is asked, and what may be cut."""

from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import strategies as st

pytest.importorskip("llguidance", reason="pip install 'chinchilla[constrained]'")
pytest.importorskip("transformers", reason="pip install 'chinchilla[train]'")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from chinchilla.answers import SUBTASKS, Content, Query, answer_format, target
from chinchilla.corpus import find as catalogue
from chinchilla.predict.constrained import Constraint
from chinchilla.predict.engine import Limits
from chinchilla.predict.grammars import grammar_of
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import Argument, Entity, Event, Label, Relation, Role, Slot
from chinchilla.tally import Tally
from chinchilla.templates import load_phrases

SAMPLES = Path(__file__).resolve().parents[2] / "raw" / "samples"


@cache
def byte_level() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer of 1,200 tokens on the shipped samples."""
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=["<end>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [path.read_bytes().decode("utf-8", errors="replace") for path in files]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>", padding_side="left"
    )


@cache
def constraint() -> Constraint:
    return Constraint(byte_level())


def accepts(grammar: str, text: str, constraint: Constraint) -> bool:
    """Whether a grammar allows a whole answer."""
    matcher = constraint.matcher(grammar)
    # not as the model would cut it: a text may hold the name of a special token
    tokens = constraint.tokens.greedy_tokenize(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def allowed(name: str, query: Query, passage: str, answer: str) -> bool:
    return accepts(grammar_of(Limits(name, query, passage)), answer, constraint())


def records_of(source: str, raw: Path, samples: bool):
    """List the labels and labelled records of a source, at most 2,000 a split; none if absent."""
    card = catalogue.load_card(source, raw)
    source_files = catalogue.find(card, raw, samples=samples)
    if source_files is None:
        return None, []
    records = [
        record
        for split in source_files.files
        for record in islice(catalogue.records(source_files, split, Tally(forgiving=True)), 2000)
        if record.labelled
    ]
    return card.label_set(source_files.edition.name), records


def asked(records, labels, name: str):
    """Yield the passage, the question and the gold of all that is asked about records."""
    prompter = Prompter(labels, 0, PromptOptions(subtasks=SUBTASKS, forms=(name,)))
    for record in records:
        passage = f"{record.title}\n{record.text}" if record.title else record.text
        for ask in prompter.queries_of_record(record):
            empty = load_phrases().empty.get(name, {}).get(ask.query.subtask, "")
            query = replace(ask.query, empty=empty)
            yield passage, query, target(record, query)


def refused(records, labels, name: str) -> list[tuple[str, str]]:
    """List the gold answers that the grammar does not accept."""
    return [
        (passage, answer)
        for passage, query, gold in asked(records, labels, name)
        if not allowed(name, query, passage, answer := answer_format(name).dump(gold, query))
    ]


def spans_of(content: Content) -> list[str]:
    """List the spans of a content, classes and the pair of re-pair among them."""
    events = content.events
    return [
        *(entity.text for entity in content.entities),
        *(span for item in content.relations for span in (item.head, item.tail)),
        *(span for item in content.relations for span in item.tail_slots.values()),
        *(event.trigger for event in events if event.trigger is not None),
        *(one.text for event in events for one in event.arguments),
    ]


_MARKS = """： : → ， , ; ； 、 " ' \\ - （ ） ( ) = “ ” []
{} 无 甲 乙 出售/收购 （金额： 1,000 😀 null"""
_BLANKS = [" ", "\n", "\r", "\u3000", "\t", "\u2028", "\x85", "\x00", "\x1c", " → ", ", ", "- "]
PIECES = st.sampled_from([*_MARKS.split(), *_BLANKS])
WORDS = st.lists(PIECES, min_size=1, max_size=4).map("".join)
PASSAGES = st.lists(PIECES, min_size=1, max_size=14).map("".join) | st.text(min_size=1, max_size=8)
EMPTY = st.sampled_from(["无", "甲：无", "(甲, 无)", ""])


@st.composite
def label_sets(draw: st.DrawFn) -> tuple[Label, ...]:
    """Draw labels with awkward names, each with one to four slots and roles."""
    names = draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))
    parts = draw(st.lists(WORDS, min_size=1, max_size=4, unique=True))
    values = tuple(draw(st.lists(WORDS, max_size=2)))
    roles = tuple(Role(key=f"p{at}", name=name, values=values) for at, name in enumerate(parts))
    slots = tuple(Slot(key=f"p{at}", name=name) for at, name in enumerate(parts))
    return tuple(
        Label(key=f"k{at}", name=name, slots=slots, roles=roles) for at, name in enumerate(names)
    )


@st.composite
def answered(draw: st.DrawFn, subtask: str) -> tuple[str, Query, Content]:
    """Draw a passage, a question about it and gold whose spans are cut from it."""
    passage, (*labels, last) = draw(PASSAGES), draw(label_sets())
    context = {"head": "甲", "tail": "乙", "na": last} if subtask == "re-pair" else {}
    if subtask == "ee-argument":
        context = {"event": last}
    query = Query(subtask, (*labels,), empty=draw(EMPTY), **context)
    return passage, query, draw(contents(query, passage))


def spans(passage: str) -> st.SearchStrategy[str]:
    ends = st.tuples(st.integers(0, len(passage) - 1), st.integers(1, len(passage)))
    return ends.map(lambda both: passage[both[0] : max(both[0] + 1, both[1])])


@st.composite
def contents(draw: st.DrawFn, query: Query, passage: str) -> Content:
    keys = st.sampled_from([label.key for label in query.known])
    span = spans(passage)
    parts = query.labels[0].roles
    one = st.one_of(
        st.builds(Argument, role=st.just(part.key), text=st.sampled_from(part.values) | span)
        if part.values
        else st.builds(Argument, role=st.just(part.key), text=span)
        for part in parts
    )
    arguments = draw(st.lists(one, max_size=4).map(tuple))
    match query.subtask:
        case "ner":
            entity = st.builds(Entity, type=keys, text=span)
            return Content(entities=tuple(draw(st.lists(entity, max_size=5))))
        case "re":
            slots = st.dictionaries(st.sampled_from([part.key for part in parts]), span)
            item = st.builds(Relation, predicate=keys, head=span, tail=span, tail_slots=slots)
            return Content(relations=tuple(draw(st.lists(item, max_size=4))))
        case "re-pair":
            chosen = draw(st.lists(keys, max_size=4, unique=True))
            pairs = [Relation(predicate=key, head="甲", tail="乙") for key in chosen]
            return Content(relations=tuple(pairs))
        case "ee-argument":
            event = Event(event_type=query.event.key, trigger=None, arguments=arguments)
            return Content(events=(event,) if arguments else ())
        case _:
            given_arguments = arguments if query.subtask == "ee" else ()
            event = st.builds(
                Event, event_type=keys, trigger=st.none() | span, arguments=st.just(given_arguments)
            )
            return Content(events=tuple(draw(st.lists(event, max_size=3))))
