"""Labels as a prompt shows them: names or other names, roles or ends, descriptions.

in a sentence    人物、作者（图书作品→人物）、裁员（裁员方、时间）
a label a line   - 作者（图书作品→人物）：谁写了这部作品
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple

from chinchilla.answers import Query
from chinchilla.schema import Label, Role

CODE = "LABEL_{}"


class LabelStyle(NamedTuple):
    """Whether a label is on a line of its own, and whether with its description there."""

    in_lines: bool
    described: bool

    def join(self, texts: Sequence[str]) -> str:
        """Return the labels of a prompt as one text."""
        return ("\n" if self.in_lines else "、").join(texts)

    def write(self, name: str, description: str) -> str:
        """Return one label or role, `name` with its details."""
        if not self.in_lines:
            return name
        return f"- {name}：{description}" if self.described and description else f"- {name}"


def label_text(label: Label, types: Mapping[str, str], style: LabelStyle) -> str:
    """Return a label: `name`, `name（head→tail）` or `name（role、role）`."""
    details = _details(label, types)
    return style.write(f"{label.name}（{details}）" if details else label.name, label.description)


def query_labels(query: Query, types: Mapping[str, str], style: LabelStyle) -> str:
    """Return the labels of a query; in ee-argument its roles, in ee-trigger names without roles.

    Args:
        query: what is asked.
        types: Chinese names of entity types, for the ends of relations.
        style: how a label is written.
    """
    if query.event is not None:
        return style.join(
            [style.write(_role(role), role.description) for role in query.event.roles]
        )
    labels: Sequence[Label] = query.known
    if query.subtask == "ee-trigger":
        labels = [label.model_copy(update={"roles": (), "head": None}) for label in labels]
    return style.join([label_text(label, types, style) for label in labels])


def _role(role: Role) -> str:
    """Return the name of a role, with the classes of a class-valued one."""
    return f"{role.name}：{'/'.join(role.values)}" if role.values else role.name


def _details(label: Label, types: Mapping[str, str]) -> str:
    if label.roles:
        return "、".join(_role(role) for role in label.roles)
    if label.head and label.tail:
        ends = f"{types.get(label.head, label.head)}→{types.get(label.tail, label.tail)}"
        return "；".join([ends, *(slot.name for slot in label.slots)])
    return ""


def rename(query: Query, how: str, rng: Random) -> Query:
    """Return the query with its labels renamed; keys, and so the gold, stay as they are.

    Args:
        query: what is asked.
        how: `code` for LABEL_k, `paraphrase` for an alias of the card.
        rng: draws the names.
    """
    if how == "code":
        numbers = rng.sample(range(1, len(query.labels) + 1), len(query.labels))
        names = [CODE.format(number) for number in numbers]
    else:
        names = _aliases(query.labels, rng)
    pairs = zip(query.labels, names, strict=True)
    labels = tuple(label.model_copy(update={"name": name}) for label, name in pairs)
    event = labels[0] if query.event is not None else None
    return replace(query, labels=labels, event=event)


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
