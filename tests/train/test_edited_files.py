"""Files of a build or a run that were edited or cut: they work, or one error says why not."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import commands
import orjson
import pytest
from commands import run, write_run
from hypothesis import HealthCheck, example, given
from hypothesis import settings as checked
from hypothesis import strategies as st
from mutations import edited, edits

from chinchilla.cli.score import labels_of_rows
from chinchilla.dataset.read import open_processed
from chinchilla.errors import ChinchillaError, ConfigError, InputError
from chinchilla.export.run import export
from chinchilla.predict.extract import rendering_of
from chinchilla.runs.folder import finished_run, newest_run, read_run
from chinchilla.runs.model import trained_by
from chinchilla.train.data import dev_eval_sets, open_data, origin, split_rows
from chinchilla.train.prepare import reopen

QUICK = checked(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CHANGES = st.lists(edits(), min_size=1, max_size=3)
Broken = Callable[[Path, Path, int], Path]


def use_build(folder: Path, out: Path) -> None:
    """Read a build as export, score, train, eval and predict do."""
    for use in (_export, _score, _train):
        with suppress(ChinchillaError):
            use(folder, out)


def _export(folder: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    for form in ("alpaca", "parquet"):
        export(open_processed(folder, (), ()), form, out / form, lambda size: None)


def _score(folder: Path, out: Path) -> None:
    labels_of_rows(folder / "re" / "dev.jsonl", set(), out / "raw")


def _train(folder: Path, out: Path) -> None:
    data = open_data(folder, "re", ())
    for _ in split_rows(data, "train"):
        pass
    orjson.dumps(origin(data))
    assert data.parser.labels
    dev_eval_sets(data, 5, 0)
    rendering_of(data.processed.manifest.config.model_dump(mode="json"), data.labels, {})


@QUICK
@given(CHANGES)
def test_a_manifest_that_was_edited_works_or_is_refused(
    built: Path, tmp_path: Path, changes: list[tuple[int, Any]]
) -> None:
    copy = tmp_path / "copy"
    if not copy.is_dir():
        shutil.copytree(built, copy)
    manifest = orjson.loads((built / "manifest.json").read_bytes())
    (copy / "manifest.json").write_text(json.dumps(edited(manifest, changes)), encoding="utf-8")
    use_build(copy, tmp_path / "out")


@QUICK
@given(st.integers(0, 10**6), st.sampled_from(["manifest.json", "labels.json", "re/dev.jsonl"]))
def test_a_file_of_a_build_that_was_cut_is_refused(
    built: Path, tmp_path: Path, length: int, name: str
) -> None:
    copy = tmp_path / "copy"
    if not copy.is_dir():
        shutil.copytree(built, copy)
    whole = (built / name).read_bytes()
    (copy / name).write_bytes(whole[: length % (len(whole) - 1)])
    try:
        with pytest.raises((InputError, ConfigError)) as found:
            _train(copy, tmp_path / "out")
            _export(copy, tmp_path / "out")
        assert str(found.value).startswith(str(copy / name))
    finally:
        (copy / name).write_bytes(whole)


OUTSIDE = ["../../etc/passwd", "/etc/passwd", "re/../../x.jsonl", "..", "", "re\\..\\x", "c:/x"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_of_a_build_is_refused(
    built: Path, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    manifest = orjson.loads((built / "manifest.json").read_bytes())
    manifest["outputs"][name] = manifest["outputs"].pop("re/dev.jsonl")
    (copy / "manifest.json").write_bytes(orjson.dumps(manifest))
    with pytest.raises(InputError) as found:
        open_processed(copy, (), ())
    assert str(found.value).startswith(f"{copy / 'manifest.json'}: not the manifest of a build (")
    assert str(found.value).endswith(
        f"{name!r} names no file of this folder); run `chinchilla build` again"
    )


@pytest.mark.parametrize("name", ["labels.json", "re/dev.jsonl"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    built: Path, tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(InputError) as found:
        _train(copy, tmp_path)
        _export(copy, tmp_path / "out")
    assert str(found.value) == f"{copy / name}: is no file; run `chinchilla build` again"


@pytest.mark.parametrize("use", [_export, _score, _train])
def test_edited_labels_are_noticed_by_whoever_reads_the_build(
    built: Path, tmp_path: Path, use: Callable[[Path, Path], None]
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    path = copy / "labels.json"
    path.write_bytes(path.read_bytes().replace("收购".encode(), "合作".encode(), 1))
    with pytest.raises(InputError) as found:
        use(copy, tmp_path / "out")
    assert str(found.value) == (
        f"{path}: not the file that manifest.json names; run `chinchilla build` again"
    )


def test_a_manifest_of_a_later_version_says_which_one_to_install(
    built: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(built, tmp_path / "copy"))
    manifest = orjson.loads((built / "manifest.json").read_bytes())
    manifest["chinchilla"] = "99.1"
    manifest["config"]["prompts"]["of_tomorrow"] = 1
    (copy / "manifest.json").write_bytes(orjson.dumps(manifest))
    with pytest.raises(InputError) as found:
        open_data(copy, "re", ())
    assert "; chinchilla 99.1 wrote it, and this is " in str(found.value)


def use_run(folder: Path) -> None:
    """Read run.json as predict, eval, merge and train --resume do, no weights loaded."""
    for use in (_load, _predict, _newest, _resume):
        with suppress(ChinchillaError):
            use(folder)


def _load(folder: Path) -> None:
    trained_by(finished_run(folder), lambda line: None)


def _predict(folder: Path) -> None:
    words = ("--engine", "openai", "--base-url", "http://127.0.0.1:9/v1", "--model-name", "m")
    done = run("predict", folder, "--input", os.devnull, *words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception


def _newest(folder: Path) -> None:
    for task in (None, "re", "ner"):
        with suppress(ConfigError):
            newest_run(folder.parent.parent, task)


def _resume(folder: Path) -> None:
    run = read_run(folder)
    assert run.resume_command
    facts = run.facts()
    if run.state == "running" and not facts["config"]["max_steps"]:
        reopen(folder, lambda line: None)
    run.updated(folder=folder / "again").write()
    assert read_run(folder / "again").facts() == facts


@checked(QUICK, max_examples=100)
@given(CHANGES)
@example([(0, 1)])
def test_a_run_whose_facts_were_edited_works_or_is_refused(
    full_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: list[tuple[int, Any]],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    copy = tmp_path / "runs" / "re" / "one"
    if not copy.is_dir():
        shutil.copytree(full_run, copy)
    facts = orjson.loads((full_run / "run.json").read_bytes())
    (copy / "run.json").write_text(json.dumps(edited(facts, changes)), encoding="utf-8")
    use_run(copy)


@checked(QUICK, max_examples=40)
@given(CHANGES)
def test_settings_of_a_run_that_were_edited_are_refused_before_it_goes_on(
    full_run: Path, broken_copy: Broken, tmp_path: Path, changes: list[tuple[int, Any]]
) -> None:
    copy = tmp_path / "run"
    if not copy.is_dir():
        broken_copy(full_run, copy, 3)
    facts = orjson.loads((full_run / "run.json").read_bytes()) | {"state": "running"}
    config = edited(facts["config"], changes)
    if not isinstance(config, dict) or config.get("base") != "tiny":
        return
    # nothing is encoded: the build is another one than the run names
    data = facts["data"] | {"manifest": "0" * 64}
    (copy / "run.json").write_text(json.dumps(facts | {"config": config, "data": data}), "utf-8")
    with pytest.raises(ChinchillaError):
        reopen(copy, lambda words: None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b"\xff", b"{}"])
def test_a_run_file_of_another_shape_is_refused_by_all_that_read_it(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    for words in (
        ("predict", tmp_path, "--input", os.devnull),
        ("eval", "--run", tmp_path),
        ("merge", tmp_path, "--out", tmp_path / "out"),
        ("train", "--resume", tmp_path),
    ):
        done = run(*words)
        assert str(done.exception).startswith(f"{tmp_path / 'run.json'}: not ")
        assert str(done.exception).endswith("; pass another run, or train again")


def test_a_run_file_of_before_is_read_and_written_back_as_it_was(
    full_run: Path, tmp_path: Path
) -> None:
    facts = commands.read_run(full_run)
    for name in ("name", "base", "versions", "started", "processes", "kept", "cpu_seconds"):
        del facts[name]
    for name in ("revision", "tracker", "trainer"):
        del facts["config"][name]
    facts |= {"of_another_version": [1, {"x": None}]}
    write_run(tmp_path, facts)
    run = read_run(tmp_path)
    assert (run.called, run.processes, run.kept_files()) == (tmp_path.name, None, {})
    run.write()
    assert commands.read_run(tmp_path) == facts


def test_a_run_of_a_later_version_says_which_one_to_install(full_run: Path, tmp_path: Path) -> None:
    facts = commands.read_run(full_run)
    later = {"versions": facts["versions"] | {"chinchilla": "99.1"}, "state": "paused"}
    write_run(tmp_path, facts | later)
    with pytest.raises(InputError, match=r"; chinchilla 99\.1 wrote it, and this is "):
        read_run(tmp_path)
