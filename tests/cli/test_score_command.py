"""`chinchilla score` and `chinchilla compare`: one object or a table, one line for an error."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run(cwd: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "chinchilla", *arguments]
    return subprocess.run(command, capture_output=True, cwd=cwd, input=stdin)


def triple(predicate: str, head: str, tail: str) -> dict:
    return {"predicate": predicate, "head": head, "tail": tail}


GOLD = [
    {"id": "a", "text": "xyz", "task": "RE", "relations": [triple("p", "x", "y")]},
    {"id": "b", "text": "xyz", "task": "RE", "relations": [triple("q", "y", "z")]},
]
PRED = [GOLD[0], {**GOLD[1], "relations": [triple("p", "y", "z")]}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"gold": GOLD, "pred": PRED, "short": PRED[:1], "more": [*PRED, {"id": "z"}]}
    files |= {"empty": [], "misspelt": [{"id": "a", "relation": []}]}
    files["other"] = [{"id": "a", "text": "zyx"}]
    files["twice"] = [*PRED, PRED[0]]
    for name, rows in files.items():
        (tmp_path / name).write_bytes(lines(rows))
    deep = b'{"id": "a", "further": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    (tmp_path / "deep").write_bytes(lines([PRED[1]]) + deep)
    return tmp_path


def lines(rows: list[dict]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


THREE = ("metrics", "strict", "parsed_only")
SCORE = ("score", "--task", "re", "--gold", "gold")


def test_json_is_one_object_of_the_fixed_shape(folder: Path) -> None:
    done = run(folder, *SCORE, "--pred", "pred", "--metric", "re_boundary", "--json")
    found = orjson.loads(done.stdout)
    assert found["metrics"]["re_boundary"]["f1"] == 0.5
    assert set(found["per_label"]["re_boundary"]) == {"p", "q"}
    assert (found["parse"], found["missing"], found["extra"]) == ({}, 0, 0)
    assert found["signature"].startswith("metrics:re_boundary|task:re|")
    assert (done.stderr, done.returncode) == (b"", 0)


def test_a_table_is_for_people_and_the_signature_goes_to_stderr(folder: Path) -> None:
    done = run(folder, *SCORE, "--pred", "pred", "--bootstrap", "20", "--by", "length")
    assert b"re_boundary_set" in done.stdout
    assert b"duie_official" in done.stdout
    assert b"re_boundary by length" in done.stdout
    assert done.stderr.startswith(b"metrics:re_boundary+")


def test_predictions_may_come_from_a_pipe(folder: Path) -> None:
    done = run(folder, *SCORE, "--pred", "-", "--json", stdin=lines(PRED))
    assert orjson.loads(done.stdout)["metrics"]["re_boundary"]["tp"] == 1


def test_every_score_has_its_interval_unless_none_is_wanted(folder: Path) -> None:
    whole = run(folder, *SCORE, "--pred", "pred", "--html", "page.html", "--json")
    found = orjson.loads(whole.stdout)
    assert found["metrics"]["re_boundary"]["interval"]["f1"] == [0.0, 1.0]
    assert "|bootstrap:1000|" in found["signature"]
    assert all("interval" in one for one in found["metrics"].values())
    bare = run(
        folder, *SCORE, "--pred", "pred", "--html", "bare.html", "--json", "--bootstrap", "0"
    )
    assert all("interval" not in one for one in orjson.loads(bare.stdout)["metrics"].values())
    pages = [(folder / name).read_text(encoding="utf-8") for name in ("page.html", "bare.html")]
    assert [page.startswith("<!DOCTYPE html>") for page in pages] == [True, True]
    assert ["0.00 – 100.00" in page for page in pages] == [True, False]


def test_raw_answers_have_three_scores(folder: Path) -> None:
    said = '```json\n{"p": [{"head": "x", "tail": "y"}]}\n```'
    (folder / "said").write_bytes(lines([{"id": "a", "raw": said}, {"id": "b", "raw": ""}]))
    done = run(folder, *SCORE, "--answers", "said", "--form", "json", "--json")
    found = orjson.loads(done.stdout)
    assert found["parse"] == {"failed": 1, "repaired": 1}
    recalls = [found[key]["re_boundary"]["recall"] for key in ("strict", "metrics", "parsed_only")]
    assert recalls == [0.0, 0.5, 1.0]


def test_each_score_of_raw_answers_has_its_interval_unless_none_is_wanted(folder: Path) -> None:
    answers = [{"id": "a", "raw": '{"p": [{"head": "x", "tail": "y"}]}'}, {"id": "b", "raw": "?"}]
    (folder / "said").write_bytes(lines(answers))
    command = (*SCORE, "--answers", "said", "--metric", "re_boundary", "--html", "page.html")
    found = orjson.loads(run(folder, *command, "--json").stdout)
    between = {key: found[key]["re_boundary"]["interval"]["f1"] for key in THREE}
    # a document of two is right; the one whose answer can be read is right in every draw
    assert between == {"metrics": [0.0, 1.0], "strict": [0.0, 1.0], "parsed_only": [1.0, 1.0]}
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "F1 66.67 (0.00 – 100.00)" in page
    assert "F1 100.00 (100.00 – 100.00)" in page
    table = run(folder, *command).stdout.decode()
    rows = [line.split() for line in table.split("\n") if line.startswith("re_boundary  ")]
    assert [row[4] for row in rows] == ["0.00-100.00", "0.00-100.00", "100.00-100.00"]
    bare = run(folder, *command, "--bootstrap", "0", "--json")
    assert not any("interval" in orjson.loads(bare.stdout)[key]["re_boundary"] for key in THREE)


DEEP = b"error: deep:2: Object contains unknown field `further`; "
ERRORS = [
    (("--pred", "short", "--metric", "nope"), 1, b"error: --metric nope: no such metric of re; "),
    (("--pred", "short", "--metric", "ner_span"), 1, b"error: --metric ner_span: no such "),
    (("--pred", "more"), 1, b"error: more: 1 predicted ids are not in gold, the first 'z'"),
    (("--pred", "misspelt"), 1, b"error: misspelt:1: Object contains unknown field `relation`; "),
    (("--pred", "other"), 1, b"error: other: the text of 'a' is not the one that gold has; "),
    (("--pred", "pred", "--gold", "empty"), 1, b"error: empty: no gold rows; "),
    (("--pred", "twice"), 1, b"error: twice:3: the id 'a' comes twice; "),
    (("--pred", "deep"), 1, DEEP),
    (
        ("--pred", "deep", "--metric", "re_boundary"),
        1,
        DEEP,
    ),
    (("--answers", "deep"), 1, b"error: deep:1: id or raw is not a string; "),
    (("--pred", "absent"), 1, b"error: absent: No such file or directory; "),
    (("--pred", "pred", "--alias", "absent"), 1, b"error: absent: "),
    ((), 2, b"Usage: "),
    (("--pred", "pred", "--answers", "pred"), 2, b"Usage: "),
    (("--pred", "pred", "--bootstrap", "9", "--seed", "-1"), 2, b"Usage: "),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS)
def test_an_error_is_one_line(folder: Path, arguments, code: int, message: bytes) -> None:
    done = run(folder, *SCORE, *arguments)
    assert done.stderr.startswith(message)
    assert done.returncode == code
    assert code == 2 or done.stderr.count(b"\n") == 1


ROWS = ("--rows", "pred")
NO_ROWS = [
    (("--pred", "pred", *ROWS), b"--rows says what was answered: pass --answers, not --pred"),
    (("--pred", "pred", "--subtask", "re"), b"--subtask says how rows are read: pass --rows too"),
    (("--answers", "pred", "--subtask", "re"), b"--subtask says how rows are read: pass --rows "),
    (
        ("--answers", "pred", "--window-events", "keep"),
        b"--window-events says how rows are read: pass --rows too",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), NO_ROWS)
def test_options_about_rows_are_refused_where_no_rows_are_read(
    folder: Path, arguments, message: bytes
) -> None:
    done = run(folder, *SCORE, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.split(b"\n")[-2].startswith(b"Error: " + message)


def test_extra_ids_may_be_allowed_and_missing_ones_are_counted(folder: Path) -> None:
    done = run(folder, *SCORE, "--pred", "more", "--allow-extra", "--json")
    assert orjson.loads(done.stdout)["extra"] == 1
    done = run(folder, *SCORE, "--pred", "short", "--json")
    assert orjson.loads(done.stdout)["missing"] == 1


COMPARE = ("compare", "--task", "re", "--gold", "gold")


def test_two_systems_are_compared(folder: Path) -> None:
    done = run(folder, *COMPARE, "pred", "gold", "--metric", "re_boundary", "--json")
    found = orjson.loads(done.stdout)
    one = found["metrics"]["re_boundary"]
    assert (one["f1_a"], one["f1_b"], one["difference"]) == (0.5, 1.0, 0.5)
    assert one["p"] > 0.9
    assert "|shuffles:5000|" in found["signature"]
    assert b"B - A" in run(folder, *COMPARE, "pred", "gold").stdout


@pytest.mark.parametrize("name", ["gold", "a", "b"])
def test_one_of_the_files_compared_may_come_from_a_pipe(folder: Path, name: str) -> None:
    files = {"gold": "gold", "a": "pred", "b": "gold"}
    piped = (folder / files[name]).read_bytes()
    named, streamed = (
        run(folder, "compare", "--task", "re", "--gold", *one.values(), "--json", stdin=piped)
        for one in (files, {**files, name: "-"})
    )
    assert (streamed.returncode, streamed.stderr) == (0, b"")
    assert streamed.stdout == named.stdout


def test_only_one_of_the_files_compared_may_come_from_a_pipe(folder: Path) -> None:
    done = run(folder, *COMPARE, "-", "-", stdin=lines(PRED))
    assert done.stderr.endswith(b"Error: only one of a, b can be standard input\n")
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_seed_is_no_negative_number(folder: Path) -> None:
    done = run(folder, *COMPARE, "pred", "gold", "--seed", "-1")
    assert b"'--seed': -1 is not in the range 0<=x<=" in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("other", ["short", "more"])
def test_systems_on_other_documents_are_refused(folder: Path, other: str) -> None:
    done = run(folder, *COMPARE, "pred", other)
    assert done.stderr.startswith(f"error: {other}: 1 documents are not ".encode())
    assert done.returncode == 1


@pytest.mark.parametrize("name", ["ner_span", "zz"])
def test_a_metric_of_another_task_is_not_compared(folder: Path, name: str) -> None:
    done = run(folder, *COMPARE, "pred", "gold", "--metric", name)
    words = f"error: --metric {name}: no such metric of re; use re_boundary, ".encode()
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert done.stderr.startswith(words)
