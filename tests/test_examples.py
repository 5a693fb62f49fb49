"""What lies in examples/ runs as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
NEEDED = (
    *("pyproject.toml", "chinchilla", "raw/samples"),
    *("tests/conftest.py", "tests/test_rooms.py", "tests/sources"),
)
"""What the tests of a source need of the project."""


def cells(name: str) -> list[str]:
    notebook = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_the_cells_of_the_notebook_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names: dict[str, Any] = {}
    for cell in cells("finre.ipynb"):
        if cell.startswith("!"):
            done = subprocess.run(
                cell[1:],
                shell=True,
                capture_output=True,
                text=True,
                env=os.environ | {"PATH": path},
            )
            assert done.returncode == 0, done.stderr
        else:
            exec(cell, names)
    assert (names["result"].precision, names["result"].recall < 1) == (1.0, True)
    assert list(tmp_path.glob("runs/re/*/eval/dev/**/*.html"))


def content(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".hypothesis"} & set(path.parts)
    }


def copy(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(ROOT / name, folder / name)


def recipe(title: str) -> list[list[str]]:
    """Return the commands of pytest at the end of a recipe in CONTRIBUTING.md."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    return [line.split() for line in re.findall(r"^.*pytest .*$", section, re.MULTILINE)]


@pytest.mark.slow
def test_the_files_of_a_new_source_pass_its_recipe_and_change_no_other(tmp_path: Path) -> None:
    for name in NEEDED:
        copy(name, tmp_path)
    project, files = content(tmp_path), content(EXAMPLES / "add_a_source")
    added = {name: files[name] for name in files if not name.startswith("README")}
    assert sorted(added) == [
        "chinchilla/sources/caipu.py",
        "chinchilla/sources/caipu.toml",
        "tests/sources/caipu/expected.jsonl",
        "tests/sources/caipu/sample.txt",
    ]
    assert not set(added) & set(project)
    shutil.copytree(EXAMPLES / "add_a_source", tmp_path, dirs_exist_ok=True)
    for readme in tmp_path.glob("README*"):
        readme.unlink()
    commands = recipe("A source: four files")
    assert len(commands) == 2
    for words in commands:
        settings = dict(word.split("=") for word in words[: words.index("pytest")])
        arguments = words[words.index("pytest") + 1 :]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *("caipu" if x == "NAME" else x for x in arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path)} | settings,
        )
        assert done.returncode == 0, done.stdout
        left = content(tmp_path)
        assert {name: left[name] for name in project | added} == project | added
