"""How a label stands in a prompt: its name or another, its roles or ends, its description."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from chinchilla.answers import Question
from chinchilla.schema import Label, Role


def label_words(label: Label, types: Mapping[str, str]) -> str:
    """Write a label in few words: `name`, `name（head→tail）` or `name（role、role）`."""
    details = _details(label, types)
    return f"{label.name}（{details}）" if details else label.name


def label_line(label: Label, types: Mapping[str, str], described: bool) -> str:
    """Write a label on a line of its own, with its description where wanted."""
    words = f"- {label_words(label, types)}"
    return f"{words}：{label.description}" if described and label.description else words


def role_line(role: Role, described: bool) -> str:
    """Write a role on a line of its own, with its description where wanted."""
    words = f"- {role_words(role)}"
    return f"{words}：{role.description}" if described and role.description else words


def role_words(role: Role) -> str:
    """Write a role: its name, and the classes of a class-valued one."""
    return f"{role.name}：{'/'.join(role.values)}" if role.values else role.name


def shown_labels(
    labels: Sequence[Label], types: Mapping[str, str], described: bool
) -> dict[str, str]:
    """Return the two ways in which a closed prompt shows its labels."""
    return {
        "labels": "、".join(label_words(label, types) for label in labels),
        "label_lines": "\n".join(label_line(label, types, described) for label in labels),
    }


def shown_names(labels: Sequence[Label], described: bool) -> dict[str, str]:
    """Return the two ways in which labels are shown by name alone, without roles or ends."""
    bare = [label.model_copy(update={"roles": (), "head": None}) for label in labels]
    return shown_labels(bare, {}, described)


def shown_roles(roles: Sequence[Role], described: bool) -> dict[str, str]:
    """Return the two ways in which a closed prompt shows the roles of an event type."""
    return {
        "labels": "、".join(role_words(role) for role in roles),
        "label_lines": "\n".join(role_line(role, described) for role in roles),
    }


def _details(label: Label, types: Mapping[str, str]) -> str:
    if label.roles:
        return "、".join(role_words(role) for role in label.roles)
    if label.head and label.tail:
        ends = f"{types.get(label.head, label.head)}→{types.get(label.tail, label.tail)}"
        return "；".join([ends, *(slot.name for slot in label.slots)])
    return ""


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
