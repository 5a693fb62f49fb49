"""How easily one label is taken for another: by name, by what bears it, by a model's mistakes.

Each measure is a cosine (or a share) from 0 to 1, rounded to four digits so that the last bits
of a float never reach a file.
"""

import math
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cache
from itertools import combinations, groupby
from typing import Any, NamedTuple

from chinchilla.schema import Label, Record

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

    Words and characters that many labels share, such as those of a set phrase, weigh little.
    """
    vectors: dict[str, Counter[Hashable]] = {}
    for label in labels:
        vector = vectors.setdefault(label.key, Counter())
        for feature in _word_features(label.name):
            vector[feature] += NAME_WEIGHT
        vector.update(_word_features(label.description))
    return Evidence("name", cosines(vectors))


def by_types(records: Iterable[Record]) -> tuple[Evidence, ...]:
    """Compare what bears the labels, in one pass over the records.

    Relations: types of head and tail; where untyped, the two strings in either order, since a
    model that mistakes the direction answers with the opposite label. Entities: strings.
    Events: roles and triggers. Memory grows with the labels, not with the records.
    """
    seen: dict[str, dict[str, Counter[Hashable]]] = {}
    for record in records:
        for reason, label, feature in _borne(record):
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
    held: Counter[str] = Counter()
    confused: dict[str, Counter[str]] = defaultdict(Counter)
    for gold, predicted in pairs:
        located = _located(gold) and _located(predicted)
        wanted, given = _things(gold, located), _things(predicted, located)
        for thing, labels in wanted.items():
            wrong = [label for label in given.get(thing, ()) if label not in labels]
            for label in labels:
                held[label] += 1
                confused[label].update(wrong)
    scores = {
        label: {other: round(min(1.0, n / (held[label] + 1)), _DIGITS) for other, n in most.items()}
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
    for held in holders.values():
        rarity = math.log1p(len(vectors) / len(held)) ** 2
        for label, weight in held:
            squares[label] += rarity * weight * weight
        for (first, one), (second, two) in combinations(held, 2):
            dots[first, second] += rarity * one * two
    scores: Scores = {label: {} for label in vectors}
    for (first, second), dot in dots.items():
        score = round(min(1.0, dot / math.sqrt(squares[first] * squares[second])), _DIGITS)
        scores[first][second] = scores[second][first] = score
    return scores


def _word_features(words: str) -> Iterator[Hashable]:
    """Yield the words of a string and the pairs of characters that stand side by side."""
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


def _borne(record: Record) -> Iterator[tuple[str, str, Hashable]]:
    """Yield reason, label and what bears the label."""
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
