"""Few-shot examples: drawn from train, balanced over labels, never the record itself.

record 张三来了 -> examples 李四走了 {"人名": ["李四"]}, 天晴了 {}
"""

import bisect
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from random import Random
from typing import NamedTuple

from chinchilla.answers import Content, Query, target
from chinchilla.errors import ConfigError
from chinchilla.prompts.queries import given_values, labels_of
from chinchilla.schema import Label, Record, Relation
from chinchilla.templates import fill_phrase, load_phrases

NOTHING = ""
"""The label of a record with nothing found."""
NEAR_DUPLICATE = 0.7
"""From this Jaccard similarity of character 3-grams on, two texts are near-duplicates."""
_TRIES = 4


class PoolSize(NamedTuple):
    """How many records a pool keeps for each label, and how long they may be.

    `length` counts code points of text and title.
    """

    per_label: int = 64
    length: int = 200


@dataclass
class _Bucket:
    """The records kept for one label, by rising hash."""

    keys: list[tuple[int, str]] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)

    def put(self, key: tuple[int, str], record: Record, room: int) -> None:
        """Keep the record if its hash is among the smallest."""
        if record.id in self.records or (len(self.keys) >= room and key > self.keys[-1]):
            return
        bisect.insort(self.keys, key)
        self.records[record.id] = record
        while len(self.keys) > room:
            del self.records[self.keys.pop()[1]]


class DemonstrationPool:
    """Hold records of one source's train split to draw examples from; can be pickled."""

    def __init__(self, records: Iterable[Record], seed: int, size: PoolSize | None = None) -> None:
        """Read the records once, keeping a bounded number of them.

        Raises ConfigError for a record that is not of train, is not labelled or is of another
        source than the first. `too_long` counts the records over the length.
        """
        self.seed, self.size = seed, size or PoolSize()
        self.source: str | None = None
        self.too_long = 0
        self._buckets: dict[str, _Bucket] = {}
        self._negative = False
        for record in records:
            self._check(record)
            if len(record.text) + len(record.title or "") > self.size.length:
                self.too_long += 1
            else:
                self._put(record)

    def __len__(self) -> int:
        """Count the records kept."""
        return len({name for bucket in self._buckets.values() for name in bucket.records})

    def draw(self, record: Record, labels: Sequence[Label], k: int, rng: Random) -> list[Record]:
        """Draw k examples for a record, fewer where the pool has no more.

        Of k >= 3, one has nothing to find under the labels asked; each other one has the label
        that was shown least so far. Neither the record nor a near-duplicate of it or of
        another example is drawn; of a few candidates, the shortest is.
        """
        picks = _Picks(record, frozenset(label.key for label in labels))
        if k >= 3:
            self._draw_nothing(picks, rng)
        return self._draw_labels(picks, labels, k, rng)

    def draw_pairs(
        self, record: Record, labels: Sequence[Label], k: int, rng: Random
    ) -> list[Record]:
        """Draw as `draw` does records that have a pair to show, annotated one way alone.

        The one with nothing to find has a pair annotated as having no relation.
        """
        picks = _Picks(record, frozenset(label.key for label in labels), _has_pair)
        # records without any relation have negative pairs most often
        if k >= 3 and self._negative and not self._draw_from(NOTHING, picks, rng):
            self._draw_nothing(picks, rng)
        return self._draw_labels(picks, labels, k, rng)

    def draw_events(self, record: Record, label: Label, k: int, rng: Random) -> list[Record]:
        """Draw as `draw` does records that all have an event of one type."""
        return self._draw_labels(_Picks(record, frozenset({label.key})), [label], k, rng)

    def _draw_labels(
        self, picks: "_Picks", labels: Sequence[Label], k: int, rng: Random
    ) -> list[Record]:
        """Draw until there are k examples, each for the label shown least so far."""
        open_labels = [label.key for label in labels if label.key in self._buckets]
        rng.shuffle(open_labels)
        while open_labels and len(picks.records) < k:
            least = min(open_labels, key=picks.shown.__getitem__)
            if not self._draw_from(least, picks, rng):
                open_labels.remove(least)
        rng.shuffle(picks.records)
        return picks.records

    def _check(self, record: Record) -> None:
        todo = "draw demonstrations from the labelled train records of one source"
        if record.split != "train" or not record.labelled:
            state = record.split if record.labelled else "not labelled"
            raise ConfigError(f"demonstration {record.id}", f"the record is {state}", todo)
        self.source = self.source or record.source
        if record.source != self.source:
            what = f"a record of {record.source} among those of {self.source}"
            raise ConfigError(f"demonstration {record.id}", what, todo)

    def _put(self, record: Record) -> None:
        digest = blake2b(f"{self.seed}-{record.id}".encode(), digest_size=8).digest()
        key = (int.from_bytes(digest, "big"), record.id)
        self._negative = self._negative or bool(record.na_pairs)
        for label in labels_of(record) or [NOTHING]:
            self._buckets.setdefault(label, _Bucket()).put(key, record, self.size.per_label)

    def _draw_nothing(self, picks: "_Picks", rng: Random) -> None:
        """Draw a record with none of the labels asked, if there is one."""
        others = sorted(label for label in self._buckets if label not in picks.labels)
        rng.shuffle(others)
        for label in others:
            if self._draw_from(label, picks, rng):
                return

    def _draw_from(self, label: str, picks: "_Picks", rng: Random) -> bool:
        """Draw one record of a label; tell whether there was one."""
        bucket = self._buckets.get(label, _Bucket())
        asked = label in picks.labels
        order = rng.sample(bucket.keys, len(bucket.keys))
        records = (bucket.records[name] for _, name in order)
        fitting = (record for record in records if picks.takes(record, asked))
        few = list(islice(fitting, _TRIES))
        if few:
            picks.add(min(few, key=lambda one: (len(one.text), one.id)))
        return bool(few)


class _Picks:
    """The examples drawn so far for a record, and what they show."""

    def __init__(
        self,
        record: Record,
        labels: frozenset[str],
        fits: Callable[[Record, frozenset[str], bool], bool] | None = None,
    ) -> None:
        self.labels = labels
        self._fits = fits
        self.records: list[Record] = []
        self.shown: Counter[str] = Counter()
        self._ids = {record.id}
        self._texts = [trigrams(record.text)]

    def takes(self, record: Record, asked: bool) -> bool:
        """Tell whether a record may be drawn: it has labels that are asked just where it should."""
        if record.id in self._ids or asked == self.labels.isdisjoint(labels_of(record)):
            return False
        if self._fits is not None and not self._fits(record, self.labels, asked):
            return False
        mine = trigrams(record.text)
        return all(jaccard(mine, other) < NEAR_DUPLICATE for other in self._texts)

    def add(self, record: Record) -> None:
        """Count a record as drawn."""
        self.records.append(record)
        self.shown.update(label for label in labels_of(record) if label in self.labels)
        self._ids.add(record.id)
        self._texts.append(trigrams(record.text))


def _has_pair(record: Record, labels: frozenset[str], asked: bool) -> bool:
    """Tell whether a record has a pair with one of the labels, or one with none."""
    return bool(positive_pairs(record, labels) if asked else negative_pairs(record))


def positive_pairs(record: Record, labels: Container[str]) -> list[Relation]:
    """List the relations with one of the labels whose pair is not annotated as negative too."""
    denied = {(item.head, item.tail) for item in record.na_pairs}
    mine = [item for item in record.relations if item.predicate in labels]
    return [item for item in mine if (item.head, item.tail) not in denied]


def negative_pairs(record: Record) -> list[tuple[str, str]]:
    """List head and tail of the pairs annotated as having no relation, each once."""
    related = {(item.head, item.tail) for item in record.relations}
    pairs = dict.fromkeys((item.head, item.tail) for item in record.na_pairs)
    return [pair for pair in pairs if pair not in related]


def trigrams(text: str) -> frozenset[str]:
    """Return the character 3-grams of a text without white space; of a shorter one, itself."""
    words = "".join(text.split())
    return frozenset(words[at : at + 3] for at in range(max(1, len(words) - 2)))


def jaccard(first: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of which one at least is not empty."""
    return len(first & other) / len(first | other)


class PromptExample(NamedTuple):
    """A text of train, the query about it, and the answer."""

    record: Record
    query: Query
    content: Content


def draw_examples(
    pool: DemonstrationPool, record: Record, query: Query, k: int, rng: Random
) -> list[PromptExample]:
    """Draw up to k examples for a query about a record."""
    if query.subtask == "re-pair":
        asked = _of_pairs(pool.draw_pairs(record, query.labels, k, rng), query, rng)
    elif query.subtask == "ee-argument" and query.event is not None:
        asked = _of_events(pool.draw_events(record, query.event, k, rng), query, rng)
    else:
        asked = ((one, query) for one in pool.draw(record, query.labels, k, rng))
    return [PromptExample(one, mine, target(one, mine)) for one, mine in asked]


def _of_pairs(
    records: Sequence[Record], query: Query, rng: Random
) -> Iterator[tuple[Record, Query]]:
    """Give each record a pair of its own: of the label shown least so far, else a negative one."""
    shown: Counter[str] = Counter()
    for record in records:
        mine = positive_pairs(record, query.by_key)
        if mine:
            least = min(shown[item.predicate] for item in mine)
            chosen = rng.choice([item for item in mine if shown[item.predicate] == least])
            shown[chosen.predicate] += 1
            head, tail = chosen.head, chosen.tail
        else:
            head, tail = rng.choice(negative_pairs(record))
        yield record, replace(query, head=head, tail=tail)


def _of_events(
    records: Sequence[Record], query: Query, rng: Random
) -> Iterator[tuple[Record, Query]]:
    """Give each record the trigger of an event of its own."""
    for record in records:
        events = [event for event in record.events if event.event_type in query.by_key]
        yield record, replace(query, trigger=rng.choice(events).trigger)


def write_example(query: Query, text: str, answer: str) -> str:
    """Write an example as forms.yaml words it."""
    phrases = load_phrases().demonstrations
    values = {"text": text, "answer": answer, **given_values(query)}
    return fill_phrase(phrases.get(query.subtask, phrases["example"]), values)
