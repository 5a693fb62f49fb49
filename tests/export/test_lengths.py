"""How long rows are is counted, and those over a limit are left out, counted too."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from chinchilla.dataset.read import open_processed
from chinchilla.dataset.shard import row_length
from chinchilla.errors import ConfigError
from chinchilla.export.format import CHARACTERS, LIMITS, RowRuler
from chinchilla.export.run import export
from chinchilla.files import hash_file
from chinchilla.schema import InstructionRow

Built = dict[str, list[InstructionRow]]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tokenizer that makes a token of each character."""
    folder = tmp_path_factory.mktemp("tokenizer")
    plain = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    plain.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    plain.save(str(folder / "tokenizer.json"))
    return folder


def run(processed: Path, out: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "chinchilla", "export", processed, "--out", out, *arguments]
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, encoding="utf-8")


def lengths_of(out: Path) -> dict:
    return orjson.loads((out / "export.json").read_bytes())["lengths"]


def test_a_row_is_as_long_as_its_prompt_and_its_answer(a_row: InstructionRow) -> None:
    assert row_length(a_row, len) == len("找出人名。\n张三来了。") + len('{"人名":["张三"]}')
    alone = a_row.model_copy(update={"input": ""})
    assert row_length(alone, len) == len("找出人名。") + len('{"人名":["张三"]}')


def test_rows_longer_than_trainers_take_are_counted_by_split(
    built: Built, run_export: Callable[..., Path]
) -> None:
    found = lengths_of(run_export("messages"))
    sizes = {s: [len(row.prompt) + len(row.output) for row in rows] for s, rows in built.items()}
    assert found["unit"] == "characters"
    assert found["longest"] == {split: max(some) for split, some in sizes.items()}
    assert found["longer"] == {
        split: {str(limit): sum(one > limit for one in some) for limit in LIMITS}
        for split, some in sizes.items()
    }
    assert found["longer"]["train"]["1024"] > 0


@pytest.mark.parametrize("name", ["alpaca", "messages", "prompt-completion", "hf", "parquet"])
def test_rows_over_the_limit_are_left_out_and_counted(
    name: str, processed: Path, built: Built, tmp_path: Path, read_back: Callable[..., dict]
) -> None:
    limit = sorted(row_length(row, len) for row in built["train"])[len(built["train"]) // 2]
    build = open_processed(processed, (), ())
    ruler = CHARACTERS._replace(longest=limit)
    done = export(build, name, tmp_path / "out", lambda size: None, ruler)
    kept = {s: [row for row in rows if row_length(row, len) <= limit] for s, rows in built.items()}
    found = read_back(tmp_path / "out")
    assert {split: len(items) for split, items in found.items()} == {
        split: len(rows) for split, rows in kept.items() if rows
    }
    assert done.manifest.rows == {split: len(rows) for split, rows in kept.items()}
    assert done.manifest.lengths.left_out == {
        split: len(rows) - len(kept[split]) for split, rows in built.items()
    }
    assert max(done.manifest.lengths.longest.values()) == limit
    if name == "parquet":
        left = sum(done.manifest.lengths.left_out.values())
        card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
        assert f"{left} more rows are longer than {limit} tokens and were left out." in card


def test_a_limit_that_no_row_keeps_is_refused(processed: Path, tmp_path: Path) -> None:
    ruler = RowRuler(longest=1)
    build = open_processed(processed, ("re",), ("dev",))
    with pytest.raises(ConfigError, match=r"^--max-tokens 1: none of \d+ rows is that short; pass"):
        export(build, "alpaca", tmp_path / "out", lambda size: None, ruler)
    assert list(tmp_path.iterdir()) == []


def test_the_command_counts_tokens_and_prints_what_it_left_out(
    processed: Path, built: Built, tokenizer: Path, tmp_path: Path
) -> None:
    limit = 900
    done = run(processed, tmp_path / "out", "--format", "messages", "--tokenizer", tokenizer,
               "--max-tokens", str(limit))  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = lengths_of(tmp_path / "out")
    assert found["unit"] == "tokens"
    assert found["tokenizer"] == hash_file(tokenizer / "tokenizer.json")
    head, _, *lines = done.stdout.split("\n\n")[1].splitlines()
    assert head.split("  ")[0] == "split"
    assert "longest (tokens)" in head
    assert "left out" in head
    for line in lines:
        split, rows, *over, longest, left_out = line.replace(",", "").split()
        kept = [row for row in built[split] if row_length(row, len) <= limit]
        assert int(rows) == len(kept)
        assert int(left_out) == len(built[split]) - len(kept)
        assert [int(one) for one in over] == [0, 0, 0]
        assert int(longest) == max(row_length(row, len) for row in kept)
    assert "characters" not in done.stderr


def test_without_a_tokenizer_the_command_says_that_it_counts_characters(
    processed: Path, tmp_path: Path
) -> None:
    done = run(processed, tmp_path / "out", "--format", "alpaca", "--split", "dev")
    assert "longest (characters)" in done.stdout
    assert "lengths are in characters; pass --tokenizer to count tokens\n" in done.stderr


def test_a_limit_in_tokens_needs_a_tokenizer(processed: Path, tmp_path: Path) -> None:
    done = run(processed, tmp_path / "out", "--format", "alpaca", "--max-tokens", "100")
    assert done.returncode == 2
    assert "--max-tokens needs --tokenizer" in done.stderr


def test_the_same_rows_give_the_same_bytes_wherever_the_tokenizer_lies(
    processed: Path, tokenizer: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy.json").write_bytes((tokenizer / "tokenizer.json").read_bytes())
    found = []
    for number, path in enumerate((tokenizer, tmp_path / "copy.json")):
        out = tmp_path / str(number)
        done = run(processed, out, "--format", "parquet", "--split", "dev", "--tokenizer", path)
        assert done.returncode == 0
        found.append({one.name: one.read_bytes() for one in out.iterdir()})
    assert found[0] == found[1]
