"""Templates of one's own: a folder laid beside those that ship, in every command that asks."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from calls import Called, call

from chinchilla.cli import cli
from chinchilla.errors import ConfigError
from chinchilla.templates import load_templates, template_hashes, use_templates

WORDING = """subtask: re
labels: closed
wordings:
  - id: mine
    instruction: |-
      读一读，找出这些关系：{{ labels }}。{{ format }}
    input: "{{ text }}"
"""


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    use_templates(None)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "re").mkdir(parents=True)
    (folder / "re" / "mine.yaml").write_text(WORDING, encoding="utf-8")
    return folder


def test_a_folder_adds_its_wordings_and_takes_none_away(mine: Path) -> None:
    before, hashes = load_templates(), template_hashes()
    assert use_templates(mine) == 1
    assert [one.id for one in load_templates()[len(before) :]] == ["re/mine#mine"]
    assert load_templates()[: len(before)] == before
    digest = sha256(WORDING.encode("utf-8")).hexdigest()
    assert template_hashes() == {**hashes, "re/mine.yaml": digest}
    use_templates(None)
    assert (load_templates(), template_hashes()) == (before, hashes)


def twice(folder: Path) -> Path:
    return (folder / "re" / "mine.yaml").rename(folder / "re" / "closed.yaml")


def above(folder: Path) -> Path:
    return (folder / "re" / "mine.yaml").rename(folder / "mine.yaml")


def below(folder: Path) -> Path:
    (folder / "re" / "deeper").mkdir()
    return (folder / "re" / "mine.yaml").rename(folder / "re" / "deeper" / "mine.yaml")


def ending(folder: Path) -> Path:
    return (folder / "re" / "mine.yaml").rename(folder / "re" / "mine.yml")


def phrases(folder: Path) -> Path:
    path = folder / "forms.yaml"
    path.write_text("{}", encoding="utf-8")
    return path


def other_task(folder: Path) -> Path:
    (folder / "ner").mkdir()
    (folder / "re" / "mine.yaml").rename(folder / "ner" / "mine.yaml")
    return folder / "ner" / "mine#mine"


def nothing(folder: Path) -> Path:
    (folder / "re" / "mine.yaml").unlink()
    return folder


def deep(folder: Path) -> Path:
    path = folder / "re" / "mine.yaml"
    path.write_text("subtask: " + "[" * 5_000, encoding="utf-8")
    return path


def deep_wording(folder: Path) -> Path:
    path = folder / "re" / "mine.yaml"
    inside = "(" * 5_000 + "text" + ")" * 5_000
    path.write_text(WORDING.replace("text", inside), encoding="utf-8")
    return folder / "re" / "mine.yaml#mine"


def a_folder(folder: Path) -> Path:
    path = folder / "re" / "x.yaml"
    path.mkdir()
    return path


WRONG = [twice, above, below, ending, phrases, other_task, nothing, deep, deep_wording, a_folder]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_folder_that_would_not_be_read_whole_is_refused(mine, wrong: Callable) -> None:
    where = wrong(mine)
    with pytest.raises(ConfigError) as caught:
        use_templates(mine)
    assert caught.value.where == str(where)
    assert "re/mine#mine" not in {one.id for one in load_templates()}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = call("build", "--templates-dir", str(tmp_path / "no"), "--out", str(tmp_path / "out"))
    assert done.status == 1
    assert done.err == (
        f"error: {tmp_path / 'no'}: no such folder; pass a folder with <task>/*.yaml\n"
    )


def test_a_folder_called_templates_in_the_working_one_is_not_taken(mine, monkeypatch) -> None:
    monkeypatch.chdir(mine.rename(mine.parent / "templates").parent)
    use_templates(None)
    assert "re/mine#mine" not in {one.id for one in load_templates()}


NAMES = ["build", "check", "train", "predict", "eval", "score"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_words_or_reads_queries_takes_the_folder(name: str) -> None:
    [option] = [one for one in cli.commands[name].params if "--templates-dir" in one.opts]
    assert option.help


def build(out: Path, *more: str) -> Called:
    done = call("build", "--source", "finre", "--out", str(out), *more)
    assert done.status == 0, done.err
    return done


def rows(out: Path, split: str) -> list[dict]:
    path = out / "re" / f"{split}.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_build_draws_from_them_says_so_and_is_the_same_with_workers(mine, tmp_path) -> None:
    done = build(tmp_path / "a", "--templates-dir", str(mine))
    assert f"templates: 1 wordings of {mine} beside those that ship\n" in done.err
    build(tmp_path / "b", "--templates-dir", str(mine), "--workers", "2")
    used = {row["template"] for row in rows(tmp_path / "a", "train")}
    assert "re/mine#mine" in used
    assert len(used) > 1
    assert rows(tmp_path / "a", "train") == rows(tmp_path / "b", "train")
    manifest = (tmp_path / "a" / "manifest.json").read_bytes()
    assert manifest == (tmp_path / "b" / "manifest.json").read_bytes()
    assert "re/mine.yaml" in orjson.loads(manifest)["templates"]


def test_they_may_be_the_only_ones_and_their_answers_are_scored(mine, tmp_path) -> None:
    config = tmp_path / "build.toml"
    config.write_text('[prompts]\nwordings = ["re/mine#mine"]\n', encoding="utf-8")
    out, own = tmp_path / "out", ("--templates-dir", str(mine))
    build(out, *own, "--config", str(config))
    assert {row["template"] for row in rows(out, "dev")} == {"re/mine#mine"}
    answers = tmp_path / "answers.jsonl"
    lines = [orjson.dumps({"id": row["id"], "raw": row["output"]}) for row in rows(out, "dev")]
    answers.write_bytes(b"\n".join(lines))
    gold = str(out / "records" / "re" / "dev.jsonl")
    words = ["score", "--task", "re", "--gold", gold, "--answers", str(answers), "--json"]
    words += ["--rows", str(out / "re" / "dev.jsonl")]
    done = call(*words, *own)
    assert done.status == 0, done.err
    found = orjson.loads(done.out)
    assert set(found["parse"]) <= {"ok", "ok_empty"}
    assert found["metrics"][found["headline"]]["f1"] == 1.0
    done = call(*words)
    assert done.status == 1
    assert "no wording 're/mine#mine' here; pass the folder of templates" in done.err


def test_a_run_made_with_them_asks_for_them_in_one_line_and_works_with_them(mine, tmp_path) -> None:
    pytest.importorskip("torch")
    out, own = str(tmp_path / "out"), ("--templates-dir", str(mine))
    build(tmp_path / "out", *own)
    config = tmp_path / "train.toml"
    config.write_text("max_steps = 1\nbatch_size = 2\n[eval]\nrows = 0\n", encoding="utf-8")
    words = ["train", "--task", "re", "--base", "tiny", "--processed", out, "--config", str(config)]
    words += ["--out", str(tmp_path / "runs")]
    told = "re/mine.yaml changed); pass the folder of your templates that were used"
    assert told in call(*words).err
    done = call(*words, *own)
    assert done.status == 0, done.err
    run = done.out.partition("\t")[0]
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"text": "甲公司与乙公司合作"}\n', encoding="utf-8")
    for line in (["eval", "--run", run], ["predict", run, "--input", str(texts)]):
        done = call(*line)
        assert done.status == 1
        assert told in done.err
    assert "this run is finished" in call("train", "--resume", run, *own).err
    done = call("predict", run, "--input", str(texts), "--max-new-tokens", "8", *own)
    assert done.status == 0, done.err
    build(tmp_path / "plain")
    done = call(
        "train", "--task", "re", "--base", "tiny", "--processed", str(tmp_path / "plain"), *own
    )
    assert done.err.endswith("leave --templates-dir out, or build with it\n")
