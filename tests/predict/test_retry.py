"""Reading Retry-After and choosing how long to wait."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.predict.endpoint import LONGEST_WAIT, backoff, is_passing, retry_after

NOW = 1_700_000_000.0
"""Tue, 14 Nov 2023 22:13:20 GMT."""

HEADERS = [
    (None, None),
    ("0", 0.0),
    ("7", 7.0),
    ("0.5", 0.5),
    ("-3", 0.0),
    ("nan", None),
    ("inf", None),
    ("soon", None),
    ("", None),
    ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
    ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
    ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
    ("Tue, 99 Nov 2023 22:00:00 GMT", None),
]


@pytest.mark.parametrize(("value", "seconds"), HEADERS)
def test_retry_after_is_seconds_or_a_date_or_nothing(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
def test_any_header_is_read_without_an_error(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(0, 10_000), st.integers())
def test_a_wait_is_never_longer_than_the_longest(attempt: int, seed: int) -> None:
    assert 0.5 <= backoff(attempt, None, Random(seed)) <= LONGEST_WAIT


def test_only_what_may_pass_is_asked_again() -> None:
    statuses = [200, 301, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]
    assert [one for one in statuses if is_passing(one)] == [408, 409, 429, 500, 502, 503, 504, 529]
