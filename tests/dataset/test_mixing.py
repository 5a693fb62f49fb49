"""Mixing: how many rows of each source, which of them, and general rows beside them."""

import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.dataset import selection
from chinchilla.dataset.general import Amount, choose_general, general_rows, read_general
from chinchilla.dataset.mixing import Decision, Mix, nested_shares, shares
from chinchilla.dataset.selection import (
    PLACES,
    Choice,
    Histogram,
    choose,
    histogram,
    kept,
    place,
)
from chinchilla.errors import ConfigError, InputError, Tally

# how many


def targets(counts: dict[str, int], **mix: object) -> dict[str, int]:
    return {name: one.target for name, one in shares(counts, Mix.model_validate(mix)).items()}


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


def test_a_decision_is_whole_copies_and_a_rest() -> None:
    decided = shares({"a": 10, "b": 0}, Mix(weights={"a": 2.5}))
    assert decided == {"a": Decision(10, 25), "b": Decision(0, 0)}
    assert (decided["a"].copies, decided["a"].rest) == (2, 5)
    assert (decided["b"].copies, decided["b"].rest) == (0, 0)


WRONG = [
    ({"weights": {"duie": -1}}, "mix: weights: 'duie' is -1.0; write 0 or more"),
    ({"caps": {"duie": -1}}, "mix: caps: 'duie' is -1; "),
    ({"temperature": 0}, "mix: temperature is 0.0; write a number from 0.1 to 100.0; "),
    ({"total": -1}, "mix: total is -1; "),
]


@pytest.mark.parametrize(("mix", "words"), WRONG)
def test_a_mix_that_cannot_be_is_answered_in_a_line(mix, words) -> None:
    with pytest.raises(ConfigError) as caught:
        targets(SIZES, **mix)
    assert str(caught.value).startswith(words)


COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10**6), min_size=1)
FACTORS = st.floats(0, 20, allow_nan=False)


@given(COUNTS, st.integers(0, 10**7), st.floats(0.1, 100), st.data())
def test_a_total_is_met_exactly_unless_caps_forbid(counts, total, temperature, data) -> None:
    weights = {name: data.draw(FACTORS) for name in counts}
    caps = {name: data.draw(st.integers(0, 10**6)) for name in counts if data.draw(st.booleans())}
    mix = Mix(weights=weights, caps=caps, temperature=temperature, total=total)
    decided = shares(counts, mix)
    written = {name: one.target for name, one in decided.items()}
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
        "new": Decision(more, more),
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
    assert {name: one.target for name, one in decided.items()} == expected
    assert list(decided) == ["duie", "finre", "boson"]


# which


def ids(count: int, source: str = "finre") -> list[str]:
    return [f"{source}-train-{number:06d}.0" for number in range(count)]


def written(row_ids: list[str], choice: Choice) -> list[str]:
    return [copy for row_id in row_ids for copy in choice.ids(row_id)]


def test_places_are_the_same_on_every_machine_and_differ_by_seed() -> None:
    assert place(0, "finre-train-000001.0") == 14792572548678086718
    assert place(1, "finre-train-000001.0") != place(0, "finre-train-000001.0")
    code = "from chinchilla.dataset.selection import place; print(place(0, '甲'))"
    words = [sys.executable, "-c", code]
    done = [
        subprocess.run(words, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in "12"
    ]
    assert done[0] == done[1] == b"%d\n" % place(0, "甲")


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
    places = [place(3, row_id) for row_id in ids(count)]
    counted = Histogram()
    for one in places:
        counted.add(one)
    for target in (0, 1, 777, 50_000, 133_333, 199_999, count):
        threshold = counted.threshold(target)
        chosen = sum(kept(one, threshold) for one in places)
        assert abs(chosen - target) <= 12
    assert counted.threshold(count) == PLACES


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
            name: written(rows, decided[name].choice(histogram(seed, rows), seed))
            for name, rows in sources.items()
            if name in names
        }

    assert rows_of(["finre"])["finre"] == rows_of(["boson", "finre"])["finre"]


def test_copies_of_a_row_bear_ids_of_their_own() -> None:
    assert list(Choice(0, 2, PLACES).ids("finre-train-000001.0")) == [
        "finre-train-000001.0",
        "finre-train-000001.0~2",
        "finre-train-000001.0~3",
    ]
    assert list(Choice(0, 0, 0).ids("finre-train-000001.0")) == []


def test_what_was_not_counted_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="3 of 2 rows"):
        histogram(0, ids(2)).threshold(3)
    with pytest.raises(ValueError, match="decided on 3 rows, counted 2"):
        Decision(3, 3).choice(histogram(0, ids(2)), 0)


# general rows

ALPACA = [
    {"instruction": "问一", "input": "文", "output": "答一"},
    {"instruction": "问二", "input": "", "output": "答二"},
    {"instruction": "问三", "output": "答三", "history": [["旧问", "旧答"]]},
]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": "问一"}, {"from": "gpt", "value": "答一"}]},
    {
        "conversations": [
            {"from": "system", "value": "你是助手"},
            {"from": "human", "value": "问二"},
            {"from": "gpt", "value": "答二"},
            {"from": "human", "value": "问三"},
        ]
    },
]


def save(path: Path, rows: list, lines: bool) -> Path:
    whole = b"\n".join(orjson.dumps(row) for row in rows) if lines else orjson.dumps(rows)
    path.write_bytes(whole)
    return path


def general(number: int, instruction: str, words: str, output: str) -> dict[str, str]:
    return {
        "instruction": instruction,
        "input": words,
        "output": output,
        "id": f"general-{number:06d}",
        "source": "general",
        "task": "general",
    }


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_alpaca_rows_are_read(tmp_path: Path, lines: bool) -> None:
    tally = Tally()
    assert list(read_general(save(tmp_path / "alpaca", ALPACA, lines), tally)) == [
        general(1, "问一", "文", "答一"),
        general(2, "问二", "", "答二"),
        general(3, "问三", "", "答三"),
    ]
    assert {reason: count.times for reason, count in tally.mended.items()} == {
        "general-history-left-out": 1
    }


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_the_first_turn_of_a_sharegpt_row_is_read_and_the_rest_counted(tmp_path, lines) -> None:
    tally = Tally()
    path = save(tmp_path / "sharegpt", SHAREGPT, lines)
    assert list(read_general(path, tally)) == [
        general(1, "问一", "", "答一"),
        general(2, "问二", "", "答二"),
    ]
    where = f"{path}:2" if lines else f"{path}:item 2"
    assert {reason: count[:2] for reason, count in tally.mended.items()} == {
        "general-system-left-out": (1, where),
        "general-later-turns-left-out": (1, where),
    }


UNREADABLE = [
    ({"prompt": "问", "completion": "答"}, "instruction is empty, not words; "),
    ({"instruction": "问", "output": " "}, "output is empty, not words; "),
    ({"instruction": ["问"], "output": "答"}, "instruction is list, not words; "),
    ({"instruction": "问", "input": 7, "output": "答"}, "input is int, not words; "),
    ({"conversations": "问"}, "conversations is no list of objects; "),
    ({"conversations": []}, "the conversation does not begin with human, then gpt; "),
    (
        {"conversations": [{"from": "human", "value": "问"}]},
        "the conversation does not begin with human, then gpt; ",
    ),
    (
        {"conversations": [{"from": "human", "value": "问"}, {"from": "gpt"}]},
        "value is empty, not words; ",
    ),
]


@pytest.mark.parametrize(("row", "words"), UNREADABLE)
@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_a_row_that_cannot_be_read_is_an_error_with_its_place(tmp_path, row, words, lines) -> None:
    path = save(tmp_path / "general", [ALPACA[0], row, ALPACA[1]], lines)
    where = f"{path}:2" if lines else f"{path}:item 2"
    with pytest.raises(InputError) as caught:
        list(read_general(path, Tally()))
    assert str(caught.value).startswith(f"{where}: {words}")
    tally = Tally(forgiving=True)
    assert len(list(general_rows(path, Amount(1.0, 2, 0), tally))) == 2
    assert tally.refused["bad-line"].times == 1


@pytest.mark.parametrize(
    ("ratio", "rows", "expected"),
    [(0.0, 100, 0), (0.1, 95, 10), (0.25, 100, 25), (1.0, 40, 40), (2.0, 50, 100), (0.5, 1, 1)],
)
def test_general_rows_are_mixed_in_at_the_ratio(tmp_path, ratio, rows, expected) -> None:
    many = [{"instruction": f"问{n}", "output": f"答{n}"} for n in range(40)]
    path = save(tmp_path / "general.jsonl", many, lines=True)
    mixed = list(general_rows(path, Amount(ratio, rows, 0), Tally()))
    assert len(mixed) == len({row["id"] for row in mixed}) == expected
    assert [row["id"][:14] for row in mixed] == sorted(row["id"][:14] for row in mixed)
    assert mixed == list(general_rows(path, Amount(ratio, rows, 0), Tally()))


def test_a_ratio_below_nothing_and_a_file_without_rows_are_errors(tmp_path: Path) -> None:
    path = save(tmp_path / "general.json", [], lines=False)
    with pytest.raises(ConfigError, match="general: the ratio is -1; write 0 or more"):
        choose_general(path, Amount(-1, 10, 0))
    with pytest.raises(InputError, match="no row that can be read"):
        choose_general(path, Amount(1, 10, 0))
    assert list(general_rows(path, Amount(0, 10, 0), Tally())) == []
