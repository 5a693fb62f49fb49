"""The official formula of DuEE 1.0: arguments scored by the characters they share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from chinchilla.score.counts import Counts, ScoreOptions, Tallied, micro, tallied, totals_of
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row

ArgumentType = tuple[str, str]
"""Event type and role."""
Arguments = dict[tuple[str, str, str], tuple[str, ...]]
"""The arguments of a document: event type, role, text in lower case to its aliases."""


def duee_official(pairs: Iterable[Pair], _: ScoreOptions) -> Tallied:
    """Add up, over predicted arguments, the best character F1 with a gold one of its type and role.

    The formula of the DuEE README of PaddleNLP (the code of the site is not public): score =
    type right x role right x character F1, case ignored, the best of several gold expressions;
    P = sum / predicted arguments, R = sum / gold arguments. The README leaves open, and this
    id fixes: shared characters are counted as a multiset; both sides lose duplicates of
    (type, role, text in lower case) inside a text; a gold argument may serve several
    predicted ones. Events are pooled and triggers are not scored.
    """
    earned, n_pred, n_gold = [], [], []
    labels: dict[str, list[float]] = {}
    for pair in pairs:
        gold, pred = distinct_arguments(pair.gold), distinct_arguments(pair.pred)
        texts = _texts(gold)
        credit = [_best(text, texts.get((kind, role), ())) for kind, role, text in pred]
        for (kind, _role, _text), value in zip(pred, credit, strict=True):
            sums = labels.setdefault(kind, [0.0, 0.0, 0.0])
            sums[0] += value
            sums[1] += 1
        for kind, _role, _text in gold:
            labels.setdefault(kind, [0.0, 0.0, 0.0])[2] += 1
        earned.append(sum(credit))
        n_pred.append(len(pred))
        n_gold.append(len(gold))
    columns = tallied(earned, n_pred, n_gold)
    counts = {name: Counts(*labels[name]) for name in sorted(labels)}
    return Tallied(columns, counts, totals_of(columns), micro)


def distinct_arguments(row: Row) -> Arguments:
    """Return the distinct arguments of a row; the aliases of equal ones are joined."""
    arguments: Arguments = {}
    for event in row.events:
        for item in event.arguments:
            key = (event.event_type, item.role, item.text.lower())
            aliases = tuple(name.lower() for name in item.alias)
            arguments[key] = arguments.get(key, ()) + aliases
    return arguments


def _texts(gold: Arguments) -> Mapping[ArgumentType, list[str]]:
    """Return the right ways to write the arguments of each type and role."""
    texts: dict[ArgumentType, list[str]] = {}
    for (kind, role, text), aliases in gold.items():
        texts.setdefault((kind, role), []).extend((text, *aliases))
    return texts


def _best(text: str, golds: Sequence[str]) -> float:
    if text in golds:
        return 1.0
    return max((shared(text, gold) for gold in golds), default=0.0)


def shared(pred: str, gold: str) -> float:
    """Return the F1 of the characters two strings share, counted as multisets."""
    both = (Counter(pred) & Counter(gold)).total()
    return 2 * both / (len(pred) + len(gold)) if both else 0.0
