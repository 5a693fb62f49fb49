"""Mixing: how many rows of each source, which of them, and general rows beside them."""

import pickle
import subprocess
import sys
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chinchilla.dataset import selection
from chinchilla.dataset.mixing import Mix, nested_shares, shares
from chinchilla.dataset.selection import (
    HASHES,
    Choice,
    Histogram,
    choose,
    histogram,
    row_hash,
)
from chinchilla.schema import explain

# how many


def targets(counts: dict[str, int], **mix: object) -> dict[str, int]:
    return shares(counts, Mix.model_validate(mix))


SIZES = {"duie": 10000, "finre": 100, "boson": 1}
SHARES = [
    ({}, SIZES),
    ({"weights": {"duie": 0.1}}, {"duie": 1000, "finre": 100, "boson": 1}),
    ({"weights": {"finre": 2.5, "boson": 0}}, {"duie": 10000, "finre": 250, "boson": 0}),
    ({"weights": {"boson": 0.5}}, {"duie": 10000, "finre": 100, "boson": 1}),
    ({"caps": {"duie": 300, "finre": 300}}, {"duie": 300, "finre": 100, "boson": 1}),
    ({"weights": {"finre": 9}, "caps": {"finre": 450}}, SIZES | {"finre": 450}),
    ({"total": 1010}, {"duie": 1000, "finre": 10, "boson": 0}),
    ({"total": 0}, {"duie": 0, "finre": 0, "boson": 0}),
    ({"temperature": 2}, {"duie": 9100, "finre": 910, "boson": 91}),
    ({"temperature": 2, "total": 222}, {"duie": 200, "finre": 20, "boson": 2}),
    (
        {"temperature": 2, "total": 222, "caps": {"duie": 24}},
        {"duie": 24, "finre": 180, "boson": 18},
    ),
    (
        {"temperature": 2, "total": 222, "weights": {"duie": 0}},
        {"duie": 0, "finre": 202, "boson": 20},
    ),
    ({"weights": {"x": 2}, "caps": {"x": 1}}, SIZES),
    (
        {"weights": {"x": 2}, "caps": {"x": 1}, "total": 1010},
        {"duie": 1000, "finre": 10, "boson": 0},
    ),
    ({"total": 9, "caps": dict.fromkeys(SIZES, 1)}, {"duie": 1, "finre": 1, "boson": 1}),
    ({"total": 9, "weights": dict.fromkeys(SIZES, 0)}, {"duie": 0, "finre": 0, "boson": 0}),
]


@pytest.mark.parametrize(("mix", "expected"), SHARES)
def test_rows_are_shared_by_weight_cap_temperature_and_total(mix, expected) -> None:
    assert targets(SIZES, **mix) == expected


def test_a_great_temperature_gives_equal_shares_and_no_rows_give_none() -> None:
    assert targets({"a": 9, "b": 9000, "none": 0}, temperature=100, total=20) == {
        "a": 10,
        "b": 10,
        "none": 0,
    }


def test_a_source_without_rows_gets_none() -> None:
    decided = shares({"a": 10, "b": 0}, Mix(weights={"a": 2.5}))
    assert decided == {"a": 25, "b": 0}


WRONG = [
    ({"weights": {"duie": -1}}, "weights.duie: is not at least 0"),
    ({"weights": {"duie": float("inf")}}, "weights.duie: is no finite number"),
    ({"caps": {"duie": -1}}, "caps.duie: is not at least 0"),
    ({"temperature": 0}, "temperature: is not at least 0.1"),
    ({"total": -1}, "total: is not at least 0"),
]


@pytest.mark.parametrize(("mix", "words"), WRONG)
def test_a_mix_that_cannot_be_is_answered_in_a_line(mix, words) -> None:
    with pytest.raises(ValidationError) as caught:
        Mix.model_validate(mix)
    assert explain(caught.value) == words


COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10**6), min_size=1)
FACTORS = st.floats(0, 20, allow_nan=False)


@given(COUNTS, st.integers(0, 10**7), st.floats(0.1, 100), st.data())
def test_a_total_is_met_exactly_unless_caps_forbid(counts, total, temperature, data) -> None:
    weights = {name: data.draw(FACTORS) for name in counts}
    caps = {name: data.draw(st.integers(0, 10**6)) for name in counts if data.draw(st.booleans())}
    mix = Mix(weights=weights, caps=caps, temperature=temperature, total=total)
    written = shares(counts, mix)
    assert all(written[name] <= cap for name, cap in caps.items())
    usable = [name for name in counts if counts[name] and weights[name]]
    if any(name not in caps for name in usable):
        assert sum(written.values()) == total
    else:
        assert sum(written.values()) == min(total, sum(caps[name] for name in usable))


@given(COUNTS, st.integers(0, 10**6), st.data())
def test_another_source_changes_none_where_no_total_is_set(counts, more, data) -> None:
    weights = {name: data.draw(FACTORS) for name in counts}
    caps = {name: data.draw(st.integers(0, 10**6)) for name in counts if data.draw(st.booleans())}
    mix = Mix(weights=weights, caps=caps)
    assert shares({"new": more, **counts}, mix) == {
        "new": more,
        **shares(counts, mix),
    }


TASKS = {"re": {"duie": 1000, "finre": 100}, "ner": {"boson": 10}}
NESTED = [
    ({}, {}, {"duie": 1000, "finre": 100, "boson": 10}),
    ({}, {"weights": {"finre": 2}}, {"duie": 1000, "finre": 200, "boson": 10}),
    ({"weights": {"ner": 3}}, {"weights": {"finre": 2}}, {"duie": 1000, "finre": 200, "boson": 30}),
    ({"caps": {"re": 110}}, {}, {"duie": 100, "finre": 10, "boson": 10}),
    ({"caps": {"re": 110}}, {"caps": {"duie": 50}}, {"duie": 50, "finre": 60, "boson": 10}),
    (
        {"caps": {"re": 110, "ee": 1}},
        {"weights": {"x": 2}},
        {"duie": 100, "finre": 10, "boson": 10},
    ),
    ({"temperature": 100, "total": 40}, {}, {"duie": 18, "finre": 2, "boson": 20}),
]


@pytest.mark.parametrize(("tasks", "sources", "expected"), NESTED)
def test_tasks_are_mixed_over_their_sources(tasks, sources, expected) -> None:
    decided = nested_shares(TASKS, Mix.model_validate(tasks), Mix.model_validate(sources))
    assert decided == expected
    assert list(decided) == ["duie", "finre", "boson"]


# which


def ids(count: int, source: str = "finre") -> list[str]:
    return [f"{source}-train-{number:06d}.0" for number in range(count)]


def written(row_ids: list[str], choice: Choice) -> list[str]:
    return [copy for row_id in row_ids for copy in choice.ids(row_id)]


def test_places_are_the_same_on_every_machine_and_differ_by_seed() -> None:
    assert row_hash(0, "finre-train-000001.0") == 14792572548678086718
    assert row_hash(1, "finre-train-000001.0") != row_hash(0, "finre-train-000001.0")
    code = "from chinchilla.dataset.selection import row_hash; print(row_hash(0, '甲'))"
    words = [sys.executable, "-c", code]
    done = [
        subprocess.run(words, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in "12"
    ]
    assert done[0] == done[1] == b"%d\n" % row_hash(0, "甲")


@given(st.integers(0, 300), st.integers(0, 1000), st.integers(0, 9))
def test_exactly_the_target_is_written_repeats_included(count, target, seed) -> None:
    rows = ids(count)
    copies = written(rows, choose(histogram(seed, rows), target, seed))
    assert len(copies) == (target if count else 0)
    assert len(set(copies)) == len(copies)


def parts_of(rows: list[str], cuts: list[int]) -> list[list[str]]:
    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    return [rows[start:stop] for start, stop in pairwise(edges)]


# bins of which each merge and each threshold makes a round take some milliseconds
@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 200),
    st.lists(st.integers(0, 200), max_size=5),
    st.integers(0, 9),
    st.sampled_from([0, 10, 50, 1 << 20]),
)
def test_neither_order_nor_parts_matter(count, cuts, seed, exact) -> None:
    rows = ids(count)
    mixed = Random(seed).sample(rows, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "EXACT_ROWS", exact)
        whole = histogram(seed, rows)
        merged = Histogram()
        for part in parts_of(mixed, cuts):
            merged.merge(pickle.loads(pickle.dumps(histogram(seed, part))))
        for target in (0, count // 3, count):
            assert merged.threshold(target) == whole.threshold(target)
    assert merged.rows == whole.rows == count


def test_a_histogram_of_bins_is_off_by_less_than_a_bin(monkeypatch) -> None:
    monkeypatch.setattr(selection, "EXACT_ROWS", 1000)
    count = 200_000
    places = [row_hash(3, row_id) for row_id in ids(count)]
    counted = Histogram()
    for one in places:
        counted.add(one)
    for target in (0, 1, 777, 50_000, 133_333, 199_999, count):
        threshold = counted.threshold(target)
        chosen = sum(one < threshold for one in places)
        assert abs(chosen - target) <= 12
    assert counted.threshold(count) == HASHES


@given(st.integers(1, 300), st.integers(0, 9), st.data())
def test_a_smaller_target_chooses_a_part_of_a_larger_one(count, seed, data) -> None:
    rows = ids(count)
    small, large = sorted(data.draw(st.tuples(st.integers(0, 900), st.integers(0, 900))))
    counted = histogram(seed, rows)
    fewer = written(rows, choose(counted, small, seed))
    assert set(fewer) <= set(written(rows, choose(counted, large, seed)))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 9))
def test_another_source_changes_no_row_of_the_others(count, more, cap, seed) -> None:
    sources = {"finre": ids(count), "boson": ids(more, "boson")}
    mix = Mix(weights={"finre": 0.75}, caps={"finre": cap})

    def rows_of(names: list[str]) -> dict[str, list[str]]:
        decided = shares({name: len(sources[name]) for name in names}, mix)
        return {
            name: written(rows, choose(histogram(seed, rows), decided[name], seed))
            for name, rows in sources.items()
            if name in names
        }

    assert rows_of(["finre"])["finre"] == rows_of(["boson", "finre"])["finre"]


def test_copies_of_a_row_bear_ids_of_their_own() -> None:
    assert list(Choice(0, 2, HASHES).ids("finre-train-000001.0")) == [
        "finre-train-000001.0",
        "finre-train-000001.0~2",
        "finre-train-000001.0~3",
    ]
    assert list(Choice(0, 0, 0).ids("finre-train-000001.0")) == []


def test_what_was_not_counted_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="3 of 2 rows"):
        histogram(0, ids(2)).threshold(3)
