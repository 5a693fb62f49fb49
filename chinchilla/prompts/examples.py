"""Examples in a prompt: other texts of train, the same question asked of each, its answer.

A pair or an event that a prompt gives is given in each example too: re-pair shows a pair of the
example's own, ee-argument an event of the same type with its trigger.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import NamedTuple, Protocol

from chinchilla.answers import Content, Question, ordered
from chinchilla.prompts.demonstrations import negative_pairs, positive_pairs
from chinchilla.schema import Label, Record
from chinchilla.templates import Segment, compile_wording, fill, load_phrases

ORDINARY = "example"


class Pool(Protocol):
    """Where examples are drawn from: records of train, none the record itself or nearly so."""

    def draw(self, record: Record, labels: Sequence[Label], k: int, rng: Random) -> list[Record]:
        """Return records to show the labels on, of three or more one without any of them."""

    def draw_pairs(
        self, record: Record, labels: Sequence[Label], k: int, rng: Random
    ) -> list[Record]:
        """Return such records; the one without any of the labels has a negative pair."""

    def draw_events(self, record: Record, label: Label, k: int, rng: Random) -> list[Record]:
        """Return records with an event of the type."""


class Example(NamedTuple):
    """A text of train, the question asked of it, and the answer."""

    record: Record
    question: Question
    content: Content


def draw_examples(
    pool: Pool, record: Record, question: Question, k: int, rng: Random
) -> list[Example]:
    """Draw up to k examples for a question about a record."""
    if question.subtask == "re-pair":
        asked = _of_pairs(pool.draw_pairs(record, question.labels, k, rng), question, rng)
    elif question.subtask == "ee-argument" and question.event is not None:
        asked = _of_events(pool.draw_events(record, question.event, k, rng), question, rng)
    else:
        asked = ((one, question) for one in pool.draw(record, question.labels, k, rng))
    return [Example(one, mine, ordered(one, mine)) for one, mine in asked]


def _of_pairs(
    records: Sequence[Record], question: Question, rng: Random
) -> Iterator[tuple[Record, Question]]:
    """Give each record a pair of its own: of the label shown least so far, else a negative one."""
    shown: Counter[str] = Counter()
    for record in records:
        mine = positive_pairs(record, question.by_key)
        if mine:
            least = min(shown[item.predicate] for item in mine)
            chosen = rng.choice([item for item in mine if shown[item.predicate] == least])
            shown[chosen.predicate] += 1
            head, tail = chosen.head, chosen.tail
        else:
            head, tail = rng.choice(negative_pairs(record))
        yield record, replace(question, head=head, tail=tail)


def _of_events(
    records: Sequence[Record], question: Question, rng: Random
) -> Iterator[tuple[Record, Question]]:
    """Give each record the trigger of an event of its own."""
    for record in records:
        events = [event for event in record.events if event.event_type in question.by_key]
        yield record, replace(question, trigger=rng.choice(events).trigger)


def write_example(question: Question, text: str, answer: str) -> str:
    """Write an example as forms.yaml words it."""
    phrases = load_phrases()
    values = {"text": text, "answer": answer}
    if question.head is not None and question.tail is not None:
        values |= {"head": question.head, "tail": question.tail}
    if question.event is not None:
        trigger = question.trigger or phrases.missing_trigger
        values |= {"event_type": question.event.name, "trigger": trigger}
    words = phrases.demonstrations
    return fill(_wording(words.get(question.subtask, words[ORDINARY])), values)


@cache
def _wording(words: str) -> tuple[Segment, ...]:
    return compile_wording(words, "forms.yaml")
