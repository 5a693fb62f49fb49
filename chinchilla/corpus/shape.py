"""The shape of a JSON record: which field of one differs from it, and names that are near.

A shape is a type, a list of one shape, an object of shapes by their keys, or a tuple of shapes
of which one must fit; None is null. The value of a key may be `Absent`.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from chinchilla.readers.jsonl import kind

Shape = Any
_KINDS: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    list: "a list",
    dict: "an object",
}


class Absent(NamedTuple):
    """The shape of a value whose key may be missing."""

    shape: Shape


class MisfitError(TypeError):
    """Raised when a record is not of its shape; its words say in what."""


def check_list(value: Any) -> None:
    """Raise TypeError for what is no list; the shape of the record says where it is."""
    if not isinstance(value, list):
        raise TypeError


def misfit(value: Any, shape: Shape, path: str = "") -> str | None:
    """Say where a value differs first from a shape, None where it fits."""
    return next(_misfits(value, shape, path), None)


def _misfits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, tuple):
        found = [misfit(value, one, path) for one in shape]
        if None not in found:
            same = [words for one, words in zip(shape, found, strict=True) if _alike(value, one)]
            yield str((same or found)[0])
    elif not _alike(value, shape):
        yield f"{path or 'the record'} is {kind(value)}, not {_name(shape)}"
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from _misfits(item, shape[0], f"{path}.{number}")
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            if key not in value and isinstance(inner, Absent):
                continue
            if key not in value:
                yield f"no {key!r}{f' in {path}' if path else ''}{near_key(key, value, shape)}"
            else:
                yield from _misfits(value[key], inner, f"{path}.{key}" if path else key)


def _alike(value: Any, shape: Shape) -> bool:
    if shape is None:
        return value is None
    wanted = shape if isinstance(shape, type) else type(shape)
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _name(shape: Shape) -> str:
    return "null" if shape is None else _KINDS[shape if isinstance(shape, type) else type(shape)]


def near_key(name: str, keys: Iterable[str], known: Iterable[str] = ()) -> str:
    """Return words that point to the key nearest to a missing one, "" where none is near."""
    near = nearest(name, tuple(sorted(set(keys) - set(known))))
    return "" if near is None else f", but there is {near!r}"


@lru_cache(maxsize=4096)
def nearest(name: str, names: tuple[str, ...], cutoff: float = 0.6) -> str | None:
    """Return the name nearest to one that is not known, None where none is near.

    Letter case and the width of characters count for nothing.
    """
    plain: dict[str, str] = {}
    for one in names:
        plain.setdefault(fold(one), one)
    if fold(name) in plain:
        return plain[fold(name)]
    close = get_close_matches(fold(name), plain, 1, cutoff)
    return plain[close[0]] if close else None


def fold(name: str) -> str:
    """Return a name without letter case and width."""
    return unicodedata.normalize("NFKC", name).casefold().strip()
