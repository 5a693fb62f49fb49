"""The build: same bytes, every record accounted for, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from chinchilla.answers import Content, Query, answer_format, target
from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig, read_config
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import ChinchillaError
from chinchilla.schema import InstructionRow, LabelSet, Record
from chinchilla.settings import read_settings
from chinchilla.train.config import TrainConfig


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_build(raw: Path, out: Path, **config: object) -> dict:
    plan = make_plan(raw, BuildConfig(**config))
    return build(plan, out, 1, lambda job: None).manifest.model_dump(mode="json")


def command(raw: Path, out: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "chinchilla", "build", "--raw", str(raw), "--out", str(out)]
    return [*start, *more]


def test_hash_seed_and_workers_do_not_change_a_byte(tmp_path: Path) -> None:
    outs = []
    raw = tmp_path / "raw"
    raw.mkdir()
    for number, (seed, workers) in enumerate((("1", "1"), ("2", "2"), ("3", "1"))):
        out = tmp_path / f"out{number}"
        environment = os.environ | {"PYTHONHASHSEED": seed}
        more = ("--workers", workers)
        subprocess.run(command(raw, out, *more), env=environment, check=True)
        outs.append(hashes(out))
    assert outs[0] == outs[1] == outs[2]
    assert {"ner/train.jsonl", "re/dev.jsonl", "ee/test.jsonl", "manifest.json"} <= set(outs[0])


@pytest.mark.real
def test_the_published_data_builds_to_the_same_bytes_with_two_workers(published, tmp_path) -> None:
    for number in (1, 2):
        out = tmp_path / str(number)
        subprocess.run(command(published, out, "--workers", str(number)), check=True)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "2")
    manifest = orjson.loads((tmp_path / "1" / "manifest.json").read_bytes())
    read = {
        f"{name}-{split}": (
            counts["read"],
            counts["records"] + counts["refused"].get("unlabelled", {"times": 0})["times"],
        )
        for name, source in manifest["sources"].items()
        for split, counts in source["splits"].items()
    }
    assert all(total == accounted for total, accounted in read.values())
    assert read["duee-train"] == (11908, 11908)
    assert read["duie-test"] == (1000, 1000)


def test_another_seed_changes_wordings_but_no_record(tmp_path: Path) -> None:
    for seed in (0, 1):
        run_build(tmp_path / "raw", tmp_path / str(seed), seed=seed, sources=("finre",))
    first, second = hashes(tmp_path / "0"), hashes(tmp_path / "1")
    assert first["re/train.jsonl"] != second["re/train.jsonl"]
    assert first["records/re/train.jsonl"] == second["records/re/train.jsonl"]


def test_adding_a_source_does_not_change_the_rows_of_the_others(tmp_path: Path) -> None:
    run_build(tmp_path / "raw", tmp_path / "one", sources=("finre",))
    run_build(tmp_path / "raw", tmp_path / "two", sources=("duie", "finre"))
    alone = (tmp_path / "one/re/train.jsonl").read_bytes().split(b"\n")
    beside = (tmp_path / "two/re/train.jsonl").read_bytes().split(b"\n")
    assert alone == beside[-len(alone) :]


def parsed(row: InstructionRow, query: Query) -> list[object]:
    return items(answer_format(row.form).parse(row.output, query))


def gold(record: Record) -> list[object]:
    return items(record)


def items(content: Record | Content) -> list[object]:
    """Name what an answer says, without offsets and types, in one order."""
    return sorted(
        [(entity.type, entity.text) for entity in content.entities]
        + [
            (item.predicate, item.head, item.tail, *sorted(item.tail_slots.items()))
            for item in content.relations
        ]
        + [
            (
                event.event_type,
                event.trigger or "",
                *sorted((a.role, a.text) for a in event.arguments),
            )
            for event in content.events
        ]
    )


def test_every_row_and_record_is_valid_and_the_answer_is_the_gold(tmp_path: Path) -> None:
    run_build(tmp_path / "raw", tmp_path / "out")
    cards = {
        name: card.label_set(card.editions[0].name)
        for name, card in catalogue.cards(tmp_path).items()
    }
    checked = 0
    for path in sorted((tmp_path / "out").glob("*/*.jsonl")):
        records = (tmp_path / "out" / "records" / path.parent.name / path.name).read_bytes()
        by_id = {
            record.id: record for record in map(Record.model_validate_json, records.splitlines())
        }
        for row in map(InstructionRow.model_validate_json, path.read_bytes().split(b"\n")[:-1]):
            record, labels = by_id[row.record_id], cards[row.source].labels
            assert record.text in row.instruction + row.input
            assert set(row.labels) == {label.key for label in labels}
            by_key = {label.key: label for label in labels}
            query = Query(row.subtask, tuple(by_key[key] for key in row.labels))
            assert row.output == answer_format(row.form).dump(target(record, query), query)
            assert parsed(row, query) == gold(record)
            checked += 1
    assert checked > 400


def test_a_build_replaces_the_files_of_the_one_before_and_no_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_build(tmp_path / "raw", out, sources=("finre", "msra"))
    (out / "mine.txt").write_text("kept", encoding="utf-8")
    run_build(tmp_path / "raw", out, sources=("msra",))
    assert sorted(hashes(out)) == [
        "README.md",
        "labels.json",
        "manifest.json",
        "mine.txt",
        "ner/dev.jsonl",
        "ner/test.jsonl",
        "ner/train.jsonl",
        "records/ner/dev.jsonl",
        "records/ner/test.jsonl",
        "records/ner/train.jsonl",
    ]


@pytest.mark.parametrize("name", ["README.md", "labels.json", "manifest.json", "re/dev.jsonl"])
def test_a_file_that_no_build_wrote_is_never_written_over(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    path = out / name
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ChinchillaError) as caught:
        run_build(tmp_path / "raw", out, sources=("finre",))
    assert str(caught.value) == (
        f"{path}: is there and was not written by us; "
        "move it away, or pass another folder with --out"
    )
    assert list(hashes(out)) == [name]
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_folder_with_other_files_is_built_into(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".gitkeep").touch()
    run_build(tmp_path / "raw", out, sources=("finre",))
    assert {".gitkeep", "README.md", "manifest.json", "re/train.jsonl"} <= set(hashes(out))


def test_confusable_labels_of_a_source_not_read_are_no_input(tmp_path: Path) -> None:
    prompts = {"hard_negatives": {"sanwen": "none.json"}}
    manifest = run_build(tmp_path / "raw", tmp_path / "out", sources=("finre",), prompts=prompts)
    assert manifest["files"] == {}


def test_a_bad_record_stops_the_build_and_leaves_the_old_one_as_it_was(tmp_path, put) -> None:
    out = tmp_path / "out"
    run_build(tmp_path / "raw", out, sources=("finre",))
    before = hashes(out)
    path = put("finre/train.txt", "甲\t乙\t合作\t甲与乙合作\n\n甲\t丙\t合作\t甲与乙\n")
    with pytest.raises(ChinchillaError) as caught:
        run_build(tmp_path / "raw", out, sources=("finre",))
    assert str(caught.value) == (
        f"{path}:3: '丙' is not in the text; correct the line or leave it out"
    )
    assert hashes(out) == before
    assert list(out.glob(".partial*")) == []


def test_bad_records_are_counted_with_an_example_where_asked(tmp_path, put) -> None:
    put("finre/train.txt", "甲\t乙\t合作\t甲与乙合作\n\n甲\t丙\t合作\t甲与乙\n\n一行\n")
    out = tmp_path / "out"
    manifest = run_build(tmp_path / "raw", out, sources=("finre",), on_error="count")
    counts = manifest["sources"]["finre"]["splits"]["train"]
    assert (counts["read"], counts["records"]) == (3, 1)
    assert counts["refused"] == {
        "wrong-number-of-fields": {
            "times": 1,
            "example": "train.txt:5: expected 4 fields between tabs, found 1; "
            "write 4 fields with a tab between them",
        },
        "bad-record": {
            "times": 1,
            "example": "train.txt:3: '丙' is not in the text; correct the line or leave it out",
        },
    }


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_stopped_build_leaves_nothing_behind(tmp_path, put, sign, workers) -> None:
    row = '{"text": "甲书是乙写的", "spo_list": []}\n'
    triple = (
        '{"predicate": "作者", "subject": "甲书", "subject_type": "图书作品", '
        '"object": {"@value": "乙"}, "object_type": {"@value": "人物"}}'
    )
    put("duie/duie_train.json", row.replace("[]", f"[{triple}]") + row * 400_000)
    out = tmp_path / "out"
    more = ("--source", "duie", "--workers", workers)
    process = subprocess.Popen(
        command(tmp_path / "raw", out, *more), stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for(lambda: any(out.glob(".partial*/shards/*")))
    process.send_signal(sign)
    _, words = process.communicate()
    assert process.returncode == 130
    assert words.decode("utf-8").splitlines()[-1] == (
        "stopped; nothing half-written was left behind"
    )
    assert not out.exists()


def test_what_a_killed_build_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    dead = tmp_path / "out" / ".partial-999999999" / "shards"
    dead.mkdir(parents=True)
    run_build(tmp_path / "raw", tmp_path / "out", sources=("msra",))
    assert not dead.exists()


def test_the_manifest_says_what_was_read_and_written(tmp_path: Path) -> None:
    manifest = run_build(tmp_path / "raw", tmp_path / "out")
    assert orjson.loads((tmp_path / "out/manifest.json").read_bytes()) == manifest
    written = hashes(tmp_path / "out")
    assert {name: file["sha256"] for name, file in manifest["outputs"].items()} == {
        name: digest
        for name, digest in written.items()
        if name not in ("manifest.json", "README.md")
    }
    assert set(manifest) == {
        "chinchilla",
        "versions",
        "config",
        "sources",
        "general",
        "absent",
        "report",
        "files",
        "templates",
        "cards",
        "outputs",
    }
    finre = manifest["sources"]["finre"]
    assert finre["sample"] is True
    assert set(finre["inputs"]) == {
        "samples/finre/train.txt",
        "samples/finre/valid.txt",
        "samples/finre/test.txt",
    }


CONFIGS = [
    ("sed = 1\n", "sed: is not known here"),
    ('on_error = "maybe"\n', "on_error: is none of 'stop', 'count'"),
]


@pytest.mark.parametrize(("text", "what"), CONFIGS)
def test_a_config_with_an_unknown_setting_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "build.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChinchillaError) as caught:
        read_config(path, {})
    known = "seed, sources, tasks, editions, samples, on_error, prompts, windows, hold_out, "
    known += "mix, general"
    assert str(caught.value) == f"{path}: {what}; the settings are {known}"


def test_the_labels_of_every_source_stand_beside_the_rows(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    run_build(raw, out, sources=("finre", "msra"))
    sets = orjson.loads((out / "labels.json").read_bytes())
    assert list(sets) == ["finre", "msra"]
    for source, found in sets.items():
        card = catalogue.load_card(source, raw)
        assert LabelSet.model_validate(found) == card.label_set(card.editions[0].name)


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_the_name_of_a_configuration_that_ships_means_that_one(tmp_path, kind: str) -> None:
    path = tmp_path / "iepile"
    if kind == "file":
        path.write_text("no configuration", encoding="utf-8")
    elif kind == "folder":
        path.mkdir()
    words = ["build", "--config", "iepile", "--source", "finre", "--dry-run"]
    start = [sys.executable, "-m", "chinchilla"]
    done = subprocess.run([*start, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    note = "note: the configuration iepile that ships is read; write ./iepile for the file here"
    assert (note in done.stderr.splitlines()) == (kind == "file")


UNFIT = [
    ("seed = 12345678901234567890123456", "seed: the number is too large; pass one below 2**64"),
    ("seed = -1", "seed: is not at least 0"),
    ("[general]\nratio = nan", "general.ratio: nan is no number to count with; correct it"),
    ("[general]\nratio = -inf", "general.ratio: -inf is no number to count with; correct it"),
    ('[general]\npath = "a\\u0000b"', "general.path: has a NUL character; take it out"),
    ('sources = ["a", "\\u0000"]', "sources: has a NUL character; take it out"),
    ("seed = " + "9" * 5_000, "not TOML (Exceeds the limit"),
    ("seed = " + "[" * 10_000, "not TOML (nested too deep); correct the file"),
    ("seed = " + "{a=" * 10_000, "not TOML (nested too deep); correct the file"),
    (".".join(["a"] * 10_000) + " = 1", "nested too deep; correct the file"),
    ('a = "\x00"', "not TOML (Illegal character"),
]


@pytest.mark.parametrize(("text", "what"), UNFIT, ids=[what for _, what in UNFIT])
@pytest.mark.parametrize("kind", [BuildConfig, TrainConfig])
def test_a_setting_that_nothing_could_hold_is_one_line(tmp_path, text, what, kind) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChinchillaError) as caught:
        read_settings(kind, path, {}, "pass another")
    assert str(caught.value).startswith(f"{path}: {what}")


def test_a_byte_order_mark_before_settings_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "build.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 7\n")
    assert read_config(path, {}).seed == 7


def test_the_largest_seed_builds(tmp_path: Path) -> None:
    manifest = run_build(tmp_path, tmp_path / "out", sources=("finre",), seed=2**64 - 1)
    assert manifest["config"]["seed"] == 2**64 - 1
