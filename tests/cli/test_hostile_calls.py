"""No known path reaches the last guard: wrong files, wrong numbers, wrong words, everywhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import click
import pytest
from calls import assert_told, call

from chinchilla.cli import cli

DEEP = 10_000
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\t\n\n",
    "junk": bytes(range(256)) * 20,
    "bom": b"\xef\xbb\xbf",
    "utf16": '{"text": "甲"}\n'.encode("utf-16"),
    "gbk": '{"text": "甲乙丙丁"}\n'.encode("gbk"),
    "zip": b"PK\x03\x04" + bytes(60),
    "nul": b'a = "\x00"\n',
    "object": b"{}\n",
    "array": b"[]\n",
    "null": b"null\n",
    "number": b"1" * 400 + b"\n",
    "text": b'"a"\n',
    "surrogate": b'{"text": "\\ud800", "id": "a"}\n',
    "wrong kinds": b'{"id": 1, "text": [], "sources": null, "outputs": 3, "config": "a"}\n',
    "brackets": b"[" * DEEP,
    "braces": b'{"a":' * DEEP,
    "deep": b"[" * DEEP + b"]" * DEEP,
    "deep line": b'{"text": ' + b"[" * DEEP + b"]" * DEEP + b"}\n",
    "deep toml": b"seed = " + b"[" * DEEP + b"]" * DEEP + b"\n",
    "inline toml": b"seed = " + b"{a=" * DEEP + b"1" + b"}" * DEEP + b"\n",
    "dotted toml": b".".join([b"trainer", *[b"a"] * DEEP]) + b" = 1\n",
    "digits toml": b"seed = " + b"9" * 5_000 + b"\n",
    "seed toml": b"seed = 12345678901234567890123456\n",
    "negative toml": b"seed = -1\n",
    "nan toml": b"[prompts]\nnull_share = nan\n[windows]\nmax_tokens = -1\n",
    "inf toml": b"epochs = inf\n[general]\nratio = inf\n",
    "path toml": b'base = "a\\u0000b"\n[general]\npath = "a\\u0000b"\n',
    "tokenizer toml": b'[windows]\ntokenizer = "junk"\nmax_tokens = 100\n',
    "general toml": b'[general]\npath = "deep"\nratio = 0.5\n',
    "hard toml": b'[prompts.hard_negatives]\nfinre = "deep"\n',
    "date toml": b"[trainer]\nx = 1979-05-27\n",
    "lone return": b"a\rb\rc",
}


def names() -> list[str]:
    return [*CONTENTS, "folder", "dangling", "loop", "/dev/null", "nowhere", "long" * 100]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder of hostile files, a small build and good files; it is the working one."""
    folder = tmp_path_factory.mktemp("hostile")
    with chdir(folder):
        for name, content in CONTENTS.items():
            Path(name).write_bytes(content)
        Path("folder").mkdir()
        os.mkfifo("pipe")
        Path("dangling").symlink_to("nowhere")
        Path("loop").symlink_to("loop")
        gold = call("records", "finre", "--split", "dev").out
        Path("gold.jsonl").write_text(gold, encoding="utf-8")
        done = call("build", "--source", "finre", "--source", "msra", "--out", "built")
        assert done.status == 0, done.err
        yield folder


GOLD = ("--task", "re", "--gold", "gold.jsonl")
ASK = ("--base-url", "http://127.0.0.1:9/v1", "--retries", "0", "--timeout", "1")
FILES = [
    ("build", "--dry-run", "--source", "finre", "--config", "{}"),
    ("build", "--dry-run", "--raw", "{}"),
    ("check", "finre", "--raw", "{}"),
    ("check", "{}"),
    ("sources", "--raw", "{}"),
    ("sources", "--json", "--raw", "{}"),
    ("records", "{}", "--split", "dev"),
    ("records", "finre", "--split", "dev", "--raw", "{}"),
    ("mine", "{}"),
    ("mine", "finre", "--pred", "{}"),
    ("export", "{}", "--format", "alpaca", "--out", "exported"),
    ("score", "--task", "re", "--gold", "{}", "--pred", "gold.jsonl"),
    ("score", *GOLD, "--pred", "{}"),
    ("score", *GOLD, "--answers", "{}"),
    ("score", *GOLD, "--answers", "gold.jsonl", "--rows", "{}"),
    ("score", *GOLD, "--pred", "gold.jsonl", "--metric", "duie_official", "--alias", "{}"),
    ("score", *GOLD, "--pred", "gold.jsonl", "--raw", "{}"),
    ("compare", *GOLD, "{}", "gold.jsonl"),
    ("compare", *GOLD, "gold.jsonl", "{}"),
    ("predict", "m", *ASK, "--processed", "built", "--source", "finre", "--input", "{}"),
    ("predict", "m", *ASK, "--processed", "{}", "--input", "gold.jsonl"),
    ("predict", "{}", "--processed", "built", "--input", "gold.jsonl", "--engine", "transformers"),
    ("predict", "{}", "--input", "gold.jsonl", *ASK),
    ("predict", "m", *ASK, "--processed", "built", "--input", "gold.jsonl", "--extra", "{}"),
    ("train", "--task", "re", "--processed", "{}"),
    ("train", "--task", "re", "--processed", "built", "--dry-run", "--config", "{}"),
    ("train", "--task", "re", "--processed", "built", "--dry-run", "--base", "{}"),
    ("train", "--resume", "{}"),
    ("merge", "{}", "--out", "merged"),
    ("eval", "--run", "{}"),
    ("eval", "--runs", "{}"),
]
"""Where a file or folder of others is read."""
WRITTEN = [
    ("build", "--source", "finre", "--out", "{}"),
    ("export", "built", "--format", "alpaca", "--out", "{}"),
    ("mine", "finre", "--out", "{}"),
    ("score", *GOLD, "--pred", "gold.jsonl", "--bootstrap", "0", "--html", "{}"),
    ("predict", "m", *ASK, "--processed", "built", "--input", "empty", "--out", "{}"),
    ("merge", "built", "--out", "{}"),
]
"""Where something is written."""


def filled(words: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(name if word == "{}" else word for word in words)


@pytest.mark.parametrize("words", FILES, ids=" ".join)
def test_whatever_a_file_holds_is_answered(place: Path, words: tuple[str, ...]) -> None:
    if words[0] == "train" and words[-2] == "--config":
        words = (*words, "--base", "folder")
    for name in names():
        line = filled(words, name)
        assert_told(call(*line), line)


@pytest.mark.parametrize("words", WRITTEN, ids=" ".join)
def test_whatever_stands_where_output_goes_is_answered(place: Path, words) -> None:
    for name in (
        "folder",
        "dangling",
        "loop",
        "pipe",
        "/dev/null",
        "no/where",
        "junk/x",
        "long" * 100,
    ):
        line = filled(words, name)
        assert_told(call(*line), line)
    assert Path("junk").read_bytes() == CONTENTS["junk"]
    assert not Path("/dev/null").is_file()


PARTS: list[tuple[str, tuple[str, ...]]] = [
    ("raw/finre/train.txt", ("check", "finre", "--raw", "raw")),
    ("raw/duie/duie_train.json", ("check", "duie", "--raw", "raw")),
    ("raw/duee/duee_train.json", ("check", "duee", "--raw", "raw")),
    ("raw/msra/train1.txt", ("build", "--raw", "raw", "--source", "msra", "--dry-run")),
    ("raw/boson/BosonNLP_NER_6C.txt", ("records", "boson", "--split", "train", "--raw", "raw")),
    ("raw/iree/train.json", ("check", "iree", "--raw", "raw")),
    ("raw/sanwen/train.txt", ("check", "sanwen", "--raw", "raw")),
    ("raw/mine/card.toml", ("check", "mine", "--raw", "raw")),
    ("raw/mine/card.toml", ("sources", "--raw", "raw")),
    ("raw/mine/card.toml", ("build", "--raw", "raw", "--dry-run")),
    ("copy/manifest.json", ("export", "copy", "--format", "alpaca", "--out", "exported")),
    ("copy/manifest.json", ("train", "--task", "re", "--processed", "copy", "--dry-run")),
    ("copy/manifest.json", ("build", "--source", "finre", "--out", "copy")),
    ("copy/labels.json", ("train", "--task", "re", "--processed", "copy", "--dry-run")),
    ("copy/labels.json", ("predict", "m", *ASK, "--processed", "copy", "--input", "gold.jsonl")),
    ("copy/re/train.jsonl", ("export", "copy", "--format", "alpaca", "--out", "exported")),
    ("run/run.json", ("eval", "--run", "run")),
    ("run/run.json", ("train", "--resume", "run")),
    ("run/run.json", ("predict", "run", "--input", "gold.jsonl")),
    ("run/run.json", ("merge", "run", "--out", "merged")),
]
"""Files inside a folder of raw files, of a build or of a run."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"), PARTS, ids=[f"{name} {words[0]}" for name, words in PARTS]
)
def test_whatever_a_file_inside_a_folder_holds_is_answered(place: Path, name, words) -> None:
    for content in CONTENTS.values():
        for folder in ("raw", "copy", "run"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree("built", "copy")
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
        assert_told(call(*words), words)


NUMBERS = (
    "1" + "0" * 26,
    "-1",
    "-" + "9" * 26,
    "9" * 5000,
    "nan",
    "inf",
    "1e999",
    "",
    "x",
    "٣",
    "0",
)
CALLS = {
    "build": ("build", "--dry-run", "--source", "finre"),
    "mine": ("mine", "finre"),
    "export": ("export", "built", "--format", "alpaca", "--out", "exported"),
    "score": ("score", *GOLD, "--pred", "gold.jsonl"),
    "compare": ("compare", *GOLD, "gold.jsonl", "gold.jsonl"),
    "predict": ("predict", "m", *ASK, "--processed", "built", "--input", "empty"),
    "train": ("train", "--task", "re", "--processed", "built", "--dry-run", "--base", "folder"),
    "eval": ("eval", "--run", "folder"),
}
OPTIONS = [
    (name, option.opts[0])
    for name, command in cli.commands.items()
    for option in command.params
    if isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_whatever_number_an_option_is_given_is_answered(place: Path, name, option) -> None:
    for number in NUMBERS:
        line = (*CALLS[name], f"{option}={number}")
        assert_told(call(*line), line)


WORDS = [
    (),
    ("--version",),
    ("",),
    ("x" * 100_000,),
    ("\x1b[31m",),
    ("check", "\udcff"),
    ("check", "../finre"),
    ("check", "/"),
    ("check", "."),
    ("check", "a\nb"),
    ("build", "--edition", "="),
    ("build", "--edition", "finre=\x07"),
    ("build", "--out", ""),
    ("build", "--config", ""),
    ("build", "--dry-run", "--task", "re", "--task", "re", "--source", "finre"),
    ("records", "finre", "--split", "dev", "--edition", ""),
    ("export", "", "--format", "alpaca"),
    ("export", "built", "--format", "alpaca", "--task", "", "--out", "exported"),
    ("score", *GOLD, "--pred", "gold.jsonl", "--metric", ""),
    ("score", *GOLD, "--answers", "gold.jsonl", "--form", "../json"),
    ("score", *GOLD, "--answers", "gold.jsonl", "--form", ""),
    ("score", "--task", "re", "--gold", "-", "--pred", "-"),
    ("score", "--task", "re", "--gold", "-", "--pred", "gold.jsonl"),
    ("predict", "", "--input", "gold.jsonl"),
    ("predict", "m", *ASK, "--processed", "built", "--input", "gold.jsonl", "--source", "\x07"),
    ("predict", "m", "--base-url", "x", "--processed", "built", "--input", "gold.jsonl"),
    ("predict", "m", "--base-url", "", "--processed", "built", "--input", "gold.jsonl"),
    ("predict", "m", "--base-url", "http://[", "--processed", "built", "--input", "gold.jsonl"),
    (
        "predict",
        "m",
        "--base-url",
        "http://a:99999999",
        "--processed",
        "built",
        "--input",
        "gold.jsonl",
    ),
    ("predict", "m", *ASK, "--processed", "built", "--input", "gold.jsonl", "--subtask", "x"),
    ("predict", "m", *ASK, "--processed", "built", "--input", "gold.jsonl", "--key-variable", "="),
    ("predict", "m", *ASK, "--processed", "built", "--input", "gold.jsonl", "--extra", "[" * DEEP),
    ("train", "--task", "re", "--processed", "built", "--base", "", "--dry-run"),
    ("train", "--task", "re", "--processed", "built", "--base", "http://x", "--dry-run"),
    ("train", "--task", "re", "--processed", "built", "--subtask", "", "--dry-run"),
    ("eval", "--run", "folder", "--split", "../x"),
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: ascii(words)[:80])
def test_whatever_words_stand_on_the_command_line_are_answered(place: Path, words) -> None:
    for given in (b"", bytes(range(256))):
        assert_told(call(*words, given=given), words)


ANSWER = '{"id": "a", "task": "re", "text": "张三", "raw": "{}"}\n'
OTHER_ENCODING = [
    ["score", "--task", "re", "--gold", "GBK", "--pred", "GBK"],
    ["score", "--task", "re", "--gold", "GOLD", "--pred", "GBK"],
    ["score", "--task", "re", "--gold", "GOLD", "--answers", "GBK"],
    ["score", "--task", "re", "--gold", "GOLD", "--pred", "GOLD", "--alias", "GBK"],
    ["compare", "GOLD", "GBK", "--task", "re", "--gold", "GOLD"],
    ["mine", "finre", "--pred", "GBK", "--samples"],
    ["build", "--config", "GBK", "--out", "OUT"],
    ["build", "--templates-dir", "TEMPLATES", "--out", "OUT"],
    ["check", "--raw", "RAW"],
]


@pytest.mark.parametrize("words", OTHER_ENCODING, ids=" ".join)
def test_a_file_in_gbk_is_called_so_by_every_command_that_reads_one(tmp_path, words) -> None:
    gold = '{"id": "a", "task": "re", "text": "张三"}\n'
    names = ("GBK", "GOLD", "OUT", "TEMPLATES", "RAW")
    places = {name: tmp_path / name.lower() for name in names}
    for path in ("gbk", "templates/re/own.yaml", "raw/finre/card.toml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(ANSWER.encode("gbk"))
    places["GOLD"].write_text(gold, encoding="utf-8")
    done = call(*(str(places.get(word, word)) for word in words))
    assert done.status == 1
    assert "not UTF-8; save it as UTF-8: iconv" in done.out + done.err
    assert "codec" not in done.out + done.err
