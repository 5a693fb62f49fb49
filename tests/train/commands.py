"""Commands run as a user runs them, and what they wrote."""

import shutil
from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner, Result

from chinchilla.cli import cli


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def good(*words: str | Path) -> Result:
    done = run(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def read_run(folder: Path) -> dict[str, Any]:
    """Return run.json as it is on disk."""
    facts: dict[str, Any] = orjson.loads((folder / "run.json").read_bytes())
    return facts


def write_run(folder: Path, facts: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))


def other_templates(built: Path, copy: Path) -> Path:
    """Return a copy of a build whose manifest tells of other templates."""
    shutil.copytree(built, copy)
    path = copy / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    manifest["templates"]["forms.yaml"] = "0"
    path.write_bytes(orjson.dumps(manifest))
    return copy
