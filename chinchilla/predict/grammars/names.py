"""What may be named in an answer: the names asked, with the parts and the classes of each."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chinchilla.answers import Query
from chinchilla.schema import Label, Role, Slot


class Name(NamedTuple):
    """A name that items may stand under: of a label, or of a role or slot of one.

    `values` are the classes that may stand in place of a span, `parts` the roles or slots.
    """

    name: str
    values: tuple[str, ...] = ()
    parts: tuple["Name", ...] = ()


def names(query: Query) -> list[Name]:
    """List the names under which items of an answer may stand, in the order asked."""
    if query.subtask == "ee-argument":
        return _joined(_part(role) for role in (query.event.roles if query.event else ()))
    return _joined(
        Name(label.name, (), tuple(map(_part, _parts(label, query)))) for label in query.known
    )


def _parts(label: Label, query: Query) -> Sequence[Role | Slot]:
    if query.subtask == "re":
        return label.slots
    return label.roles if query.subtask == "ee" else ()


def _part(part: Role | Slot) -> Name:
    return Name(part.name, part.values if isinstance(part, Role) else ())


def _joined(found: Iterable[Name]) -> list[Name]:
    """Join what goes by the same name: an answer cannot tell it apart."""
    joined: dict[str, Name] = {}
    for one in found:
        known = joined.get(one.name, Name(one.name))
        values = tuple(dict.fromkeys(known.values + one.values))
        joined[one.name] = Name(one.name, values, tuple(_joined(known.parts + one.parts)))
    return list(joined.values())


def ways(found: Iterable[Name]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Group names by the classes they may take: (classes, names)."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        groups.setdefault(one.values, []).append(one.name)
    return list(groups.items())
