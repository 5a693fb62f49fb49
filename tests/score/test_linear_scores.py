"""The fast ways to match items give what comparing each with each gives."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from chinchilla.score.counts import ScoreOptions
from chinchilla.score.error_analysis import PredictedItem, _Matching
from chinchilla.score.metrics.matching import multiset, relation_boundary
from chinchilla.score.metrics.ner import _overlaps
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row
from chinchilla.score.triples import Triple, count_triples

pytestmark = pytest.mark.slow

TEXT = "甲乙丙甲乙"
PLACES = st.tuples(st.integers(0, 4), st.integers(1, 3)).map(lambda one: (one[0], sum(one)))


@st.composite
def item(draw: st.DrawFn) -> PredictedItem:
    start, end = draw(PLACES)
    words = draw(st.sampled_from([(TEXT[start:end] or "x",), (TEXT[start:end], "丙"), ("x",)]))
    label, role = draw(st.sampled_from("ab")), draw(st.sampled_from([None, "r"]))
    return PredictedItem(label, words, role, *(draw(st.sampled_from([(start, end), (None, None)]))))


def one_by_one(
    gold: list[PredictedItem], pred: list[PredictedItem]
) -> list[tuple[str, PredictedItem | None, PredictedItem | None]]:
    """Match as `_Matching` says it does, each item compared with each."""
    found: list[tuple[str, PredictedItem | None, PredictedItem | None]] = []
    ways: list[tuple[str, Callable[[PredictedItem, PredictedItem], bool]]] = [
        ("right", lambda a, b: a.name == b.name and same(a, b)),
        ("wrong_label", same),
        ("wrong_boundary", lambda a, b: a.name == b.name and overlap(a, b)),
    ]
    for kind, alike in ways:
        left = []
        for one in pred:
            usable = kind == "right" or "x" not in one.strings
            match = next((other for other in gold if usable and alike(other, one)), None)
            if match is None:
                left.append(one)
            else:
                gold.remove(match)
                found.append((kind, match, one))
        pred = left
    found += [("hallucinated" if "x" in one.strings else "spurious", None, one) for one in pred]
    return found + [("missed", one, None) for one in gold]


def sort(one: PredictedItem) -> tuple[bool, int]:
    return one.role is None, len(one.strings)


def same(gold: PredictedItem, pred: PredictedItem) -> bool:
    placed = gold.start is not None and pred.start is not None
    place = not placed or (gold.start, gold.end) == (pred.start, pred.end)
    return place and gold.strings == pred.strings and sort(gold) == sort(pred)


def overlap(gold: PredictedItem, pred: PredictedItem) -> bool:
    if sort(gold) != sort(pred):
        return False
    if gold.start is not None and gold.end and pred.start is not None and pred.end:
        return gold.start < pred.end and pred.start < gold.end
    pairs = zip(gold.strings, pred.strings, strict=True)
    return all(one in other or other in one for one, other in pairs)


@given(st.lists(item(), max_size=8), st.lists(item(), max_size=8))
def test_wrong_items_are_matched_as_if_compared_one_by_one(
    gold: list[PredictedItem], pred: list[PredictedItem]
) -> None:
    made_up = {one for one in pred if "x" in one.strings}
    found = [tuple(one) for one in _Matching(gold, pred, made_up).findings("missed")]
    assert found == one_by_one(list(gold), pred)


SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda s: (s[0], sum(s))))


@given(SPANS, SPANS)
def test_overlaps_are_a_largest_matching(
    gold: list[tuple[int, int]], pred: list[tuple[int, int]]
) -> None:
    touch = np.array([[a[0] < b[1] and b[0] < a[1] for b in pred] for a in gold])
    most = int(touch[linear_sum_assignment(touch, maximize=True)].sum()) if touch.size else 0
    assert _overlaps(list(gold), list(pred)) == most


TRIPLES = st.builds(Triple, *(st.sampled_from("abcd") for _ in range(3)))


@given(st.lists(TRIPLES, max_size=80), st.lists(TRIPLES, max_size=80))
def test_many_triples_are_counted_as_few_are(gold: list[Triple], pred: list[Triple]) -> None:
    pair = Pair(Row("1", relations=tuple(gold)), Row("1", relations=tuple(pred)))  # type: ignore[arg-type]
    fast, _ = count_triples([pair], "unknown")
    usual = multiset(relation_boundary)([pair], ScoreOptions())
    assert (fast.totals, fast.labels) == (usual.totals, usual.labels)
