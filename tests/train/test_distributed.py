"""Two processes train as one does."""

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import torch
from safetensors.torch import load_file

from chinchilla.train.processes import share

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
rows = 6
{looks}
"""


def run_training(
    built: Path, folder: Path, processes: int, length: str = "max_steps = 4", looks: str = "steps=2"
) -> Path:
    folder.mkdir()
    config = folder / "train.toml"
    words = TOML.format(size=8 // processes, length=length, looks=looks)
    config.write_text(words, encoding="utf-8")
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--nproc-per-node", str(processes), "--standalone", "-m"]
    given = ["chinchilla", "train", "--task", "re", "--config", str(config)]
    given += ["--processed", str(built), "--out", str(folder / "runs")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*start, *given], env=environment, capture_output=True, text=True, encoding="utf-8"
    )
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


def test_two_processes_give_the_result_of_one(built: Path, tmp_path: Path) -> None:
    one = run_training(built, tmp_path / "one", 1)
    two = run_training(built, tmp_path / "two", 2)
    weights = [load_file(run / "model" / "model.safetensors") for run in (one, two)]
    assert list(weights[0]) == list(weights[1])
    for name, mine in weights[0].items():
        assert torch.allclose(mine, weights[1][name], atol=2e-4), name
    facts = [orjson.loads((run / "run.json").read_bytes()) for run in (one, two)]
    assert facts[0]["best"] == pytest.approx(facts[1]["best"])
    answers = [run / "evals/step-000004/finre-re-pair/answers.jsonl" for run in (one, two)]
    lines = [path.read_text(encoding="utf-8").splitlines() for path in answers]
    ids = [[orjson.loads(line)["id"] for line in some] for some in lines]
    assert ids[0] == ids[1]
    assert len(ids[0]) >= 6


def test_looks_at_dev_are_spread_over_the_steps_of_all_processes(
    built: Path, tmp_path: Path
) -> None:
    run = run_training(built, tmp_path / "two", 2, "epochs = 1", "times = 2")
    facts = orjson.loads((run / "run.json").read_bytes())
    looks = sorted(int(path.name.rpartition("-")[2]) for path in (run / "evals").iterdir())
    assert facts["steps"] == -(-facts["rows"]["train"] // 8)
    assert looks == [-(-facts["steps"] // 2), facts["steps"]]
