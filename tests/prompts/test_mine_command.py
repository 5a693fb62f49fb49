"""The command `chinchilla mine`: where it writes, what it says, how it meets predictions."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from chinchilla.cli import cli
from chinchilla.errors import ChinchillaError, ConfigError, InputError
from chinchilla.prompts.hard_negatives import read_confusions

LINES = "甲\t乙\t收购\t甲收购乙\n\n丙\t丁\t合作\t丙与丁\n\n"


def run(*arguments: object):
    return CliRunner().invoke(cli, ["mine", *map(str, arguments)], catch_exceptions=True)


@pytest.fixture
def raw(put) -> Path:
    return put("finre/train.txt", LINES).parent.parent


@pytest.fixture
def predictions(raw: Path, tmp_path: Path):
    records = CliRunner().invoke(cli, ["records", "finre", "--split", "train", "--raw", str(raw)])
    rows = [orjson.loads(line) for line in records.stdout.splitlines()]

    def write(*changes: tuple[int, str]) -> Path:
        """Write predictions: which record, which predicate the model gave."""
        lines = []
        for number, predicate in changes:
            relations = [rows[number]["relations"][0] | {"predicate": predicate}]
            lines.append(orjson.dumps(rows[number] | {"relations": relations}))
        path = tmp_path / "pred.jsonl"
        path.write_bytes(b"\n".join(lines))
        return path

    return write


def test_data_goes_to_stdout_and_words_to_stderr(raw: Path) -> None:
    done = run("finre", "--raw", raw, "--top", 2)
    content = orjson.loads(done.stdout)
    assert (content["source"], content["edition"]) == ("finre", "default")
    assert len(content["labels"]) == 43
    assert {len(found) for found in content["labels"].values()} <= {0, 1, 2}
    assert done.stderr.splitlines()[0] == (
        f"finre train: files in {raw / 'finre'}, edition default"
    )


def test_a_file_is_written_that_can_be_read_and_nothing_beside_it(raw, tmp_path) -> None:
    out = tmp_path / "new" / "finre.json"
    out.parent.mkdir()
    done = run("finre", "--raw", raw, "--out", out)
    assert (done.exit_code, done.stdout) == (0, "")
    assert read_confusions(out)["收购"][0] == "被收购"
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes() == run("finre", "--raw", raw).stdout_bytes


def test_what_a_model_confuses_is_mined(raw: Path, predictions) -> None:
    for order in ((0, "欠款"), (1, "合作")), ((1, "合作"), (0, "欠款")):
        done = run("finre", "--raw", raw, "--pred", predictions(*order))
        [found] = [
            one for one in orjson.loads(done.stdout)["labels"]["收购"] if one["label"] == "欠款"
        ]
        assert found["reasons"][0] == "model 0.50"


def test_what_is_missing_or_unknown_is_counted(raw: Path, predictions) -> None:
    path = predictions((0, "外来"))
    done = run("finre", "--raw", raw, "--pred", path)
    assert done.stderr.splitlines()[2:] == [
        "predicted label on no card: 1, first finre-train-000001 '外来'",
        "record without prediction: 1, first finre-train-000003",
    ]


def error_of(*arguments: object) -> ChinchillaError:
    error = run(*arguments).exception
    assert isinstance(error, ChinchillaError)
    return error


def test_predictions_of_no_record_and_second_ones_are_errors(raw, predictions) -> None:
    path = predictions((0, "收购"), (0, "合作"), (1, "合作"))
    error = error_of("finre", "--raw", raw, "--pred", path)
    assert str(error).startswith(f"{path}:2: the id 'finre-train-000001' comes twice; ")
    path.write_bytes(path.read_bytes().replace(b"finre-train-000001", b"finre-dev-000001", 1))
    error = error_of("finre", "--raw", raw, "--pred", path)
    assert str(error) == (
        f"{path}: 1 predicted ids are none of the split, the first 'finre-dev-000001'; "
        "pass the split that was predicted with --split"
    )


def test_what_a_model_made_up_is_counted_and_the_rest_is_mined(raw: Path, tmp_path) -> None:
    told = [("欠款", "甲", "乙"), ("收购", "戊", "乙"), ("unknown", "甲", "乙"), ("收购", "", "乙")]
    relations = [dict(zip(("predicate", "head", "tail"), one, strict=True)) for one in told]
    path = tmp_path / "pred.jsonl"
    path.write_bytes(orjson.dumps({"id": "finre-train-000001", "relations": relations}))
    done = run("finre", "--raw", raw, "--pred", path)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[2:] == [
        "predicted string not in the text: 2, first finre-train-000001 '戊'",
        "record without prediction: 1, first finre-train-000003",
    ]
    found = orjson.loads(done.stdout)["labels"]["收购"]
    assert ["model 0.50"] in [one["reasons"][:1] for one in found]


def test_files_that_cannot_be_read_or_written_are_answered_in_a_line(raw, tmp_path) -> None:
    error = error_of("finre", "--raw", raw, "--pred", tmp_path / "none.jsonl")
    assert isinstance(error, InputError)
    assert error.what == "No such file or directory"
    error = error_of("finre", "--raw", raw, "--out", tmp_path / "none" / "finre.json")
    assert isinstance(error, ConfigError)
    assert error.todo == "pass another file with --out"
    assert run("finre", "--raw", raw, "--out", tmp_path).exit_code == 2
    assert error_of("finre", "--raw", raw, "--split", "dev").what.startswith("finre has no dev")


def test_a_split_without_labels_has_nothing_to_mine(tmp_path: Path) -> None:
    error = error_of("duee", "--raw", tmp_path, "--split", "test")
    assert isinstance(error, ConfigError)
    assert error.what == "duee was published without labels in test"
