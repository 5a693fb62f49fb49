"""Lines in place of a bar: not too many, and never none."""

import pytest

from chinchilla.cli.progress import training_progress
from chinchilla.train.callbacks import TrainingMoment


@pytest.mark.parametrize(("steps", "every"), [(6, 1), (27, 1), (1283, 25), (4999, 99)])
def test_a_training_prints_a_line_each_tenth_of_the_way(
    steps: int, every: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with training_progress() as show:
        for step in [1, *range(every, steps + 1, every)]:
            show(TrainingMoment(step, steps, 1.0, None, 100.0, 1.0, evaluated=False))
    lines = capsys.readouterr().err.splitlines()
    assert min(steps, 10) <= len(lines) <= 11
    assert lines[0] == f"step 1/{steps}  loss 1.0000  F1 -  100 tokens/s  1 s left"


def test_each_evaluation_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with training_progress() as show:
        for step in (1, 2, 3):
            show(TrainingMoment(step, 1000, 1.0, 0.5, 100.0, 1.0, evaluated=step > 1))
    assert len(capsys.readouterr().err.splitlines()) == 3
