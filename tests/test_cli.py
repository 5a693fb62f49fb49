"""The command line: data on stdout, words on stderr, one line for an error."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import orjson
import pytest

from chinchilla.cli import cli

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chinchilla", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, encoding="utf-8")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_has_help_and_stands_in_the_readme(name: str) -> None:
    assert cli.commands[name].help
    for readme in ("README.md", "README.en.md"):
        assert f"chinchilla {name}" in (ROOT / readme).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_and_argument_of_every_command_has_help(name: str) -> None:
    command = cli.commands[name]
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.opts for one in options if not one.help] == []
    arguments = [one.name.upper() for one in command.params if isinstance(one, click.Argument)]
    # the help of a command says what each of its arguments is, by the name in the usage line
    assert [one for one in arguments if not re.search(rf"\b{one}\b", command.help)] == []


def test_records_print_json_lines_and_say_what_they_read() -> None:
    done = run("records", "finre", "--split", "dev")
    rows = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) >= 12
    assert {row["source"] for row in rows} == {"finre"}
    assert done.stderr.startswith("finre dev: sample in ")
    assert done.returncode == 0


def test_records_of_the_whole_house_are_parsed_by_the_reader_of_a_pipe() -> None:
    command = f"{sys.executable} -m chinchilla records msra --split train | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert orjson.loads(done.stdout)["source"] == "msra"
    assert "Error" not in done.stderr


def shell(line: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line in which $P is the command, by a real shell with real pipes."""
    command = ["bash", "-c", line]
    env = {**os.environ, "P": f"{sys.executable} -m chinchilla", **env}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["records msra --split train", "check", "sources", "--help"])
def test_a_reader_that_goes_away_is_no_error(words: str, unbuffered: str) -> None:
    done = shell(f"($P {words}; echo $? >&2) | :", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr.splitlines()[-1] == "0"
    assert "Error" not in done.stderr


def test_a_reader_that_has_read_a_part_is_no_error(tmp_path: Path, put) -> None:
    put("msra/train1.txt", "我/o 在/o 北京/ns\n" * 50_000)
    line = "$P records msra --split train --raw raw 2> err | head -1; echo ${PIPESTATUS[0]}"
    done = shell(line, tmp_path)
    assert done.stdout.splitlines()[1:] == ["0"]
    assert (tmp_path / "err").read_text().count("\n") == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["records finre --split dev", "sources", "mine finre", "--help"])
def test_output_that_is_full_or_closed_is_told_in_a_line(words: str, unbuffered: str) -> None:
    for place, told in (("> /dev/full", "No space left on device"), (">&-", "closed")):
        done = shell(f"$P {words} {place}", PYTHONUNBUFFERED=unbuffered)
        assert done.returncode == 1
        [line] = [line for line in done.stderr.splitlines() if not line.startswith("finre ")]
        assert line.startswith(f"error: output: {told}; ")


ERRORS = [
    (("records", "nope", "--split", "dev"), 1, "error: nope: no such source; "),
    (("records", "finre", "--split", "valid"), 2, "Usage: "),
    (("records", "duee_fin", "--split", "dev", "--edition", "x"), 1, "error: --edition x: "),
    (
        ("records", "iree", "--split", "dev", "--no-samples"),
        1,
        "error: raw: no file of iree here; ",
    ),
    (("build", "--raw", "nowhere", "--no-samples"), 1, "error: nowhere: no such folder; "),
    (("build", "--raw", "nowhere", "--dry-run"), 1, "error: nowhere: no such folder; "),
    (("check", "--raw", "nowhere"), 1, "error: nowhere: no such folder; "),
    (("records", "finre", "--split", "dev", "--raw", "nowhere"), 1, "error: nowhere: "),
    (("sources", "--raw", "nowhere"), 1, "error: nowhere: no such folder; "),
    (("mine", "finre", "--raw", "nowhere"), 1, "error: nowhere: no such folder; "),
    (("score", "--task", "re", "--gold", "g", "--raw", "nowhere"), 1, "error: nowhere: "),
    (
        ("build", "--config", "no.toml"),
        1,
        "error: no.toml: No such file or directory; pass the path of a build.toml, or ",
    ),
    (("build", "--edition", "msra"), 2, "Usage: "),
    (("build", "--out", "README.md"), 2, "Usage: "),
    (
        ("build", "--source", "msra", "--source", "finre", "--task", "ner", "--task", "ee"),
        1,
        "error: sources: finre is of task re, not of ner or ee; add re to the tasks or leave ",
    ),
    (("frobnicate",), 2, "Usage: "),
]


@pytest.mark.parametrize(("arguments", "status", "words"), ERRORS)
def test_a_wrong_call_is_answered_in_a_line(arguments, status, words) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(words)
    assert status == 2 or done.stderr.count("\n") == 1


def test_check_reports_every_problem_with_its_place(tmp_path, put) -> None:
    path = put("finre/train.txt", "甲\t乙\t合作\t甲与乙\n\n甲\t丙\t合作\t甲与\n\n坏行\n")
    done = run("check", "finre", "--raw", str(tmp_path / "raw"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"finre: files in {path.parent}, edition default",
        "finre train: 1 records, 1 relations; 2 problems",
        f"  {path}:5: expected 4 fields between tabs, found 1; "
        "write 4 fields with a tab between them",
        f"  {path}:3: '丙' is not in the text; correct the line or leave it out",
        "  note: 1 records, the published file has 6,140",
        "  note: 1 relations, the published file has 9,867",
        "  note: 0 na_pairs, the published file has 3,613",
        "source  split  read  labelled  negative  unlabelled  left out  fixed",
        "------  -----  ----  --------  --------  ----------  --------  -----",
        "finre   train     3         1         0           0         2      0",
        f"left out: finre train: 1 bad-record at {path}:3",
        f"left out: finre train: 1 wrong-number-of-fields at {path}:5",
        "2 problems",
    ]


def test_a_source_with_problems_has_no_round_trip_and_the_next_one_has(tmp_path, put) -> None:
    put("finre/train.txt", "甲\t乙\t合作\t甲与乙\n坏行\n")
    put("sanwen/train.txt", "外婆\t别人\tunknown\t外婆爱别人。\n")
    done = run("check", "finre", "sanwen", "--round-trip", "--raw", str(tmp_path / "raw"))
    lines = done.stdout.splitlines()
    assert "finre: round trip left out; fix the problems above first" in lines
    end = lines.index("source  split  read  labelled  negative  unlabelled  left out  fixed")
    tripped = [line.split() for line in lines[:end] if line.startswith(("finre   ", "sanwen  "))]
    assert {row[0] for row in tripped} == {"sanwen"}
    assert {row[-1] for row in tripped} == {"100.0"}
    assert lines[-1] == "1 problems, 1 warnings"


def test_check_of_the_samples_finds_nothing() -> None:
    done = run("check")
    assert done.stdout.splitlines()[-1].startswith("0 problems, ")
    assert done.returncode == 0
    assert run("check", "--strict").returncode == 1


def test_check_tells_what_was_never_labelled_from_negatives() -> None:
    lines = run("check", "duee", "duee_fin").stdout.splitlines()
    told = {line.partition(":")[0]: line for line in lines}
    assert told["duee test"].endswith(" records, 12 unlabelled; 0 problems")
    assert "unlabelled" not in told["duee_fin train"]
    assert "negatives" in told["duee_fin train"]


def test_a_folder_of_raw_files_may_be_absent_where_none_is_named(tmp_path: Path) -> None:
    done = run("records", "finre", "--split", "dev", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("finre dev: sample in ")


def test_sources_are_listed_for_people_and_for_programs() -> None:
    rows = orjson.loads(run("sources", "--json").stdout)
    names = [row["source"] for row in rows]
    assert names == sorted(names)
    # a source more needs no change here
    published = {"boson", "duee", "duee_fin", "duie", "finre", "iree", "msra", "sanwen"}
    assert published <= set(names)
    assert all(row["licence"] and row["obtain"] for row in rows)
    assert run("sources").stdout.startswith("source ")


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    dry = run("build", "--source", "finre", "--out", str(out), "--dry-run")
    assert not out.exists()
    run("build", "--source", "finre", "--out", str(out))
    size = (out / "re" / "dev.jsonl").stat().st_size
    [line] = [line for line in dry.stdout.splitlines() if line.startswith("finre   re    dev")]
    assert line.split()[-2] == f"{size:,}"


def test_help_needs_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys\nimport chinchilla.cli\n"
        "heavy = {'pydantic', 'orjson', 'jinja2', 'rich', 'numpy', 'torch', 'datasets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n"
