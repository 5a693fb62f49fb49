"""What must hold for every metric, whatever the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.score.counts import Prf, ScoreOptions
from chinchilla.score.evaluate import scored
from chinchilla.score.metrics import METRICS
from chinchilla.score.pairing import Pair
from chinchilla.score.result import Score
from chinchilla.score.rows import (
    Row,
    ScoredArgument,
    ScoredEntity,
    ScoredEvent,
    ScoredRelation,
)

NAMES = st.sampled_from(["A", "B"])
WORDS = st.sampled_from(["x", "xy", "yz"])
ENTITIES = st.builds(
    lambda label, start, size: ScoredEntity(label, "t" * size, start, start + size),
    NAMES,
    st.integers(0, 6),
    st.integers(1, 3),
)
RELATIONS = st.builds(ScoredRelation, NAMES, WORDS, WORDS, NAMES, NAMES)
ARGUMENTS = st.lists(st.builds(ScoredArgument, NAMES, WORDS), max_size=3).map(tuple)
EVENTS = st.builds(ScoredEvent, NAMES, WORDS, st.none(), ARGUMENTS)
ITEMS = {"ner": ENTITIES, "re": RELATIONS, "ee": EVENTS}
FIELD = {"ner": "entities", "re": "relations", "ee": "events"}
ORDERED = ("duee_fin_greedy", "doc2edag", "chinese_nre_official")
"""Metrics whose reference reads events, or several labels of a pair, in their order."""
LENIENT = ("duee_official", "chinese_nre_official", "duie_official")
"""Metrics whose two sides are not counted alike."""
REPEATS = ("duee_fin_greedy",)
"""Gold-order choice among equal events may take the wrong one even of a perfect prediction."""


def documents(task: str):
    items = st.lists(ITEMS[task], max_size=5)
    return st.lists(st.tuples(items, items), min_size=1, max_size=4)


def pairs_of(task: str, found) -> list[Pair]:
    field = FIELD[task]
    return [
        Pair(Row(str(at), **{field: tuple(gold)}), Row(str(at), **{field: tuple(pred)}))
        for at, (gold, pred) in enumerate(found)
    ]


def score_of(name: str, found) -> Score:
    pairs = pairs_of(METRICS[name].task, found)
    return scored({name: METRICS[name].tally(pairs, ScoreOptions())}, ScoreOptions())[name]


def score(name: str, found) -> Prf:
    return score_of(name, found).micro


def close(one: Prf, other: Prf) -> bool:
    return bool(np.allclose(one, other, atol=1e-12))


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_gold_scores_one_against_itself(name: str, data: st.DataObject) -> None:
    found = data.draw(documents(METRICS[name].task))
    same = [(gold, gold) for gold, _ in found]
    if name == "chinese_nre_official":
        # one label a pair is predicted, so that a pair must have one
        same = [(list({(r.head, r.tail): r for r in gold}.values()),) * 2 for gold, _ in same]
    micro = score(name, same)
    empty = not scored(
        {name: METRICS[name].tally(pairs_of(METRICS[name].task, same), ScoreOptions())},
        ScoreOptions(),
    )[name].counts.n_gold
    assert close(micro, Prf(0, 0, 0) if empty else Prf(1, 1, 1)) or name in REPEATS


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(LENIENT) - set(ORDERED)))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_swapping_gold_and_predicted_swaps_p_and_r(name: str, data: st.DataObject) -> None:
    found = data.draw(documents(METRICS[name].task))
    if name == "cluener":
        # its labels are those of gold: both sides are given the same
        found = [
            ([*gold, ScoredEntity("A", "q"), ScoredEntity("B", "q")], pred) for gold, pred in found
        ]
        found = [
            (gold, [*pred, ScoredEntity("A", "w"), ScoredEntity("B", "w")]) for gold, pred in found
        ]
    one = score(name, found)
    other = score(name, [(pred, gold) for gold, pred in found])
    assert close(one, Prf(other.recall, other.precision, other.f1))


@pytest.mark.parametrize("name", sorted(set(METRICS) - set(ORDERED)))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_items_is_without_effect(name: str, data: st.DataObject) -> None:
    found = data.draw(documents(METRICS[name].task))
    mixed = [
        (data.draw(st.permutations(gold)), data.draw(st.permutations(pred))) for gold, pred in found
    ]
    assert close(score(name, found), score(name, mixed))


@pytest.mark.parametrize("name", METRICS)
def test_nothing_at_all_is_zero_and_undefined(name: str) -> None:
    one = scored(
        {name: METRICS[name].tally(pairs_of(METRICS[name].task, [([], [])]), ScoreOptions())},
        ScoreOptions(),
    )
    assert one[name].micro == one[name].macro == Prf(0, 0, 0)
    assert one[name].counts.undefined
    assert one[name].counts == (0, 0, 0)


@pytest.mark.parametrize("name", METRICS)
def test_documents_that_are_empty_on_both_sides_change_nothing(name: str) -> None:
    items = {
        "ner": [ScoredEntity("A", "x", 0, 1)],
        "re": [ScoredRelation("A", "x", "y")],
        "ee": [ScoredEvent("A", "x", None, (ScoredArgument("B", "y"),))],
    }[METRICS[name].task]
    one = [(items, items), (items, [])]
    # 1 right of 1 predicted and 2 gold
    assert score(name, one) == score(name, [*one, ([], [])]) == Prf(1, 0.5, 2 / 3)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ner_span", Prf(0.5, 1, 2 / 3)),  # 1 right of 2 predicted
        ("ner_span_set", Prf(1, 1, 1)),
        ("ner_string", Prf(0.5, 1, 2 / 3)),
        ("ner_string_set", Prf(1, 1, 1)),
        ("ner_exact", Prf(0.5, 1, 2 / 3)),
        ("cluener", Prf(1, 1, 1)),
        ("re_boundary", Prf(0.5, 1, 2 / 3)),
        ("re_boundary_set", Prf(1, 1, 1)),
        ("duie_official", Prf(1, 1, 1)),
        ("ee_trigger", Prf(0.5, 1, 2 / 3)),
        ("ee_trigger_set", Prf(1, 1, 1)),
        ("ee_argument", Prf(0.5, 1, 2 / 3)),
        ("ee_argument_set", Prf(1, 1, 1)),
        ("duee_official", Prf(1, 1, 1)),
        ("duee_fin", Prf(0.5, 1, 2 / 3)),
    ],
)
def test_a_copy_too_many_is_wrong_unless_both_sides_are_sets(name: str, wanted: Prf) -> None:
    item = {
        "ner": ScoredEntity("A", "x", 0, 1),
        "re": ScoredRelation("A", "x", "y"),
        "ee": ScoredEvent("A", "x", None, (ScoredArgument("B", "y"),)),
    }[METRICS[name].task]
    assert score(name, [([item], [item, item])]) == wanted
