"""Splits carved out of one file: no record in two of them, nothing counted twice."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from chinchilla.cli import cli
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.errors import CardError
from chinchilla.tally import Tally

NOWHERE = Path("nowhere")
SOURCES = [
    ("duie", "2.0", "{bad\n"),
    ("duee", "default", "{bad\n"),
    ("duee_fin", "default", "{bad\n"),
    ("iree", "default", "{bad\n"),
    ("finre", "default", "a bad line\n"),
    ("sanwen", "default", "a bad line\n"),
    ("boson", "raw", "{{time:\n"),
    ("boson", "bmes", "\nbad\n"),
    ("msra", "word-tag", "bad\n"),
    ("msra", "bio", "\nbad\n"),
]


def carve(raw: Path, source: str, edition: str, files: list[str]) -> FoundSource:
    lines = ["[[editions]]", f'name = "{edition}"', "carve = { seed = 1, dev = 0.3 }"]
    lines += [f"splits.{split} = {files}" for split in ("train", "dev")]
    (raw / source).mkdir(parents=True, exist_ok=True)
    (raw / source / "card.toml").write_text("\n".join(lines), encoding="utf-8")
    found = catalogue.find(catalogue.load_card(source, raw), raw, samples=False)
    assert found is not None
    return found


def read(found: FoundSource) -> tuple[dict[str, list[str]], dict[str, Tally]]:
    """Read every split: the ids of its records without the split, and what was counted."""
    tallies = {split: Tally(forgiving=True) for split in found.files}
    ids = {
        split: [record.id.rpartition("-")[2] for record in records]
        for split, tally in tallies.items()
        for records in [catalogue.records(found, split, tally, every=True)]
    }
    return ids, tallies


@pytest.mark.parametrize(("source", "edition", "bad"), SOURCES)
def test_a_file_of_any_source_can_be_carved(tmp_path, put, source, edition, bad) -> None:
    sample = catalogue.find(catalogue.load_card(source, NOWHERE), NOWHERE, edition)
    assert sample is not None
    path = sample.files["train"]
    uncarved = replace(sample, edition=sample.edition.model_copy(update={"carve": None}))
    whole = len(list(catalogue.records(uncarved, "train", Tally())))
    text = path.read_bytes().replace(b"\r\n", b"\n").decode()
    put(f"{source}/{path.name}", text.rstrip("\n") + "\n" + bad)
    ids, tallies = read(carve(tmp_path / "raw", source, edition, [path.name]))
    assert ids["train"]
    assert ids["dev"]
    assert len({*ids["train"], *ids["dev"]}) == len(ids["train"]) + len(ids["dev"]) == whole
    assert [tally.times for tally in tallies.values()] == [1, 0]


ANN = "T1\tPerson 0 2\t外婆\nT2\tPerson 3 4\t公\nR1\tSocial Arg1:T1 Arg2:T2\n"


def test_a_brat_folder_can_be_carved(tmp_path, put) -> None:
    for number in range(40):
        put(f"sanwen/train/{number}.txt", f"外婆爱公{number}。")
        put(f"sanwen/train/{number}.ann", ANN)
    put("sanwen/train/bad.txt", "外婆")
    ids, tallies = read(carve(tmp_path / "raw", "sanwen", "brat", ["train"]))
    assert ids["train"]
    assert ids["dev"]
    assert len({*ids["train"], *ids["dev"]}) == len(ids["train"]) + len(ids["dev"]) == 40
    assert [len(tally.refused) for tally in tallies.values()] == [1, 0]


ROWS = [
    '{"text": 5, "spo_list": []}',
    '{"spo_list": []}',
    '{"text": "甲书是乙写的", "spo_list": [5]}',
    '{"text": "甲书", "spo_list": [{"predicate": "无此", "subject": "甲", "subject_type": "人物", '
    '"object": {"@value": "书"}, "object_type": {"@value": "人物"}}]}',
]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_does_not_fit_counts_for_one_carved_split(tmp_path, put, row) -> None:
    put("duie/train.json", f'{row}\n{{"text": "甲", "spo_list": []}}\n')
    ids, tallies = read(carve(tmp_path / "raw", "duie", "2.0", ["train.json"]))
    assert sum(map(len, ids.values())) == 1
    times = [count.times for tally in tallies.values() for count in tally.refused.values()]
    assert times == [1]


@pytest.mark.parametrize("row", ['{"text": 5}', '{"text": ["甲"]}', "{}", '{"text": null}'])
def test_a_mapped_row_whose_text_is_no_string_counts_once(tmp_path, put, row) -> None:
    put("iree/train.json", f"{row}\n")
    _, tallies = read(carve(tmp_path / "raw", "iree", "default", ["train.json"]))
    assert sum(one.times for one in tallies["train"].refused.values()) == 1
    assert not tallies["dev"].refused


def test_a_fix_counts_for_the_split_of_its_record_alone(tmp_path, put) -> None:
    rows = [f"甲\t乙\t合作\t甲{n}与乙合作\n" * 2 for n in range(20)]
    put("finre/train.txt", "".join(rows))
    ids, tallies = read(carve(tmp_path / "raw", "finre", "default", ["train.txt"]))
    fixed = {split: tally.fixed["repeated-row"].times for split, tally in tallies.items()}
    assert fixed == {split: len(one) for split, one in ids.items()}


def test_splits_of_the_same_lines_are_refused_where_nothing_parts_them(tmp_path, put) -> None:
    path = put("finre/train.txt", "甲\t乙\t合作\t甲与乙合作\n")
    names = 'splits.train = ["train.txt"]\nsplits.test = ["test.txt", "train.txt"]\n'
    card = put("finre/card.toml", f"[[editions]]\n{names}")
    raw = tmp_path / "raw"
    line = (
        f"{card}: train and test are the same lines of {path}; "
        "give test a file of its own, or state its share: carve"
    )
    with pytest.raises(CardError) as caught:
        catalogue.find(catalogue.load_card("finre", raw), raw)
    assert str(caught.value) == line
    done = CliRunner().invoke(cli, ["check", "finre", "--raw", str(raw)])
    assert done.stdout == f"finre: cannot be read\n  {line}\n1 problems\n"
    put("finre/test.txt", "甲\t乙\t合作\t甲与乙合作\n")
    found = catalogue.find(catalogue.load_card("finre", raw), raw)
    assert found is not None
    assert list(found.files) == ["train", "test"]


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_carved_split_that_is_read_alone_counts_every_bad_line(tmp_path, put, split) -> None:
    path = put(
        "boson/origindata.txt",
        "".join(f"第{n}段{{{{time:今天}}}}。\n" for n in range(60)) + "{{time:甲\n",
    )
    words = ["--raw", str(tmp_path / "raw"), "--split", split, "--on-error", "count"]
    done = CliRunner().invoke(cli, ["records", "boson", *words])
    assert done.exit_code == 0
    assert done.stderr.splitlines()[1:] == [
        f"refused open-mark: 1, first {path}:61: the mark 'time' is never closed; "
        "close each {{label:...}} with }}"
    ]


def test_a_build_counts_a_bad_line_of_carved_splits_once(tmp_path, put) -> None:
    put(
        "boson/origindata.txt",
        "".join(f"第{n}段{{{{time:今天}}}}。\n" for n in range(60)) + "{{time:甲\n",
    )
    raw, out = tmp_path / "raw", tmp_path / "out"
    words = ["--raw", str(raw), "--out", str(out), "--source", "boson", "--on-error", "count"]
    assert CliRunner().invoke(cli, ["build", *words]).exit_code == 0
    splits = orjson.loads((out / "manifest.json").read_bytes())["sources"]["boson"]["splits"]
    assert sum(one["read"] for one in splits.values()) == 61
    assert {name: list(one["refused"]) for name, one in splits.items()} == {
        "train": ["open-mark"],
        "dev": [],
        "test": [],
    }
