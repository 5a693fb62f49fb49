"""Paths into a JSON object: the items of a list, the value of a field, and what is not there."""

from typing import Any, NamedTuple

from chinchilla.readers.jsonl import kind
from chinchilla.readers.shape import MisfitError


class Match(NamedTuple):
    """An item met by a path, and the keys its stars went through."""

    item: Any
    keys: tuple[str, ...]


class Missing(NamedTuple):
    """A step of a path that is absent or null, and what it was looked for in."""

    step: str
    holder: Any


class PathWalk(NamedTuple):
    """The items a list path leads to, and where it led nowhere."""

    items: list[Match]
    missing: list[Missing]


class Absent:
    """The value of a path that leads to nothing, not even null."""


ABSENT = Absent()


class UnmappedError(KeyError):
    """Raised when a path of the mapping leads nowhere, in a record or in an item of a list."""

    def __init__(self, path: str, holder: Any, inside: str = "") -> None:
        """Keep the path, what it was looked for in, and the list that holds it, if any."""
        super().__init__(path)
        self.path, self.holder, self.inside = path, holder, inside


def walk(row: Any, path: str) -> PathWalk:
    """Follow a list path; raise MisfitError where something else than a list or object is met."""
    steps = path.split(".")
    matches, missing = [Match(row, ())], list[Missing]()
    for number, step in enumerate(steps):
        so_far = ".".join(steps[:number]) or "the record"
        matches = [
            after
            for match in matches
            for after in (
                _stars(match, so_far) if step == "*" else _key(match, step, so_far, missing)
            )
        ]
    items = [item for match in matches for item in _items(match, path, steps[-1] == "*")]
    return PathWalk(items, missing)


def _key(match: Match, step: str, so_far: str, missing: list[Missing]) -> list[Match]:
    item, keys = match
    if item is not None and not isinstance(item, dict | list):
        raise MisfitError(f"{so_far} is {kind(item)}, not an object")
    if isinstance(item, list) and not step.isdigit():
        raise MisfitError(f"{so_far} is a list, not an object; a * goes over its items")
    value = _get(item, step)
    if value is None or isinstance(value, Absent):
        missing.append(Missing(step, item))
        return []
    return [Match(value, keys)]


def _stars(match: Match, so_far: str) -> list[Match]:
    item, keys = match
    if isinstance(item, dict):
        return [Match(value, (*keys, key)) for key, value in item.items()]
    if not isinstance(item, list):
        raise MisfitError(f"{so_far} is {kind(item)}, not a list or an object")
    return [Match(value, keys) for value in item]


def _items(match: Match, path: str, star: bool) -> list[Match]:
    """Return the items of a list; what a star led to is one item."""
    item, keys = match
    if not star and not isinstance(item, dict | list):
        raise MisfitError(f"{path} is {kind(item)}, not a list")
    inside = not star and isinstance(item, list)
    items = [Match(inner, keys) for inner in item] if inside else [match]
    if any(one.item is None for one in items):
        raise MisfitError(f"an item of {path} is null")
    return items


def lookup(item: Any, path: str) -> Any:
    """Return the value a path leads to: None where it or a holder of it is null, else ABSENT."""
    for step in path.split("."):
        if item is None or isinstance(item, Absent):
            break
        item = _get(item, step)
    return item


def fetch(match: Match, path: str, inside: str = "") -> Any:
    """Return the value a path leads to; raise UnmappedError for none, MisfitError for null."""
    if path.startswith("$"):
        number = int(path[1:])
        if number > len(match.keys):
            raise MisfitError(f"{inside} has a list where the keys of an object are {path}")
        return match.keys[number - 1]
    value = lookup(match.item, path)
    if isinstance(value, Absent):
        raise UnmappedError(path, match.item, inside)
    if value is None:
        raise MisfitError(f"{path!r}{_of(inside)} is null")
    return value


def fetch_string(match: Match, path: str, inside: str = "") -> str:
    """Return the string a path leads to; raise MisfitError for what is none."""
    value = fetch(match, path, inside)
    if not isinstance(value, str):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a string")
    if not value:
        raise MisfitError(f"{path!r}{_of(inside)} is empty")
    return value


def fetch_offset(match: Match, path: str, inside: str = "") -> int:
    """Return the offset a path leads to; raise MisfitError for what is none."""
    value = fetch(match, path, inside)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a whole number")
    if value < 0:
        raise MisfitError(f"{path!r}{_of(inside)} is the offset {value}, before the text")
    return value


def fetch_labels(match: Match, path: str, inside: str = "") -> list[str]:
    """Return the labels a path leads to: one, or those of a list of them."""
    value = fetch(match, path, inside)
    if not isinstance(value, list):
        return [fetch_string(match, path, inside)]
    if not value or not all(isinstance(one, str) and one for one in value):
        what = "an empty list" if not value else "a list of other things than labels"
        raise MisfitError(f"{path!r}{_of(inside)} is {what}")
    return value


def _of(inside: str) -> str:
    return f" of an item of {inside!r}" if inside else ""


def _get(item: Any, step: str) -> Any:
    if isinstance(item, dict):
        return item.get(step, ABSENT)
    if isinstance(item, list) and step.isdigit() and int(step) < len(item):
        return item[int(step)]
    return ABSENT
