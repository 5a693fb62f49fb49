"""The files around the code: they can be read, agree with each other and name what there is."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import chinchilla

ROOT = Path(__file__).resolve().parent.parent
HOME = "https://github.com/chinchilla-ie/chinchilla"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(workflow: dict[str, Any]) -> list[str]:
    return [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]


def test_the_workflows_check_build_and_test_all_at_night() -> None:
    jobs = {name for path in WORKFLOWS for name in read(path)["jobs"]}
    assert jobs == {"lint", "test", "docs", "wheel", "test-all"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_alone_and_calls_targets_of_the_makefile(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in commands(workflow) if line.startswith("make ")}
    assert targets
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_the_hooks_before_a_commit_run_what_is_installed() -> None:
    [repository] = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert {"ruff-format", "ruff-check", "mypy"} <= set(hooks)
    assert {hook["language"] for hook in hooks.values()} == {"system"}
    named = [word for hook in hooks.values() for word in hook["entry"].split() if "/" in word]
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_citation_is_of_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == chinchilla.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["repository-code"] == HOME
    assert citation["authors"]


def test_the_addresses_of_the_project_are_those_of_one_repository() -> None:
    urls = PROJECT["project"]["urls"]
    assert set(urls) == {"Homepage", "Documentation", "Source", "Changelog", "Issues"}
    pages = "https://chinchilla-ie.github.io/chinchilla/"
    assert all(url.startswith((HOME, pages)) for url in urls.values())


def test_the_changelog_has_a_short_section_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "<!-- towncrier release notes start -->" in text
    [section] = re.findall(rf"^## {chinchilla.__version__}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert 15 <= section.count("\n- ") <= 35


def test_each_fragment_of_the_changelog_has_a_known_type_and_one_line() -> None:
    types = {one["directory"] for one in PROJECT["tool"]["towncrier"]["type"]}
    folder = ROOT / PROJECT["tool"]["towncrier"]["directory"]
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in types)
    for path in folder.iterdir():
        if path.name != "README.md":
            name = re.fullmatch(r"\+[a-z0-9-]+\.([a-z]+)\.md", path.name)
            assert name, path.name
            assert name[1] in types, path.name
            assert path.read_text(encoding="utf-8").count("\n") == 1, path.name


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CONTRIBUTING.zh.md"])
def test_the_page_for_contributors_names_every_room_and_only_files_that_there_are(
    name: str,
) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    table = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    package = ROOT / "chinchilla"
    # a room that moved leaves its folder of compiled files behind
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    rooms |= {path.stem for path in package.glob("*.py") if not path.name.startswith("__")}
    assert sorted(re.findall(r"`(\w+)`", " ".join(table))) == sorted(rooms)
    paths = re.findall(r"(?<![\w/])(?:chinchilla|docs|tests|templates)/[\w./-]+", page)
    named = {path for path in paths if not re.search("[A-Z]{2}", path)}
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
