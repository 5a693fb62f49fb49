"""Labels under other names for one row: LABEL_k, or an alias of their card."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from chinchilla.answers import Question
from chinchilla.schema import Label

CODE = "LABEL_{}"


def rename(question: Question, how: str, rng: Random) -> Question:
    """Return the question with its labels renamed; keys, and so the gold, stay as they are."""
    if how == "code":
        numbers = rng.sample(range(1, len(question.labels) + 1), len(question.labels))
        names = [CODE.format(number) for number in numbers]
    else:
        names = _aliases(question.labels, rng)
    pairs = zip(question.labels, names, strict=True)
    labels = tuple(label.model_copy(update={"name": name}) for label, name in pairs)
    event = labels[0] if question.event is not None else None
    return replace(question, labels=labels, event=event)


def _aliases(labels: Sequence[Label], rng: Random) -> list[str]:
    """Draw a name for each label from its own and its aliases, no name twice."""
    taken = {label.name for label in labels}
    names = []
    for label in labels:
        free = [label.name, *(alias for alias in label.aliases if alias not in taken)]
        name = rng.choice(free)
        taken.add(name)
        names.append(name)
    return names
