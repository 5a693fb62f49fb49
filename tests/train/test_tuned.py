"""A run as something that answers: loaded as it was trained."""

import shutil
from pathlib import Path

import pytest

from chinchilla.train.runs import read_run, write_run
from chinchilla.train.tuned import Wanted, open_engine


def told(run: Path, folder: Path, **settings: object) -> Path:
    """Return a copy of a run that was told other settings."""
    shutil.copytree(run, folder)
    facts = read_run(run)
    write_run(folder, facts | {"config": facts["config"] | settings})
    return folder


@pytest.mark.parametrize(("asked", "used"), [("auto", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")])
def test_a_run_answers_in_the_precision_it_was_told_to_train_in(
    full_run: Path, tmp_path: Path, asked: str, used: str
) -> None:
    import torch

    if asked == "auto" and torch.cuda.is_available():
        pytest.skip("a GPU may know bf16")
    engine, job = open_engine(
        str(told(full_run, tmp_path / "run", precision=asked)), Wanted(), print
    )
    wanted = {"fp32": torch.float32, "bf16": torch.bfloat16}[used]
    assert (job.options["precision"], engine.model.dtype) == (used, wanted)
