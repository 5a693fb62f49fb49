"""Strings are looked up in long texts as if each were searched, in time that grows with both."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.score.pairing import contains, find
from chinchilla.score.rows import Row

LETTERS = st.text(alphabet="ab甲", max_size=90)


@given(LETTERS, st.lists(LETTERS, max_size=200), st.integers(1, 40))
def test_every_string_is_found_where_searching_finds_it(
    part: str, words: list[str], times: int
) -> None:
    text = (part + "b") * times + "甲" * 1_000
    pieces = [text[at : at + size] for size in (1, 2, 31, 32, 33, 50) for at in range(0, 400, 4)]
    row = Row("1", text=text)
    for one in [*words, *pieces, "", *(piece + "c" for piece in pieces)]:
        assert (find(text, one), contains(row, one)) == (text.find(one), one in text)


@pytest.mark.parametrize("tail", ["", "x", "x" * 40])
def test_many_strings_in_a_long_text_are_found_in_no_time(tail: str) -> None:
    text = "".join(chr(0x4E00 + at % 5000) + str(at) for at in range(40_000))
    start = time.process_time()
    row = Row("1", text=text)
    found = sum(contains(row, text[at : at + 9] + tail) for at in range(0, 200_000, 4))
    assert found == (0 if tail else 50_000)
    assert time.process_time() - start < 5
