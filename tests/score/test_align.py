"""Strings without offsets are placed at occurrences of their own."""

import pytest

from chinchilla.score.pairing import Pair, align
from chinchilla.score.rows import Row, ScoredEntity

TEXT = "aXbXXcX"
CASES = [
    # the k-th copy takes the k-th occurrence; the fifth is one too many
    (["X"] * 5, [1, 3, 4, 6, None]),
    (["X", "zz", "XX", "X"], [1, None, 3, 3]),
    ([""], [None]),
]


@pytest.mark.parametrize(("strings", "starts"), CASES)
def test_copies_take_occurrences_from_left_to_right(strings, starts) -> None:
    row = Row("a", entities=tuple(ScoredEntity("A", words) for words in strings))
    placed = align(Pair(Row("a", text=TEXT), row)).entities
    assert [one.start for one in placed] == starts
    for one in placed:
        assert one.start is None or TEXT[one.start : one.end] == one.text


def test_types_are_placed_apart_so_that_their_order_is_without_effect() -> None:
    items = (ScoredEntity("A", "X"), ScoredEntity("B", "X"), ScoredEntity("A", "X"))
    placed = align(Pair(Row("a", text=TEXT), Row("a", entities=items))).entities
    assert [(one.type, one.start) for one in placed] == [("A", 1), ("B", 1), ("A", 3)]


def test_an_occurrence_that_is_held_is_passed_over() -> None:
    items = (ScoredEntity("A", "X"), ScoredEntity("A", "X", 1, 2))
    placed = align(Pair(Row("a", text=TEXT), Row("a", entities=items))).entities
    assert [one.start for one in placed] == [3, 1]


def test_occurrences_do_not_overlap() -> None:
    items = (ScoredEntity("A", "oo"), ScoredEntity("A", "oo"))
    placed = align(Pair(Row("a", text="oooo"), Row("a", entities=items))).entities
    assert [(one.start, one.end) for one in placed] == [(0, 2), (2, 4)]
