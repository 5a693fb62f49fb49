"""Hard negatives: for each label those most easily taken for it, and batches made of them.

The data file is JSON: source, edition, and for each label a list of
`{"label": ..., "score": ..., "reasons": ["name 0.48", ...]}`, the closest first.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

import orjson
from pydantic import Field, ValidationError

from chinchilla.errors import ConfigError
from chinchilla.prompts.closeness import Evidence, Pair, by_confusion, by_name, by_types
from chinchilla.schema import Frozen, LabelSet, Record, Words, explain

LEAST = 0.05
"""The smallest score with which a label counts as easily confused."""

SEEN = 0.01
"""The smallest score with which a reason is named."""

Confusions = dict[str, tuple[str, ...]]
"""For each label the labels most easily taken for it, the closest first."""


class Confusable(Frozen):
    """Name a label that is easily taken for another, how easily (0 to 1) and why."""

    label: Words
    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()


class ConfusionFile(Frozen):
    """Hold what was mined of one edition of a source."""

    source: Words
    edition: Words
    labels: dict[str, tuple[Confusable, ...]]


Mined = dict[str, tuple[Confusable, ...]]


def mine(
    labels: LabelSet, records: Iterable[Record], pairs: Iterable[Pair] | None, top: int
) -> Mined:
    """Find for each label the `top` labels most easily taken for it, with the reasons.

    Reasons count as independent: score = 1 - product of (1 - score of a reason). Equal scores
    stand in the order of the card. `pairs` of gold and predicted records are those of a model.
    """
    evidence = [by_name(labels), *by_types(records)]
    if pairs is not None:
        evidence.append(by_confusion(pairs))
    return {label.key: _closest(label.key, labels, evidence)[:top] for label in labels}


def only_labels(mined: Mapping[str, Sequence[Confusable]]) -> Confusions:
    """Drop scores and reasons."""
    return {label: tuple(one.label for one in found) for label, found in mined.items()}


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
    found = only_labels(content.labels)
    known = content.labels if labels is None else labels.by_key
    for label, others in found.items():
        for name in (label, *others):
            if name not in known:
                what = f"the label {name!r} of {label!r} is not among the labels"
                raise ConfigError(str(path), what, f"it was mined of {content.source}; mine again")
    return found


def hard_batches(
    labels: Sequence[str], confusions: Mapping[str, Sequence[str]], size: int, rng: Random
) -> list[tuple[str, ...]]:
    """Cut labels into batches of `size` in which those easily confused stand together.

    Each batch begins with a label drawn from those left and is filled with labels confusable
    with its members. Which labels are gold is not asked, so the batches cannot tell. Every
    label stands in exactly one batch, all batches but one are full, and the order, of batches
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
    found = []
    for other in labels:
        reasons = [(one.scores.get(key, {}).get(other.key, 0.0), one.reason) for one in evidence]
        apart = 1.0
        for score, _ in reasons:
            apart *= 1.0 - score
        joined = round(1.0 - apart, 4)
        if other.key != key and joined >= LEAST:
            reasons.sort(key=lambda reason: (-reason[0], reason[1]))
            words = tuple(f"{reason} {score:.2f}" for score, reason in reasons if score >= SEEN)
            found.append(Confusable(label=other.key, score=joined, reasons=words))
    # the sort is stable: equal scores keep the order of the card
    return tuple(sorted(found, key=lambda one: -one.score))


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
