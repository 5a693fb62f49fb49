"""Reading an answer takes time in step with its length, whatever stands in it."""

import gc
import runpy
import time
from pathlib import Path

import pytest

from chinchilla.answers import format_names
from chinchilla.answers.repair import read_answer

pytestmark = pytest.mark.slow

BENCHMARK = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "linear.py"))
SMALL, TIMES, QUADRATIC = 1_000, 8, 20
FLOOR = 0.003


def seconds(raw, query, form):
    best = float("inf")
    for _ in range(2):
        start = time.process_time()
        read_answer(raw, query, form, BENCHMARK["TEXT"])
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("form", format_names())
def test_an_answer_of_any_shape_is_read_in_linear_time(form):
    # eight times as much takes 64 times as long where time is quadratic
    slow = []
    gc.disable()
    for at, ((name, small), (_, large)) in enumerate(
        zip(BENCHMARK["shapes"](SMALL), BENCHMARK["shapes"](SMALL * TIMES), strict=True)
    ):
        query = BENCHMARK["QUESTIONS"][at % len(BENCHMARK["QUESTIONS"])]
        ratio = seconds(large, query, form) / max(seconds(small, query, form), FLOOR)
        if ratio > QUADRATIC:
            slow.append((name, query.subtask, ratio))
    gc.enable()
    assert not slow


@pytest.mark.parametrize("form", format_names())
@pytest.mark.parametrize("opening", ["[", "{", "(", "（", '{"a":', "[{", "a(", '"[\\"', "<think>"])
def test_a_hundred_thousand_characters_of_openings_are_read(form, opening):
    raw = opening * (100_000 // len(opening))
    for query in BENCHMARK["QUESTIONS"][3:]:
        assert read_answer(raw, query, form, "甲").content is not None
