"""The shape of a JSON record: which field differs from it, and names that are near.

A shape is a type, a list of one shape, an object of shapes by their keys, or a tuple of shapes
of which one must fit; None is null. The value of a key may be `AbsentKeys`.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from chinchilla.readers.jsonl import kind

Shape = Any
_KINDS = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


class AbsentKeys(NamedTuple):
    """The shape of a value whose key may be missing."""

    shape: Shape


class MisfitError(TypeError):
    """Raised when a record is not of its shape; the message says in what."""


def check_list(value: Any) -> None:
    """Raise TypeError for what is no list; `misfit` says where it is."""
    if not isinstance(value, list):
        raise TypeError


def misfit(value: Any, shape: Shape, path: str = "") -> str | None:
    """Return where a value differs first from a shape, None where it fits."""
    return next(_misfits(value, shape, path), None)


def _misfits(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, tuple):
        misfits = [misfit(value, one, path) for one in shape]
        if None not in misfits:
            alike = [what for one, what in zip(shape, misfits, strict=True) if _alike(value, one)]
            yield str((alike or misfits)[0])
    elif not _alike(value, shape):
        yield f"{path or 'the record'} is {kind(value)}, not {_name(shape)}"
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from _misfits(item, shape[0], f"{path}.{number}")
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            if key in value:
                yield from _misfits(value[key], inner, f"{path}.{key}" if path else key)
            elif not isinstance(inner, AbsentKeys):
                yield f"no {key!r}{f' in {path}' if path else ''}{near_key(key, value, shape)}"


def _alike(value: Any, shape: Shape) -> bool:
    if shape is None:
        return value is None
    wanted = shape if isinstance(shape, type) else type(shape)
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _name(shape: Shape) -> str:
    return "null" if shape is None else _KINDS[shape if isinstance(shape, type) else type(shape)]


def near_key(name: str, keys: Iterable[str], known: Iterable[str] = ()) -> str:
    """Return a hint at the key nearest to a missing one, "" where none is near."""
    near = nearest(name, tuple(sorted(set(keys) - set(known))))
    return "" if near is None else f", but there is {near!r}"


@lru_cache(maxsize=4096)
def nearest(name: str, names: tuple[str, ...], cutoff: float = 0.6) -> str | None:
    """Return the known name nearest to an unknown one, None where none is near.

    Letter case and the width of characters count for nothing.
    """
    folded: dict[str, str] = {}
    for known in names:
        folded.setdefault(fold(known), known)
    if fold(name) in folded:
        return folded[fold(name)]
    close = get_close_matches(fold(name), folded, 1, cutoff)
    return folded[close[0]] if close else None


def fold(name: str) -> str:
    """Return a name without letter case and width."""
    return unicodedata.normalize("NFKC", name).casefold().strip()
