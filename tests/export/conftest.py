"""A build of the shipped samples, which every export test reads."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# set before `datasets` is first imported: nothing here may reach for the network
os.environ["HF_HUB_OFFLINE"] = "1"

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import open_processed, rows
from chinchilla.export.format import SPLIT_NAMES
from chinchilla.export.run import export
from chinchilla.schema import InstructionRow

EXPORTED = ("train", "validation", "test")
Export = Callable[..., Path]


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a build of all samples."""
    folder = tmp_path_factory.mktemp("export")
    plan = make_plan(folder / "raw", BuildConfig())
    return build(plan, folder / "processed", 1, lambda job: None).out


@pytest.fixture(scope="session")
def built(processed: Path) -> dict[str, list[InstructionRow]]:
    """Return the rows of the build, a list a split of the exports, tasks in order."""
    found: dict[str, list[InstructionRow]] = {}
    for part in open_processed(processed, (), ()).parts:
        found.setdefault(SPLIT_NAMES.get(part.split, part.split), []).extend(
            rows(part, lambda size: None)
        )
    return found


@pytest.fixture(scope="session")
def a_row(built: dict[str, list[InstructionRow]]) -> InstructionRow:
    """Return a row of the build with words of ours."""
    words = {"instruction": "找出人名。", "input": "张三来了。", "output": '{"人名":["张三"]}'}
    return built["train"][0].model_copy(update={**words, "id": "x-train-000001.0"})


@pytest.fixture
def run_export(processed: Path, tmp_path: Path) -> Export:
    """Return a function that exports the build (or part of it) and returns the folder."""

    def run(name: str, tasks: tuple[str, ...] = (), splits: tuple[str, ...] = ()) -> Path:
        out = tmp_path / name
        return export(open_processed(processed, tasks, splits), name, out, lambda size: None).out

    return run


@pytest.fixture
def read_back(tmp_path: Path) -> Callable[[Path], dict[str, list[dict[str, Any]]]]:
    """Return a function that reads an export as its users do, with `datasets`."""
    import datasets

    def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
        if (folder / "dataset_dict.json").exists():
            return {split: list(rows) for split, rows in datasets.load_from_disk(folder).items()}
        files = {
            path.stem: str(path)
            for path in sorted(folder.iterdir())
            if path.stem in EXPORTED and path.is_file()
        }
        kind = "parquet" if ".parquet" in next(iter(files.values())) else "json"
        cache = str(tmp_path / "cache")
        found = datasets.load_dataset(kind, data_files=files, cache_dir=cache)
        return {split: list(found[split]) for split in found}

    return read
