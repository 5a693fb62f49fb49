"""Intervals and comparisons agree with those of the published cases, and repeat."""

import os
from pathlib import Path

import numpy as np
import orjson
import pytest

from chinchilla.errors import ConfigError
from chinchilla.score.compare import Resampling, paired_test
from chinchilla.score.counts import ScoreOptions, Tallied, intervals
from chinchilla.score.metrics import METRICS
from chinchilla.score.pairing import Pair, Pairing
from chinchilla.score.rows import Row, ScoredEntity, read_rows

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = Path(os.environ.get("CHINCHILLA_SHARED", ROOT.parent / "shared")) / "scorer-cases"
PUBLISHED = [("ner_01_boson_perturb", "ner_span"), ("ee_01_duee_dev_perturb", "ee_argument_set")]


def systems(case: str, metric: str) -> tuple[Tallied, Tallied]:
    """Return system A, and B: A with every tenth prediction emptied."""
    if not CASES.is_dir():
        pytest.skip(f"the published cases are not here: no {CASES} (CHINCHILLA_SHARED)")
    task = METRICS[metric].task
    gold = read_rows(CASES / case / "gold.jsonl", task).rows
    pairs = list(Pairing(gold, read_rows(CASES / case / "pred.jsonl", task).rows, False))
    emptied = [
        Pair(one.gold, one.pred if at % 10 else Row(one.gold.id)) for at, one in enumerate(pairs)
    ]
    tally = METRICS[metric].tally
    return tally(pairs, ScoreOptions()), tally(emptied, ScoreOptions())


@pytest.mark.real
@pytest.mark.parametrize(("case", "metric"), PUBLISHED)
def test_intervals_are_those_of_the_published_cases(case: str, metric: str) -> None:
    counted, _ = systems(case, metric)
    wanted = orjson.loads((CASES / "ci_expected.json").read_bytes())[case]
    [found] = intervals([counted], wanted["B"], np.random.default_rng(wanted["seed"]))
    ends = [wanted["ci95_low"], wanted["ci95_high"]]
    assert found[:, 2] == pytest.approx(ends, abs=wanted["tolerance"])


@pytest.mark.real
@pytest.mark.parametrize(("case", "metric"), PUBLISHED)
def test_comparisons_are_those_of_the_published_cases(case: str, metric: str) -> None:
    a, b = systems(case, metric)
    whole = orjson.loads((CASES / "ci_expected.json").read_bytes())[case]
    wanted = whole["system_b"]
    found = paired_test(a, b, Resampling(2000, 5000, 7))
    assert found.f1_b == pytest.approx(wanted["f1"], abs=1e-9)
    assert found.difference == pytest.approx(wanted["diff"], abs=1e-9)
    assert found.p == pytest.approx(wanted["approx_randomisation_p"], abs=5e-4)
    ends = wanted["paired_bootstrap_ci95"]
    assert [found.low, found.high] == pytest.approx(ends, abs=whole["tolerance"])


def counted(hits: list[int]) -> Tallied:
    pairs = [
        Pair(
            Row(str(at), entities=(ScoredEntity("A", "x", 0, 1),)),
            Row(str(at), entities=(ScoredEntity("A", "x", 0, 1),) if hit else ()),
        )
        for at, hit in enumerate(hits)
    ]
    return METRICS["ner_span"].tally(pairs, ScoreOptions())


def test_one_seed_gives_one_interval_and_one_p() -> None:
    a, b = counted([1, 0, 1, 1] * 10), counted([1, 1, 0, 1] * 10)
    assert paired_test(a, b, Resampling(seed=3)) == paired_test(a, b, Resampling(seed=3))
    first, second = (intervals([a], 200, np.random.default_rng(3))[0] for _ in range(2))
    assert (first == second).all()


def test_a_system_is_no_better_than_itself() -> None:
    found = paired_test(counted([1, 0] * 9), counted([1, 0] * 9), Resampling())
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_systems_on_other_documents_and_few_shuffles_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 documents on one side, 3 on the other"):
        paired_test(counted([1, 0]), counted([1, 0, 1]), Resampling())
    with pytest.raises(ConfigError, match="4999 shuffles are too few"):
        paired_test(counted([1]), counted([1]), Resampling(shuffles=4999))


def test_no_document_gives_no_interval() -> None:
    assert intervals([counted([])], 10, np.random.default_rng(0))[0].tolist() == [[0] * 3] * 2
