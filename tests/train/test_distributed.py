"""Two processes train as one does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import torch
from commands import read_run
from safetensors.torch import load_file
from transformers import TrainingArguments
from transformers.training_args import ParallelMode

from chinchilla.train.distributed import idle_gpus, share
from chinchilla.train.trainer_args import one_device

pytestmark = pytest.mark.slow

Broken = Callable[[Path, Path, int], Path]

TOML = """
base = "tiny"
method = "full"
{length}
learning_rate = 3e-3
batch_size = {size}
threads = 1
[tiny]
layers = 2
width = 32
vocabulary = 600
[eval]
{looks}
"""


def launch(processes: int, *given: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `chinchilla train` in one process, or under torchrun in several."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--nproc-per-node", str(processes), "--standalone", "-m"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    words = [*start, "chinchilla", "train", *(str(one) for one in given)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, encoding="utf-8")


def run_training(
    built: Path,
    folder: Path,
    processes: int,
    length: str = "max_steps = 4",
    looks: str = "rows = 6\nsteps = 2",
) -> Path:
    folder.mkdir()
    config = folder / "train.toml"
    words = TOML.format(size=8 // processes, length=length, looks=looks)
    config.write_text(words, encoding="utf-8")
    given = ["--task", "re", "--config", config, "--processed", built, "--out", folder / "runs"]
    done = launch(processes, *given)
    assert done.returncode == 0, done.stderr
    [run] = (folder / "runs" / "re").iterdir()
    assert done.stdout.startswith(str(run))
    assert done.stderr.count("rows of train") == 1
    return run


@pytest.mark.parametrize(("items", "processes"), [(6, 1), (6, 2), (5, 2), (5, 4), (1, 4), (0, 2)])
def test_all_processes_ask_as_often_and_together_everything(items: int, processes: int) -> None:
    shares = [share(range(items), index, processes) for index in range(processes)]
    assert {len(one) for one in shares} == {-(-items // processes)}
    assert {item for one in shares for item in one} == set(range(items))


def test_one_process_keeps_to_one_gpu_where_it_sees_several(tmp_path: Path) -> None:
    known = TrainingArguments(str(tmp_path), use_cpu=True, per_device_train_batch_size=4)
    known._n_gpu = 2
    assert (known.parallel_mode, known.train_batch_size) == (ParallelMode.NOT_DISTRIBUTED, 8)
    alone = one_device(known)
    assert (alone.parallel_mode, alone.train_batch_size) == (ParallelMode.NOT_PARALLEL, 4)


def test_gpus_that_one_process_leaves_idle_are_named() -> None:
    assert [idle_gpus(gpus) for gpus in (0, 1)] == [None, None]
    assert idle_gpus(4) == (
        "one of 4 GPUs is used; to use them all, begin with: "
        "torchrun --nproc-per-node 4 -m chinchilla train"
    )


def test_two_processes_give_the_result_of_one(built: Path, tmp_path: Path) -> None:
    one = run_training(built, tmp_path / "one", 1)
    two = run_training(built, tmp_path / "two", 2)
    weights = [load_file(run / "model" / "model.safetensors") for run in (one, two)]
    assert list(weights[0]) == list(weights[1])
    for name, mine in weights[0].items():
        assert torch.allclose(mine, weights[1][name], atol=2e-4), name
    facts = [read_run(run) for run in (one, two)]
    assert facts[0]["best"] == pytest.approx(facts[1]["best"])
    answers = [run / "evals/step-000004/finre-re-pair/answers.jsonl" for run in (one, two)]
    lines = [path.read_text(encoding="utf-8").splitlines() for path in answers]
    ids = [[orjson.loads(line)["id"] for line in some] for some in lines]
    assert ids[0] == ids[1]
    assert len(ids[0]) >= 6


def test_looks_at_dev_are_spread_over_the_steps_of_all_processes(
    built: Path, tmp_path: Path
) -> None:
    run = run_training(built, tmp_path / "two", 2, "epochs = 1", "rows = 6\ntimes = 2")
    facts = read_run(run)
    looks = sorted(int(path.name.rpartition("-")[2]) for path in (run / "evals").iterdir())
    assert facts["steps"] == -(-facts["rows"]["train"] // 8)
    assert looks == [-(-facts["steps"] // 2), facts["steps"]]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_broken_in_its_second_epoch_goes_on_with_the_rows_of_that_epoch(
    built: Path, tmp_path: Path, broken_copy: Broken, processes: int
) -> None:
    whole = run_training(built, tmp_path / "whole", processes, "epochs = 2", "rows = 0\nsteps = 20")
    steps = read_run(whole)["steps"]
    assert steps / 2 < 20, "the checkpoint of step 20 is to be in the second epoch"
    broken = broken_copy(whole, tmp_path / "broken", 20)
    done = launch(processes, "--resume", broken)
    assert done.returncode == 0, done.stderr
    assert (broken / "curve.csv").read_bytes() == (whole / "curve.csv").read_bytes()
    weights = [run / "model" / "model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
