"""JSON as somebody might edit it: a value gone, or another in its place."""

import copy
from typing import Any

from hypothesis import strategies as st

VALUES = [None, True, 0, -1, 2**70, 1.5, "", "x", "../../etc/passwd", "/etc/passwd", [], ["x"], {}]
VALUES += [{"x": None}, {"../x": {"sha256": "0" * 64, "bytes": 1}}, [[1]], "2026", "\u0000"]


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value below one."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in inside:
        found.append((*before, key))
        if isinstance(one, dict | list):
            found += places(one, (*before, key))
    return found


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, Any]:
    """Draw the number of a place and what to put there; Ellipsis takes it away."""
    return draw(st.integers(0, 10**6)), draw(st.sampled_from([..., *VALUES]))


def edited(value: Any, changes: list[tuple[int, Any]]) -> Any:
    """Return JSON after some edits; which places there are is asked before each."""
    value = copy.deepcopy(value)
    for number, new in changes:
        every = places(value)
        if not every:
            break
        *way, last = every[number % len(every)]
        inside = value
        for key in way:
            inside = inside[key]
        if new is ...:
            del inside[last]
        else:
            inside[last] = copy.deepcopy(new)
    return value
