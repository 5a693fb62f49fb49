"""Chance is a pure function of seed and name, whatever was drawn before."""

import pickle
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chinchilla.rng import WORD, Rng


def started(seed: int, name: str) -> Rng:
    chance = Rng()
    chance.start(seed, name)
    return chance


def test_the_numbers_of_a_name_are_those_written_down() -> None:
    chance = started(0, "duie-train-000001")
    drawn = [chance.getrandbits(7), chance.random(), chance.choice("甲乙丙"), chance.randrange(48)]
    assert drawn == [91, 0.6687564680470859, "甲", 14]


@given(st.integers(), st.text(), st.lists(st.integers(0, 2000)))
def test_starting_anew_forgets_what_was_drawn(seed, name, sizes) -> None:
    chance = started(1, "another")
    chance.getrandbits(700)
    chance.start(seed, name)
    fresh = started(seed, name)
    assert [chance.getrandbits(size) for size in sizes] == [
        fresh.getrandbits(size) for size in sizes
    ]


@given(st.integers(0, 2000))
def test_bits_are_as_many_as_wanted(size) -> None:
    assert 0 <= started(3, "x").getrandbits(size) < 1 << size


def test_words_differ() -> None:
    chance = started(0, "")
    assert len({chance.getrandbits(WORD) for _ in range(100)}) == 100


def test_every_item_is_chosen_about_as_often() -> None:
    # 6000 draws of 6: a standard deviation of 29 about 1000
    counts = Counter(started(0, str(number)).choice("abcdef") for number in range(6000))
    assert all(880 < counts[item] < 1120 for item in "abcdef")


def test_numbers_lie_below_one_and_about_a_half() -> None:
    drawn = [started(0, str(number)).random() for number in range(4000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.02


def test_a_pickled_one_goes_on_where_it_was() -> None:
    chance = started(5, "x")
    chance.random()
    again = pickle.loads(pickle.dumps(chance))
    assert [again.random() for _ in range(20)] == [chance.random() for _ in range(20)]
