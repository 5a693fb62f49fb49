"""What lies in examples/ runs as it stands."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


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
