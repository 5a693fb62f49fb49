"""What the documentation shows is run."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import orjson
import pytest

from chinchilla.cli import cli
from chinchilla.corpus import find as catalogue
from chinchilla.dataset.config import BuildConfig, read_config
from chinchilla.score.metrics import METRICS
from chinchilla.tally import Tally
from chinchilla.templates import load_templates
from chinchilla.train.config import TrainConfig, read_train_config

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.en.md")
LANGUAGES = ("zh", "en")


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(name: str, first: str) -> list[str]:
    lines = [
        line.split("#")[0].strip() for block in blocks(name, "sh") for line in block.split("\n")
    ]
    return [line for line in lines if line.startswith(first)]


LOOP = ("chinchilla train", "chinchilla eval")
SHOWN = [
    (name, line)
    for name in READMES
    for line in commands(name, "chinchilla ")
    if not line.startswith(LOOP)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "line"), SHOWN)
def test_a_command_of_the_readme_runs(tmp_path: Path, name: str, line: str) -> None:
    words = [sys.executable, "-m", *shlex.split(line)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout


PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*(ROOT / "docs").rglob("*.md"), *ROOT.glob("CONTRIBUTING*.md"))
)
WRITTEN = [
    line.strip()
    for name in (*READMES, *PAGES)
    for block in [*blocks(name, "sh"), *blocks(name, "text")]
    for line in block.replace("\\\n", " ").split("\n")
    if re.match(r"(torchrun|accelerate|chinchilla)\b.* (chinchilla )?[a-z]+ ", line.strip())
]


@pytest.mark.parametrize("line", WRITTEN)
def test_a_command_of_the_documentation_has_the_options_it_shows(line: str) -> None:
    words = shlex.split(re.sub(r"[\[\]]|\.\.\.", "", line), comments=True)
    name, *rest = words[len(words) - 1 - words[::-1].index("chinchilla") + 1 :]
    command = cli.commands[name]
    context = click.Context(command)
    _, left, _ = command.make_parser(context).parse_args(rest)
    assert left == []


@pytest.mark.parametrize("name", READMES)
def test_the_python_of_the_readme_runs(name: str, tmp_path: Path) -> None:
    [code] = blocks(name, "python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "100.0" in done.stdout


def test_both_readmes_show_the_same_commands() -> None:
    shown = [[line for which, line in SHOWN if which == name] for name in READMES]
    assert shown[0] == shown[1]


@pytest.mark.slow
def test_the_loop_of_the_readme_runs_from_a_build_to_scores(tmp_path: Path) -> None:
    shown = [
        [line for line in commands(name, "chinchilla ") if line.startswith(LOOP)]
        for name in READMES
    ]
    assert (
        shown[0]
        == shown[1]
        == ["chinchilla train --task re --base tiny", "chinchilla eval --split dev"]
    )
    build = [sys.executable, "-m", "chinchilla", "build"]
    assert subprocess.run(build, cwd=tmp_path, capture_output=True).returncode == 0
    for line in shown[0]:
        words = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert len(list(tmp_path.glob("runs/re/*/eval/dev/free/*.html"))) == 3


def test_make_lists_its_targets_and_knows_those_of_the_readme() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in READMES:
        for line in commands(name, "make "):
            target = line.split()[1]
            assert f"\n{target} " in "\n" + listed
            dry = ["make", "--dry-run", target]
            assert subprocess.run(dry, cwd=ROOT, capture_output=True).returncode == 0


def test_make_build_dataset_builds_from_the_samples(tmp_path: Path) -> None:
    environment = os.environ | {"VIRTUAL_ENV": sys.prefix}
    words = ["make", "build-dataset", f"OUT={tmp_path / 'out'}", f"RAW={tmp_path}"]
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert done.stderr.count("SAMPLE") == 8


def test_the_card_of_the_readme_reads_a_data_set(tmp_path: Path) -> None:
    [card] = blocks("README.md", "toml")
    assert tomllib.loads(card)["task"] == "ner"
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "card.toml").write_text(card, encoding="utf-8")
    row = '{"text": "张三来了", "label": [[0, 2, "PER"]]}\n'
    (folder / "train.json").write_text(row, encoding="utf-8")
    found = catalogue.find(catalogue.load_card("mine", tmp_path), tmp_path)
    assert found is not None
    [record] = catalogue.records(found, "train", Tally())
    assert record.entities[0].text == "张三"


def settings(model: type, prefix: str = "") -> list[tuple[str, str, str]]:
    found = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if hasattr(field.annotation, "model_fields"):
            found += settings(field.annotation, f"{prefix}{name}.")
        else:
            found.append((prefix + name, field.description, toml(default)))
    return found


def toml(default: object) -> str:
    """Write a default as a build.toml or train.toml would; nothing where there is none."""
    if default is None:
        return ""
    if isinstance(default, float):
        return f"`{default}`"
    return f"`{orjson.dumps(default).decode().replace(',', ', ')}`"


CONFIGS = [("build", BuildConfig), ("train", TrainConfig)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "config"), CONFIGS)
def test_every_setting_stands_in_the_documentation_with_its_default_and_description(
    name: str, config: type, language: str
) -> None:
    page = (ROOT / "docs" / language / f"{name}.md").read_text(encoding="utf-8")
    table = [line for line in page.split("\n") if re.match(r"\| `[a-z_.]+` \| (`.*`)? \|", line)]
    assert len(table) == len(settings(config))
    for line, (key, description, default) in zip(table, settings(config), strict=True):
        head = f"| `{key}` | {default} | "
        assert line.startswith(head)
        shown = line.removeprefix(head).removesuffix(" |")
        assert shown == description if language == "en" else re.search("[\u4e00-\u9fff]", shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_training_settings_of_the_documentation_are_valid(
    tmp_path: Path, language: str
) -> None:
    path = tmp_path / "train.toml"
    found = []
    for text in blocks(f"docs/{language}/train.md", "toml"):
        path.write_text(text, encoding="utf-8")
        found.append(read_train_config(path, {}))
    assert found[0].lora.variant == "rslora"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_configurations_of_the_documentation_are_valid(tmp_path: Path, language: str) -> None:
    path = tmp_path / "build.toml"
    found = []
    for text in blocks(f"docs/{language}/build.md", "toml"):
        path.write_text(text, encoding="utf-8")
        found.append(read_config(path, {}).prompts)
    assert found[0].null_share == 0.2
    assert found[1].wordings[0] in {template.id for template in load_templates()}
    assert found[2].renaming == "paraphrase"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_stands_in_the_documentation(language: str) -> None:
    page = (ROOT / "docs" / language / "metrics.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in page] == []
