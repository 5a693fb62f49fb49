"""The command `chinchilla export`: data on stdout, words on stderr, one line for an error."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chinchilla.export.formats import formats, load_format
from chinchilla.export.formats.llama_factory import ALPACA, dataset_info
from chinchilla.schema import InstructionRow

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(params=["zh", "en"])
def page(request: pytest.FixtureRequest) -> str:
    """Return the page on exports, in each language."""
    return (DOCS / request.param / "exports.md").read_text(encoding="utf-8")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "chinchilla", "export", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, encoding="utf-8")


def test_an_export_says_which_files_it_wrote(processed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(processed, "--format", "parquet", "--out", out, "--task", "re", "--split", "dev")
    assert done.returncode == 0
    head, _, card, data, *_ = done.stdout.splitlines()
    assert head.split() == ["file", "bytes", "sha256"]
    assert [card.split()[0], data.split()[0]] == ["README.md", "validation.parquet"]
    assert done.stderr.endswith(f"; written to {out}\n")
    assert "exporting re dev: " in done.stderr


def test_the_output_goes_beside_the_build_by_default(processed: Path) -> None:
    done = run(processed, "--format", "aquila", "--task", "ner", "--split", "dev")
    assert done.returncode == 0
    written = processed / "exports" / "aquila"
    assert sorted(path.name for path in written.iterdir()) == ["export.json", "validation.jsonl"]


def test_a_folder_that_is_no_build_is_one_line_and_exit_1(tmp_path: Path) -> None:
    done = run(tmp_path, "--format", "alpaca")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}: no build is here ")
    assert done.stderr.count("\n") == 1


def test_an_unknown_format_is_a_usage_error_that_lists_the_formats(processed: Path) -> None:
    done = run(processed, "--format", "csv")
    assert done.returncode == 2
    assert all(f"'{name}'" in done.stderr for name in formats())


def test_every_format_stands_in_the_documentation(page: str) -> None:
    assert [name for name in formats() if f"--format {name}\n" not in page] == []


def test_the_documentation_shows_items_as_they_are_written(
    a_row: InstructionRow, page: str
) -> None:
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    row = a_row.model_copy(
        update={
            "instruction": "请找出文本中的人名。",
            "input": "张三来了。",
            "output": '{"人名":["张三"]}',
            "id": "msra-train-000001.0",
        }
    )
    names = ("alpaca", "sharegpt", "messages", "prompt-completion", "aquila")
    assert shown[:-1] == [load_format(name).write(row) for name in names]
    info = dataset_info(("train",), ALPACA)
    assert shown[-1] == json.loads(info)


def test_every_command_of_a_trainer_gives_a_length_that_fits_the_limit(page: str) -> None:
    commands = re.findall(r"^(?:trl|swift|llamafactory-cli) .*$", page, re.MULTILINE)
    limits = [int(found) for found in re.findall(r"--(?:max_length|cutoff_len) (\d+)", page)]
    assert len(commands) == len(limits) == 4
    [ours] = re.findall(r"--max-tokens (\d+)", page)
    # what is left is for the marks of a chat template
    assert all(limit - int(ours) >= 40 for limit in limits)


def test_the_settings_for_axolotl_show_a_model_the_prompt_alone(
    a_row: InstructionRow, page: str
) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    settings = yaml.safe_load(block)["datasets"][0]["type"]
    item = load_format("alpaca-jsonl").write(a_row)
    named = {key: item[settings[f"field_{key}"]] for key in ("instruction", "input", "output")}
    assert settings["system_prompt"] == ""
    assert settings["format"].format(**named) == a_row.prompt + "\n"
    alone = a_row.model_copy(update={"input": ""})
    assert settings["no_input_format"].format(**named) == alone.prompt + "\n"
    assert named["output"] == a_row.output
