"""A command of which nothing is left to do, or to score, says why and fails."""

from pathlib import Path

import pytest
from calls import call

ASK = ("predict", "m", "--base-url", "http://127.0.0.1:9/v1", "--retries", "0", "--timeout", "1")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "built"
    assert call("build", "--source", "finre", "--out", str(out)).status == 0
    return out


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def predict(built: Path, inputs: str, *more: str):
    asked = (*ASK, "--processed", str(built), "--source", "finre", "--subtask", "re")
    return call(*asked, "--input", inputs, *more)


def test_predict_fails_where_every_line_was_refused(built: Path, tmp_path: Path) -> None:
    inputs = write(tmp_path / "in.jsonl", '{"text": 1}', "{", "[]", '{"text": "a", "text": "b"}')
    out = tmp_path / "out.jsonl"
    done = predict(built, inputs, "--on-error", "count", "--out", str(out))
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith(
        f"error: {inputs}:1: nothing of {inputs} could be read, 4 left out, most for bad-line: "
        "no object with a text; "
    )
    assert f"refused duplicate-key: 1, first {inputs}:4: duplicate key 'text'" in done.err
    assert not out.exists()


def test_predict_of_an_empty_file_is_no_failure(built: Path, tmp_path: Path) -> None:
    done = predict(built, write(tmp_path / "in.jsonl"), "--on-error", "count")
    assert (done.status, done.out) == (0, "")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "0", "-1", "1e999", "86401", "x", ""])
def test_a_timeout_is_a_time(built: Path, tmp_path: Path, seconds: str) -> None:
    inputs = write(tmp_path / "in.jsonl", '{"text": "a"}')
    done = predict(built, inputs, "--timeout", seconds)
    assert (done.status, "'--timeout': " in done.err.splitlines()[-1]) == (2, True)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("[" * 100_000, "not JSON ("),
        ('{"a": ' + "9" * 5000 + "}", "not JSON ("),
        ('{"a": 1, "a": 2}', "duplicate key 'a'; keep one value for the key"),
        ('{"a": "\\ud800"}', "not JSON ("),
        ("1", "not an object"),
    ],
)
def test_further_fields_that_are_no_object_are_refused(
    built: Path, tmp_path: Path, extra: str, told: str
) -> None:
    inputs = write(tmp_path / "in.jsonl", '{"text": "a"}')
    done = predict(built, inputs, "--extra", extra)
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith(f"error: --extra: {told}")


GOLD = '{"id": "a", "text": "xy", "entities": [{"type": "A", "text": "x"}]}'


@pytest.mark.parametrize(
    "words",
    [
        ("score", "--task", "ner", "--gold", "{gold}", "--pred", "{none}"),
        ("score", "--task", "ner", "--gold", "{gold}", "--pred", "{other}", "--allow-extra"),
        ("score", "--task", "ner", "--gold", "{gold}", "--answers", "{none}"),
        ("compare", "--task", "ner", "--gold", "{gold}", "{none}", "{gold}"),
        ("compare", "--task", "ner", "--gold", "{gold}", "{gold}", "{none}"),
    ],
)
def test_no_prediction_for_any_document_is_no_score(tmp_path: Path, words) -> None:
    files = {
        "{gold}": write(tmp_path / "gold.jsonl", GOLD),
        "{none}": write(tmp_path / "none.jsonl"),
        "{other}": write(tmp_path / "other.jsonl", '{"id": "b"}'),
    }
    done = call(*(files.get(word, word) for word in words))
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1].endswith(
        "no prediction for any of 1 documents of gold, the first 'a'; "
        "pass predictions of these records"
    )


def test_a_score_of_answers_none_of_which_could_be_read_fails_and_is_shown(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", GOLD, GOLD.replace('"a"', '"b"'))
    said = [f'{{"id": "{name}", "raw": "{raw}"}}' for name, raw in (("a", "???"), ("b", ""))]
    answers = write(tmp_path / "answers.jsonl", *said)
    done = call("score", "--task", "ner", "--gold", gold, "--answers", answers, "--bootstrap", "0")
    assert done.status == 1
    assert "failed" in done.out
    assert done.err.splitlines()[-1] == (
        f"error: {answers}: none of 2 answers could be read, 2 times failed, first a; "
        "look at these answers and at their form"
    )


def test_one_answer_that_can_be_read_is_a_score(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", GOLD, GOLD.replace('"a"', '"b"'))
    said = ('{"id": "a", "raw": "???"}', '{"id": "b", "raw": "{}"}')
    answers = write(tmp_path / "answers.jsonl", *said)
    done = call("score", "--task", "ner", "--gold", gold, "--answers", answers, "--bootstrap", "0")
    assert done.status == 0
    assert "ok_empty" in done.out
