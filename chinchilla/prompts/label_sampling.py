"""Which labels one prompt asks: negatives, dropout, order, batches, parts of roles.

labels a b c d e f, gold a, negatives 2, size 3  ->  [c, a, f]
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from chinchilla.prompts.hard_negatives import Confusions, hard_batches
from chinchilla.prompts.options import PromptOptions
from chinchilla.schema import Label


class Draw(NamedTuple):
    """What decides the batches of a record: options, batch size, train or not, generator."""

    options: PromptOptions
    size: int
    train: bool
    rng: Random
    confusions: Confusions


def batches(labels: Sequence[Label], present: frozenset[str], draw: Draw) -> Iterator[list[Label]]:
    """Yield the labels of each prompt of a record; together they are the labels asked.

    `present` are the raw labels the record has. Every record asks something: one without a
    label left gets one batch of others.
    """
    asked = _asked(labels, present, draw) if draw.train else labels
    size = draw.size
    if size == 0 or size >= len(asked):
        yield _order(asked, draw)
        return
    if draw.confusions:
        by_key = {label.key: label for label in asked}
        for batch in hard_batches(list(by_key), draw.confusions, size, draw.rng):
            yield [by_key[key] for key in batch]
        return
    asked = _order(asked, draw)
    for start in range(0, len(asked), size):
        yield asked[start : start + size]


def _asked(labels: Sequence[Label], present: frozenset[str], draw: Draw) -> list[Label]:
    """Choose what train asks; in the order given, so that what follows cannot tell the gold."""
    positive = [label for label in labels if label.key in present]
    others = [label for label in labels if label.key not in present]
    dropout = draw.options.label_dropout
    if dropout:
        positive = [label for label in positive if draw.rng.random() >= dropout]
    chosen = {label.key for label in (*positive, *_negatives(positive, others, draw))}
    return [label for label in labels if label.key in chosen]


def _negatives(positive: list[Label], others: list[Label], draw: Draw) -> list[Label]:
    """Draw the negative labels, confusable ones first."""
    options = draw.options
    if options.negatives is None and options.negative_ratio is None:
        return others
    wanted = min(_wanted(len(positive), len(others), draw), len(others))
    # around a label of its own, or labels far from each other would tell that none is gold
    alone = bool(draw.confusions and others) and not positive
    lone = [draw.rng.choice(others)] if alone else []
    near = {name for one in positive + lone for name in draw.confusions.get(one.key, ())}
    close = [label for label in others if label.key in near and label not in lone]
    hard = (lone + close)[:wanted]
    rest = [label for label in others if label not in hard]
    return hard + draw.rng.sample(rest, wanted - len(hard))


def _wanted(positive: int, others: int, draw: Draw) -> int:
    """Return how many negative labels to ask: as many as the options say, and to fill prompts.

    Every prompt has as many labels as one may have, or their number would tell that of the gold.
    """
    options, size = draw.options, draw.size
    wanted = options.negatives
    if wanted is None:
        wanted = round((options.negative_ratio or 0) * positive)
    if size == 0:
        return wanted if positive else max(wanted, 1)
    # a last prompt for which too few labels are left is asked for the sake of gold alone
    full = min(-(-(positive + wanted) // size), (positive + others) // size)
    return max(full, -(-positive // size), 1) * size - positive


def _order(asked: Sequence[Label], draw: Draw) -> list[Label]:
    """Put labels into an order drawn for the record, or leave them in that of the card."""
    if not draw.options.shuffle_labels:
        return list(asked)
    # sorting by drawn keys takes a fraction of the time of Random.sample
    drawn = memoryview(draw.rng.randbytes(8 * len(asked))).cast("Q").tolist()
    return [asked[at] for at in sorted(range(len(asked)), key=drawn.__getitem__)]


def role_parts(labels: Sequence[Label], size: int) -> Iterator[list[Label]]:
    """Yield rounds of labels with at most `size` roles each; a round has a label once."""
    if size == 0:
        yield list(labels)
        return
    rounds = max((-(-len(label.roles) // size) for label in labels), default=1)
    for number in range(max(rounds, 1)):
        part = slice(number * size, (number + 1) * size)
        yield [
            label.model_copy(update={"roles": label.roles[part]}) if label.roles else label
            for label in labels
            if number == 0 or label.roles[part]
        ]
