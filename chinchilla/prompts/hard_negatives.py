"""Hard negatives: for each label those most easily taken for it, and batches of them.

{"父亲": ("母亲", "兄弟姐妹"), ...}  mined from names, types and a model's mistakes
"""

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, combinations, groupby, zip_longest
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
from pydantic import Field, ValidationError

from chinchilla.errors import ConfigError
from chinchilla.schema import Frozen, Label, LabelSet, NonEmpty, Record, explain

NAME_WEIGHT = 3
"""How many times the words of a name weigh what those of a description do."""

MAX_STRINGS = 2000
"""How many different strings (or pairs of strings) are kept for a label."""

_DIGITS = 4

Scores = dict[str, dict[str, float]]
"""For each label the others that are close to it, with a score over 0 and up to 1."""


class Evidence(NamedTuple):
    """Why labels are close, in one word, and how close they are."""

    reason: str
    scores: Scores


Pair = tuple[Record, Record]
"""A gold record and the predicted one of the same id."""


def by_name(labels: Iterable[Label]) -> Evidence:
    """Compare names and descriptions: words and pairs of neighbouring characters.

    NonEmpty and characters that many labels share, such as those of a set phrase, weigh little.
    """
    vectors: dict[str, Counter[Hashable]] = {}
    for label in labels:
        vector = vectors.setdefault(label.key, Counter())
        for feature in _word_features(label.name):
            vector[feature] += NAME_WEIGHT
        vector.update(_word_features(label.description))
    return Evidence("name", cosines(vectors))


def by_types(records: Iterable[Record]) -> tuple[Evidence, ...]:
    """Compare what has the labels, in one pass over the records.

    Relations: types of head and tail; where untyped, the two strings in either order, since a
    model that mistakes the direction answers with the opposite label. Entities: strings.
    Events: roles and triggers. Memory grows with the labels, not with the records.
    """
    seen: dict[str, dict[str, Counter[Hashable]]] = {}
    for record in records:
        for reason, label, feature in _labelled(record):
            counter = seen.setdefault(reason, {}).setdefault(label, Counter())
            counter[feature] += 1
            if len(counter) > 2 * MAX_STRINGS:
                seen[reason][label] = Counter(dict(counter.most_common(MAX_STRINGS)))
    return tuple(Evidence(reason, cosines(seen[reason])) for reason in sorted(seen))


def by_confusion(pairs: Iterable[Pair]) -> Evidence:
    """Count, for each gold label, the other labels a model gives to the same thing.

    The thing is an entity's span, a relation's head and tail, an event's trigger. The score is
    directed: times confused / (times in gold + 1), so that one mistake in one is no certainty.
    """
    in_gold: Counter[str] = Counter()
    confused: dict[str, Counter[str]] = defaultdict(Counter)
    for gold, predicted in pairs:
        located = _located(gold) and _located(predicted)
        wanted, answered = _things(gold, located), _things(predicted, located)
        for thing, labels in wanted.items():
            wrong = [label for label in answered.get(thing, ()) if label not in labels]
            for label in labels:
                in_gold[label] += 1
                confused[label].update(wrong)
    scores = {
        label: {
            other: round(min(1.0, n / (in_gold[label] + 1)), _DIGITS) for other, n in most.items()
        }
        for label, most in confused.items()
    }
    return Evidence("model", scores)


def cosines(vectors: Mapping[str, Mapping[Hashable, float]]) -> Scores:
    """Return the cosine of every two labels that share a feature.

    A count weighs as its square root, and the more, the fewer labels have the feature.
    """
    holders: dict[Hashable, list[tuple[str, float]]] = {}
    for label, vector in vectors.items():
        for feature, count in vector.items():
            holders.setdefault(feature, []).append((label, math.sqrt(count)))
    squares: dict[str, float] = dict.fromkeys(vectors, 0.0)
    dots: defaultdict[tuple[str, str], float] = defaultdict(float)
    for group in holders.values():
        rarity = math.log1p(len(vectors) / len(group)) ** 2
        for label, weight in group:
            squares[label] += rarity * weight * weight
        for (first, weight), (second, other) in combinations(group, 2):
            dots[first, second] += rarity * weight * other
    scores: Scores = {label: {} for label in vectors}
    for (first, second), dot in dots.items():
        score = round(min(1.0, dot / math.sqrt(squares[first] * squares[second])), _DIGITS)
        scores[first][second] = scores[second][first] = score
    return scores


def _word_features(words: str) -> Iterator[Hashable]:
    """Yield the words of a string and the pairs of characters that are neighbours."""
    for is_word, run in groupby(words.casefold(), str.isalnum):
        if is_word:
            letters = "".join(run)
            yield from (("word", word) for word in _tokenizer().cut(letters, HMM=False))
            yield from (("pair", letters[at : at + 2]) for at in range(len(letters) - 1))


@cache
def _tokenizer() -> Any:
    """Load a tokenizer of our own: no log on stderr, no cache file in a shared folder."""
    with warnings.catch_warnings():
        # jieba imports pkg_resources and has unescaped backslashes; both warn
        warnings.simplefilter("ignore")
        import jieba
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def _labelled(record: Record) -> Iterator[tuple[str, str, Hashable]]:
    """Yield reason, label and what has the label."""
    for entity in record.entities:
        yield "strings", entity.type, entity.text
    for relation in record.relations:
        if relation.head_type and relation.tail_type:
            yield "types", relation.predicate, (relation.head_type, relation.tail_type)
        else:
            ends = tuple(sorted((relation.head, relation.tail)))
            yield "strings", relation.predicate, ends
    for event in record.events:
        if event.trigger is not None:
            yield "triggers", event.event_type, event.trigger
        for argument in event.arguments:
            yield "roles", event.event_type, argument.role


def _located(record: Record) -> bool:
    """Tell whether every entity and every trigger that is marked has an offset."""
    marked = [event for event in record.events if event.trigger is not None]
    starts = [entity.start for entity in record.entities]
    return None not in [*starts, *(event.trigger_start for event in marked)]


def _things(record: Record, located: bool) -> dict[Hashable, list[str]]:
    """Map each span, pair or trigger to its labels, each once, in the order of the record."""
    things: dict[Hashable, dict[str, None]] = {}
    for entity in record.entities:
        where = entity.start if located else None
        things.setdefault((entity.text, where), {})[entity.type] = None
    for relation in record.relations:
        things.setdefault((relation.head, relation.tail), {})[relation.predicate] = None
    for event in record.events:
        if event.trigger is not None:
            where = event.trigger_start if located else None
            things.setdefault((event.trigger, where), {})[event.event_type] = None
    return {thing: list(labels) for thing, labels in things.items()}


LEAST = 0.05
"""The smallest score with which a label counts as easily confused."""

SEEN = 0.01
"""The smallest score with which a reason is named."""

Confusions = dict[str, tuple[str, ...]]
"""For each label the labels most easily taken for it, the closest first."""


class Confusable(Frozen):
    """Name a label that is easily taken for another, how easily (0 to 1) and why."""

    label: NonEmpty
    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()


class ConfusionFile(Frozen):
    """Hold what was mined of one edition of a source."""

    source: NonEmpty
    edition: NonEmpty
    labels: dict[str, tuple[Confusable, ...]]


Mined = dict[str, tuple[Confusable, ...]]


def mine(
    labels: LabelSet, records: Iterable[Record], pairs: Iterable[Pair] | None, top: int
) -> Mined:
    """Find for each label the `top` labels most easily taken for it, with the reasons.

    Reasons count as independent: score = 1 - product of (1 - score of a reason). Equal scores
    are in the order of the card. `pairs` of gold and predicted records are those of a model.
    """
    evidence = [by_name(labels), *by_types(records)]
    if pairs is not None:
        evidence.append(by_confusion(pairs))
    return {label.key: _closest(label.key, labels, evidence)[:top] for label in labels}


def only_labels(mined: Mapping[str, Sequence[Confusable]]) -> Confusions:
    """Drop scores and reasons."""
    return {label: tuple(item.label for item in items) for label, items in mined.items()}


def dump_confusions(source: str, edition: str, mined: Mined) -> bytes:
    """Write the data file; the same findings give the same bytes."""
    content = ConfusionFile(source=source, edition=edition, labels=mined)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(content.model_dump(), option=options)


def read_confusions(path: Path, labels: LabelSet | None = None) -> Confusions:
    """Read a data file; raise ConfigError where it is not one, or not one of these labels."""
    todo = "write one with `chinchilla mine SOURCE --out FILE`"
    try:
        content = ConfusionFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read", todo) from error
    except ValidationError as error:
        raise ConfigError(str(path), f"no file of confusions ({explain(error)})", todo) from error
    confusions = only_labels(content.labels)
    known = content.labels if labels is None else labels.by_key
    for label, others in confusions.items():
        for name in (label, *others):
            if name not in known:
                what = f"the label {name!r} of {label!r} is not among the labels"
                raise ConfigError(str(path), what, f"it was mined of {content.source}; mine again")
    return confusions


def hard_batches(
    labels: Sequence[str], confusions: Mapping[str, Sequence[str]], size: int, rng: Random
) -> list[tuple[str, ...]]:
    """Cut labels into batches of `size` in which those easily confused are together.

    Each batch begins with a label drawn from those left and is filled with labels confusable
    with its members. Which labels are gold is not asked, so the batches cannot tell. Every
    label is in exactly one batch, all batches but one are full, and the order, of batches
    and within them, is drawn. Raises ValueError for a size below 1 and a label given twice.
    """
    if size < 1 or len({*labels}) != len(labels):
        raise ValueError("hard_batches needs a size of at least 1 and each label once")
    left = dict.fromkeys(rng.sample(labels, len(labels)))
    batches: list[list[str]] = []
    while left:
        batch: list[str] = []
        room = min(size, len(left))
        while len(batch) < room:
            batch.append(next(iter(left)))
            del left[batch[-1]]
            _fill(batch, room, left, confusions)
        rng.shuffle(batch)
        batches.append(batch)
    rng.shuffle(batches)
    return [tuple(batch) for batch in batches]


def _closest(key: str, labels: LabelSet, evidence: Sequence[Evidence]) -> tuple[Confusable, ...]:
    """Return the labels close to one, the closest first, whatever their number."""
    close = []
    for other in labels:
        reasons = [(one.scores.get(key, {}).get(other.key, 0.0), one.reason) for one in evidence]
        apart = 1.0
        for score, _ in reasons:
            apart *= 1.0 - score
        joined = round(1.0 - apart, 4)
        if other.key != key and joined >= LEAST:
            reasons.sort(key=lambda reason: (-reason[0], reason[1]))
            words = tuple(f"{reason} {score:.2f}" for score, reason in reasons if score >= SEEN)
            close.append(Confusable(label=other.key, score=joined, reasons=words))
    # the sort is stable: equal scores keep the order of the card
    return tuple(sorted(close, key=lambda item: -item.score))


def _fill(
    batch: list[str], room: int, left: dict[str, None], confusions: Mapping[str, Sequence[str]]
) -> None:
    """Move to a batch the labels most easily confused with its members, nearest first.

    Members take turns; labels moved to the batch bring their own neighbours once those of the
    members before are used up.
    """
    done = 0
    while done < len(batch) < room:
        ranks = zip_longest(*(confusions.get(label, ()) for label in batch[done:]))
        done = len(batch)
        for other in chain.from_iterable(ranks):
            if other in left:
                batch.append(other)
                del left[other]
                if len(batch) == room:
                    return
