"""The export as a whole: same bytes, its manifest, what it refuses, what it leaves behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.manifest import Manifest
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import open_processed, rows
from chinchilla.errors import ChinchillaError, ConfigError, InputError
from chinchilla.export.card import counts_table, data_card, front_matter
from chinchilla.export.format import CHARACTERS, ExportCounts, RowCount, Summary
from chinchilla.export.formats import formats
from chinchilla.export.run import export
from chinchilla.schema import InstructionRow

Run = Callable[..., Path]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def export_all(processed: Path, out: Path, seed: str) -> dict[str, bytes]:
    """Export every format in another process with a hash seed of its own."""
    code = """
import sys
from pathlib import Path
from chinchilla.export.formats import formats
from chinchilla.dataset.read import open_processed
from chinchilla.export.run import export
for name in formats():
    build = open_processed(Path(sys.argv[1]), (), ())
    export(build, name, Path(sys.argv[2]) / name, lambda size: None)
"""
    words = [sys.executable, "-c", code, str(processed), str(out)]
    subprocess.run(words, env=os.environ | {"PYTHONHASHSEED": seed}, check=True)
    return files(out)


def test_every_export_has_the_same_bytes_on_every_run(processed: Path, tmp_path: Path) -> None:
    first = export_all(processed, tmp_path / "a", "1")
    for path in (tmp_path / "a").rglob("*"):
        os.utime(path, (1, 1))
    copy = shutil.copytree(processed, tmp_path / "moved")
    assert export_all(copy, tmp_path / "b", "2") == first
    assert len([name for name in first if name.endswith("export.json")]) == len(formats())


@pytest.mark.parametrize("name", formats())
def test_the_manifest_names_the_input_and_every_file(
    name: str, processed: Path, built: dict[str, list[InstructionRow]], run_export: Run
) -> None:
    out = run_export(name)
    manifest = orjson.loads((out / "export.json").read_bytes())
    found = {
        file: {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
        for file, data in files(out).items()
        if file != "export.json"
    }
    assert manifest["files"] == found
    assert manifest["format"] == name
    assert manifest["tasks"] == ["ner", "re", "ee"]
    assert manifest["rows"] == {split: len(rows) for split, rows in built.items()}
    assert manifest["manifest"] == sha256((processed / "manifest.json").read_bytes()).hexdigest()


def test_only_the_tasks_and_splits_named_are_exported(
    built: dict[str, list[InstructionRow]], run_export: Run
) -> None:
    out = run_export("alpaca-jsonl", ("re", "ner"), ("dev",))
    assert list(files(out)) == ["export.json", "validation.jsonl"]
    lines = [
        orjson.loads(line) for line in (out / "validation.jsonl").read_bytes().split(b"\n")[:-1]
    ]
    wanted = [row.output for row in built["validation"] if row.task in ("ner", "re")]
    assert [line["output"] for line in lines] == wanted


def test_a_second_export_drops_the_files_of_the_first_and_no_other(
    processed: Path, tmp_path: Path
) -> None:
    build, out = open_processed(processed, ("re",), ()), tmp_path / "out"
    export(build, "hf", out, lambda size: None)
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    export(build, "alpaca", out, lambda size: None)
    left = sorted(path.name for path in out.iterdir())
    assert left == ["export.json", "mine.txt", "test.json", "train.json", "validation.json"]


@pytest.mark.parametrize("name", formats())
def test_a_file_that_no_export_wrote_is_never_written_over(
    name: str, processed: Path, run_export: Run, tmp_path: Path
) -> None:
    written = list(files(run_export(name, ("re",), ("dev",))))
    for file in written:
        path = tmp_path / "mine" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine", encoding="utf-8")
        build = open_processed(processed, ("re",), ("dev",))
        with pytest.raises(ConfigError) as caught:
            export(build, name, tmp_path / "mine", lambda size: pytest.fail("a row was read"))
        assert str(caught.value) == (
            f"{path}: is there and was not written by us; "
            "move it away, or pass another folder with --out"
        )
        assert files(tmp_path / "mine") == {file: b"mine"}
        path.unlink()


def test_a_stopped_export_leaves_what_was_there(processed: Path, tmp_path: Path) -> None:
    build, out = open_processed(processed, (), ()), tmp_path / "out"
    export(build, "alpaca", out, lambda size: None)
    before = files(tmp_path)
    steps: Iterator[int] = iter(range(100))

    def stop(size: int) -> None:
        if next(steps) == 50:
            raise KeyboardInterrupt

    for name in ("alpaca", "parquet", "hf"):
        steps = iter(range(100))
        with pytest.raises(KeyboardInterrupt):
            export(build, name, out, stop)
        assert files(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_no_build_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_processed(tmp_path, (), ())
    assert str(caught.value) == (
        f"{tmp_path}: no build is here (manifest.json is missing or cannot be read); "
        "pass a folder `chinchilla build` wrote"
    )


NO_MANIFEST = [
    ("", "not JSON ("),
    ("[]", "not the manifest of a build (no JSON object)"),
    ("{}", "not the manifest of a build (chinchilla: is missing)"),
]


@pytest.mark.parametrize(("content", "what"), NO_MANIFEST)
def test_a_manifest_that_is_none_of_a_build_is_refused_in_one_line(
    content: str, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        open_processed(tmp_path, (), ())
    assert str(caught.value).startswith(f"{path}: {what}")
    assert str(caught.value).endswith("; run `chinchilla build` again")


CHOICES = [
    (("sa",), (), "no task 'sa' in this build; it has ner, re, ee"),
    ((), ("valid",), "no split 'valid' in this build; it has train, dev, test"),
]


@pytest.mark.parametrize(("tasks", "splits", "problem"), CHOICES)
def test_what_a_build_lacks_is_refused_with_what_it_has(
    tasks: tuple[str, ...], splits: tuple[str, ...], problem: str, processed: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        open_processed(processed, tasks, splits)
    assert str(caught.value) == f"{processed}: {problem}"


def test_a_task_without_the_split_is_refused(processed: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(processed, tmp_path / "copy")
    manifest = orjson.loads((copy / "manifest.json").read_bytes())
    del manifest["outputs"]["ee/test.jsonl"]
    (copy / "manifest.json").write_bytes(orjson.dumps(manifest))
    with pytest.raises(ConfigError, match="no rows of ee/test; name other tasks or splits"):
        open_processed(copy, ("ee",), ("test",))


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "shorter":
        path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1])
    else:
        path.write_bytes(data.replace(b'"instruction":', b'"question":', 1))


SPOILT = [
    ("gone", "re/dev.jsonl: No such file or directory; run `chinchilla build` again"),
    ("shorter", "re/dev.jsonl: not the file that manifest.json names; run"),
    ("other", "re/dev.jsonl:1: instruction: is missing; run `chinchilla build` again"),
]


@pytest.mark.parametrize(("how", "problem"), SPOILT, ids=[how for how, _ in SPOILT])
def test_rows_that_are_not_those_of_the_build_are_refused(
    how: str, problem: str, processed: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(processed, tmp_path / "copy")
    spoil(copy / "re" / "dev.jsonl", how)
    with pytest.raises(InputError) as caught:
        export(open_processed(copy, (), ()), "alpaca", tmp_path / "out", lambda size: None)
    assert problem in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_build_or_a_file_is_never_written_over(processed: Path, tmp_path: Path) -> None:
    build = open_processed(processed, ("re",), ("dev",))
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for out, what in ((processed, "is a folder of a build"), (tmp_path / "file", "is a file")):
        with pytest.raises(ChinchillaError) as caught:
            export(build, "alpaca", out, lambda size: None)
        assert str(caught.value) == f"{out}: {what}; pass another folder with --out"


def test_rows_are_read_one_at_a_time(processed: Path) -> None:
    [part] = open_processed(processed, ("re",), ("dev",)).parts
    sizes: list[int] = []
    found = rows(part, sizes.append)
    next(found)
    next(found)
    assert len(sizes) == 1
    list(found)
    assert sum(sizes) == part.bytes


COUNTS = (
    RowCount("甲", "re", "train", 3),
    RowCount("乙", "ner", "train", 4000),
    RowCount("甲", "re", "dev", 2),
    RowCount("general", "re", "train", 1),
)
SOURCES = {
    "甲": {"title": "甲集", "sample": True, "licence": "MIT"},
    "乙": {"title": "乙集", "sample": False, "licence": "research only"},
}
LENGTHS = ExportCounts(CHARACTERS).lengths(("train", "dev"))


def summary_of(sources: dict, counts: tuple[RowCount, ...]) -> Summary:
    facts = {"chinchilla": "1", "config": {}, "templates": {}, "outputs": {}}
    of_any = {"edition": "default"}
    manifest = Manifest.model_validate(
        {**facts, "sources": {name: {**source, **of_any} for name, source in sources.items()}}
    )
    return Summary(manifest, ("train", "dev"), counts, LENGTHS, "0" * 64)


SUMMARY = summary_of(SOURCES, COUNTS)


def test_the_counts_of_the_data_card_add_up() -> None:
    assert counts_table(SUMMARY) == [
        ["甲", "re", "3", "2", "5"],
        ["乙", "ner", "4000", "0", "4000"],
        ["general", "re", "1", "0", "1"],
        ["", "", "4004", "2", "4006"],
    ]


def test_splits_without_rows_are_counted_as_zero() -> None:
    some = summary_of({}, (RowCount("甲", "re", "train", 3),))
    assert counts_table(some) == [["甲", "re", "3", "0", "3"], ["", "", "3", "0", "3"]]
    assert counts_table(summary_of({}, ())) == [["", "", "0", "0", "0"]]


def test_a_build_without_rows_is_refused(tmp_path: Path) -> None:
    config = BuildConfig(sources=("finre",), prompts={"subtasks": ("ner",)})
    empty = build(make_plan(tmp_path / "raw", config), tmp_path / "built", 1, lambda job: None).out
    with pytest.raises(ConfigError) as caught:
        export(open_processed(empty, (), ()), "alpaca", tmp_path / "out", lambda size: None)
    assert str(caught.value) == (
        "export: the build has no row of what was named; name other tasks or splits, or build them"
    )
    assert not (tmp_path / "out").exists()


def test_the_data_card_gives_the_terms_of_each_source() -> None:
    page = data_card(SUMMARY, "{split}.parquet").decode("utf-8")
    assert "| 甲 | re | 3 | 2 | 5 |\n| 乙 | ner | 4000 | 0 | 4000 |\n" in page
    assert "- **甲集**（`甲`）：自带样例，随 chinchilla 以 Apache-2.0 发布；" in page
    assert "- **乙集**（`乙`）：research only\n- `general`：清单没有写明授权。\n" in page
    front = front_matter(SUMMARY, "{split}.parquet")
    assert (front["license"], front["license_name"]) == ("other", "per-source")
    assert front["size_categories"] == ["1K<n<10K"]
