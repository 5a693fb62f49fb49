"""A small build, small settings, and a run trained on them."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from commands import read_run, write_run

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.runs.folder import Run, last_checkpoint
from chinchilla.train.config import TinyOptions, TrainConfig
from chinchilla.train.data import Data, open_data, split_rows
from chinchilla.train.fit import fit
from chinchilla.train.prepare import begin, prepare
from chinchilla.train.tiny import make_model, make_tokenizer

torch.set_num_threads(1)

PAIRS = {
    "subtasks": ["re-pair"],
    "forms": ["lines"],
    "descriptions": "off",
    "shuffle_labels": False,
    "wordings": ["re/pair_closed#curt"],
    "mark_pairs": True,
}
SMALL: dict[str, Any] = {
    "base": "tiny",
    "method": "full",
    "batch_size": 8,
    "max_steps": 6,
    "learning_rate": 3e-3,
    "tiny": {"layers": 2, "width": 32, "vocabulary": 600},
    "eval": {"rows": 8, "steps": 3},
}

Settings = Callable[..., TrainConfig]


def build_into(out: Path, **config: Any) -> Path:
    plan = make_plan(out.parent / "raw", BuildConfig(sources=("finre",), **config))
    build(plan, out, 1, lambda job: None)
    return out


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_into(tmp_path_factory.mktemp("pairs") / "processed", prompts=PAIRS)


@pytest.fixture
def data(built: Path) -> Data:
    return open_data(built, "re", ())


def _settings(**changes: Any) -> TrainConfig:
    return TrainConfig.model_validate(SMALL | changes)


def _train(built: Path, out: Path, **changes: Any) -> Run:
    prepared = prepare(open_data(built, "re", ()), "re", _settings(**changes), print)
    folder = begin(prepared, out, datetime(2026, 1, 2, 3, 4, 5), "chinchilla train")
    return fit(prepared, folder, lambda moment: None)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Return a function that makes small settings."""
    return _settings


@pytest.fixture(scope="session")
def train() -> Callable[..., Run]:
    """Return a function that trains on a build, into a folder."""
    return _train


def _broken_copy(run: Path, copy: Path, step: int) -> Path:
    shutil.copytree(run, copy)
    for path in (copy / "checkpoints").iterdir():
        if int(path.name.rpartition("-")[2]) > step:
            shutil.rmtree(path)
    shutil.rmtree(copy / "model")
    for name in ("curve.csv", "curve.png"):
        (copy / name).unlink()
    write_run(copy, read_run(copy) | {"state": "running"})
    assert last_checkpoint(copy) == copy / "checkpoints" / f"checkpoint-{step}"
    return copy


@pytest.fixture(scope="session")
def broken_copy() -> Callable[[Path, Path, int], Path]:
    """Return a function that copies a finished run as it was after the checkpoint of a step."""
    return _broken_copy


@pytest.fixture(scope="session")
def base(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small random base and its tokenizer, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("base")
    rows = split_rows(open_data(built, "re", ()), "train")
    options = TinyOptions(layers=2, width=32, vocabulary=600)
    tokenizer = make_tokenizer([row.prompt for row in rows], options)
    make_model(tokenizer, options, frozen=True).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def lora_run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _train(built, tmp_path_factory.mktemp("lora"), method="lora").folder


@pytest.fixture(scope="session")
def full_run(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _train(built, tmp_path_factory.mktemp("full")).folder


@pytest.fixture
def own_run(full_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full_run, tmp_path / "runs" / "re" / full_run.name))
