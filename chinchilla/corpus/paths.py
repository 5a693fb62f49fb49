"""Paths into a JSON object: the items of a list, the value of a field, and what is not there."""

from typing import Any, NamedTuple

from chinchilla.corpus.shape import MisfitError
from chinchilla.readers.jsonl import kind


class Found(NamedTuple):
    """An item met by a path, and the keys its stars went through."""

    item: Any
    keys: tuple[str, ...]


class Missing(NamedTuple):
    """A step of a path that is absent or null, and what it was looked for in."""

    step: str
    holder: Any


class Walk(NamedTuple):
    """The items a list path leads to, and where it led nowhere."""

    items: list[Found]
    missing: list[Missing]


class Absent:
    """What is found where there is nothing, not even null."""


ABSENT = Absent()


class UnmappedError(KeyError):
    """Raised when a path of the mapping leads nowhere, in a record or in an item of a list."""

    def __init__(self, path: str, holder: Any, inside: str = "") -> None:
        """Keep the path, what it was looked for in, and the list that holds it, if any."""
        super().__init__(path)
        self.path, self.holder, self.inside = path, holder, inside


def walk(row: Any, path: str) -> Walk:
    """Follow a list path; raise MisfitError where something else than a list or object is met."""
    steps = path.split(".")
    found, missing = [Found(row, ())], list[Missing]()
    for number, step in enumerate(steps):
        so_far = ".".join(steps[:number]) or "the record"
        after: list[Found] = []
        for one in found:
            after += _stars(one, so_far) if step == "*" else _key(one, step, so_far, missing)
        found = after
    items = [item for one in found for item in _items(one, path, steps[-1] == "*")]
    return Walk(items, missing)


def _key(found: Found, step: str, so_far: str, missing: list[Missing]) -> list[Found]:
    item, keys = found
    if item is not None and not isinstance(item, dict | list):
        raise MisfitError(f"{so_far} is {kind(item)}, not an object")
    if isinstance(item, list) and not step.isdigit():
        raise MisfitError(f"{so_far} is a list, not an object; a * goes over its items")
    value = _get(item, step)
    if value is None or isinstance(value, Absent):
        missing.append(Missing(step, item))
        return []
    return [Found(value, keys)]


def _stars(found: Found, so_far: str) -> list[Found]:
    item, keys = found
    if isinstance(item, dict):
        return [Found(value, (*keys, key)) for key, value in item.items()]
    if not isinstance(item, list):
        raise MisfitError(f"{so_far} is {kind(item)}, not a list or an object")
    return [Found(value, keys) for value in item]


def _items(found: Found, path: str, star: bool) -> list[Found]:
    """Return the items of a list, or what a star led to, each as one."""
    item, keys = found
    if not star and not isinstance(item, dict | list):
        raise MisfitError(f"{path} is {kind(item)}, not a list")
    inside = not star and isinstance(item, list)
    items = [Found(inner, keys) for inner in item] if inside else [found]
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


def fetch(found: Found, path: str, inside: str = "") -> Any:
    """Return the value a path leads to; raise UnmappedError for none, MisfitError for null."""
    if path.startswith("$"):
        number = int(path[1:])
        if number > len(found.keys):
            raise MisfitError(f"{inside} has a list where the keys of an object are {path}")
        return found.keys[number - 1]
    value = lookup(found.item, path)
    if isinstance(value, Absent):
        raise UnmappedError(path, found.item, inside)
    if value is None:
        raise MisfitError(f"{path!r}{_of(inside)} is null")
    return value


def fetch_words(found: Found, path: str, inside: str = "") -> str:
    """Return the words a path leads to; raise MisfitError for what is none."""
    value = fetch(found, path, inside)
    if not isinstance(value, str):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a string")
    if not value:
        raise MisfitError(f"{path!r}{_of(inside)} is empty")
    return value


def fetch_offset(found: Found, path: str, inside: str = "") -> int:
    """Return the offset a path leads to; raise MisfitError for what is none."""
    value = fetch(found, path, inside)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise MisfitError(f"{path!r}{_of(inside)} is {kind(value)}, not a whole number")
    if value < 0:
        raise MisfitError(f"{path!r}{_of(inside)} is the offset {value}, before the text")
    return value


def fetch_labels(found: Found, path: str, inside: str = "") -> list[str]:
    """Return the labels a path leads to: one, or those of a list of them."""
    value = fetch(found, path, inside)
    if not isinstance(value, list):
        return [fetch_words(found, path, inside)]
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
