"""What was read and what was not: the numbers add up, the warnings say where, nothing is silent."""

import shutil
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_card import run

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.check import inspect
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import Record, check_record

DOCS = Path(__file__).resolve().parents[2] / "docs"
CARD = """title = "我的数据"
task = "ner"
[[editions]]
splits.train = ["train.json"]
splits.dev = ["dev.json"]
splits.test = ["test.json"]
unlabelled = ["test"]
[mapping]
text = "text"
offsets = "end-exclusive"
entities = { list = "label", type = "2", start = "0", end = "1" }
[labels]
PER = { name = "人名" }
"""
LINES = {
    "labelled": '{"text": "张三来了", "label": [[0, 2, "PER"]]}',
    "negative": '{"text": "今天有雨", "label": []}',
    "unknown-label": '{"text": "张三来了", "label": [[0, 2, "ORG"]]}',
    "not-json": "{bad",
}


def checked(raw: Path, *sources: str) -> dict:
    return orjson.loads(run("check", *sources, "--json", "--raw", raw).stdout)


@settings(max_examples=20, deadline=None)
@given(kinds=st.lists(st.sampled_from(sorted(LINES)), min_size=1, max_size=30))
def test_what_is_read_is_labelled_negative_unlabelled_or_left_out(tmp_path_factory, kinds) -> None:
    raw = tmp_path_factory.mktemp("raw")
    folder = raw / "my"
    folder.mkdir()
    (folder / "card.toml").write_text(CARD, encoding="utf-8")
    kinds = ["labelled", *kinds]
    lines = "".join(f"{LINES[kind]}\n" for kind in kinds)
    (folder / "train.json").write_text(lines, encoding="utf-8")
    (folder / "test.json").write_text('{"text": "李四"}\n', encoding="utf-8")
    found = catalogue.find(catalogue.load_card("my", raw), raw)
    assert found is not None
    train, test = (seen.report for seen in inspect(found))
    assert (test.read, test.unlabelled, test.negative) == (1, 1, 0)
    left = {reason: met.times for reason, met in train.left_out.items()}
    assert (train.read, train.labelled, train.negative, train.unlabelled) == (
        len(kinds),
        kinds.count("labelled"),
        kinds.count("negative"),
        0,
    )
    assert left == {one: kinds.count(one) for one in ("not-json", "unknown-label") if one in kinds}
    assert train.read == train.labelled + train.negative + train.unlabelled + sum(left.values())


def test_check_and_build_report_the_same_numbers(tmp_path, put) -> None:
    put("my/card.toml", CARD)
    put("my/train.json", "".join(f"{LINES[kind]}\n" for kind in [*LINES, *LINES]))
    put("my/test.json", '{"text": "李四", "label": []}\n')
    put("my/old.json", "{}")
    raw, out = tmp_path / "raw", tmp_path / "out"
    done = run("build", "--raw", raw, "--out", out, "--on-error", "count")
    assert done.exit_code == 0
    built = orjson.loads((out / "manifest.json").read_bytes())["report"]
    seen = checked(raw)
    numbers = ("read", "labelled", "negative", "unlabelled")
    for split in ("train", "test"):
        one, other = (each["sources"]["my"]["splits"][split] for each in (built, seen))
        assert [one[name] for name in numbers] == [other[name] for name in numbers]
        assert {k: v["times"] for k, v in one["left_out"].items()} == {
            k: v["times"] for k, v in other["left_out"].items()
        }
    assert [one["my"]["splits"]["test"]["unlabelled"] for one in (built["sources"],)] == [1]
    assert built["unread"][0][0] == "my/old.json"
    assert str(tmp_path) not in (out / "manifest.json").read_text(encoding="utf-8")
    assert "my/old.json" in (out / "README.md").read_text(encoding="utf-8")


def test_a_kind_of_problem_is_shown_three_times_and_counted(tmp_path, put) -> None:
    put("my/card.toml", CARD)
    put("my/train.json", "{bad\n" * 5000 + LINES["unknown-label"] + "\n")
    lines = run("check", "my", "--raw", tmp_path / "raw").stdout.splitlines()
    assert len(lines) < 20
    assert "  ... and 4,997 more" in lines
    assert sum("'ORG'" in line for line in lines) == 1
    assert any(line.startswith("left out: my train: 5,000 not-json at ") for line in lines)


WARNED = [
    ("same-text-other-gold", {"train": ["甲\t乙\t合作\t甲与乙", "甲\t乙\t合作\t甲与乙!"]}, 0),
    (
        "pair-with-and-without-relation",
        {"train": ["甲\t乙\t合作\t甲与乙", "甲\t乙\tunknown\t甲与乙"]},
        1,
    ),
    (
        "same-text-in-two-splits",
        {"train": ["甲\t乙\t合作\t甲与乙"], "test": ["甲\t乙\tunknown\t甲与乙"]},
        1,
    ),
    (
        "span-with-blanks",
        {"train": ["甲 \t乙\t合作\t甲 与乙", "\u3000甲\t乙\t合作\t\u3000甲与乙"]},
        2,
    ),
]


@pytest.mark.parametrize(("reason", "files", "times"), WARNED)
def test_suspicious_gold_is_warned_of(tmp_path, put, reason, files, times) -> None:
    for split, rows in files.items():
        put(f"finre/{split}.txt", "".join(f"{row}\n" for row in rows))
    raw = tmp_path / "raw"
    splits = checked(raw, "finre")["sources"]["finre"]["splits"]
    met = [one["warned"].get(reason, {"times": 0})["times"] for one in splits.values()]
    assert sum(met) == times
    assert run("check", "finre", "--raw", raw).exit_code == 0
    assert run("check", "finre", "--raw", raw, "--strict").exit_code == (1 if times else 0)


def test_one_text_with_two_golds_is_warned_of_and_an_exact_repeat_is_not(tmp_path, put) -> None:
    put("my/card.toml", CARD)
    other = '{"text": "张三来了", "label": []}'
    path = put("my/train.json", "\n".join([LINES["labelled"], LINES["labelled"], other, other]))
    warned = checked(tmp_path / "raw", "my")["sources"]["my"]["splits"]["train"]["warned"]
    assert warned["same-text-other-gold"]["places"] == [f"{path}:3", f"{path}:4"]


BAD = {
    "finre": ("train.txt", "bad\n" * 3),
    "sanwen": ("train.txt", "bad\n"),
    "duie": ("train.json", "{bad\n"),
    "duee": ("train.json", "{bad\n"),
    "duee_fin": ("train.json", "{bad\n"),
    "iree": ("train.json", '{"txt": ""}\n'),
    "boson": ("boson.txt", "{{time:\n"),
    "msra": ("train.bio", "bad\n\n"),
}


@pytest.mark.parametrize("source", BAD)
def test_everything_left_out_is_an_error_in_every_command(tmp_path, put, source) -> None:
    name, content = BAD[source]
    path = put(f"{source}/{name}", content)
    put("my/card.toml", CARD)
    put("my/train.json", LINES["labelled"])
    raw, out = tmp_path / "raw", tmp_path / "out"
    for words in (
        ["records", source, "--split", "train"],
        ["build", "--out", out],
        ["build", "--out", out, "--dry-run"],
    ):
        done = run(*words, "--raw", raw, "--on-error", "count")
        assert done.exit_code == 1
        assert isinstance(done.exception, InputError)
        assert str(done.exception).startswith(f"{path}")
        assert f"nothing of {source}" in str(done.exception)
        assert not out.exists() or not any(out.iterdir())


def test_a_source_without_labels_by_design_is_no_error(tmp_path, put) -> None:
    put("my/card.toml", CARD)
    put("my/test.json", '{"text": "李四"}\n')
    words = ("--raw", tmp_path / "raw", "--on-error", "count", "--out", tmp_path / "out")
    assert run("build", *words).exit_code == 0


def block(page: str, start: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return next(part for part in text.split("```toml\n") if part.startswith(start)).split("```")[0]


ROW = {
    "text": "李岩任云台公司经理",
    "entities": [
        {"id": 3, "label": "人物", "start_offset": 0, "end_offset": 2},
        {"id": 4, "label": "机构", "start_offset": 3, "end_offset": 7},
    ],
    "relations": [{"id": 1, "from_id": 3, "to_id": 4, "type": "任职"}],
}


def records(raw: Path, *words: str) -> list[Record]:
    done = run("records", *words, "--split", "train", "--raw", raw)
    assert done.exit_code == 0, done.exception
    return [check_record(orjson.loads(line)) for line in done.stdout.splitlines()]


def test_the_card_of_the_documentation_serves_two_tasks(tmp_path, put) -> None:
    put("my/card.toml", block("en/cards.md", 'title = "公司任职"'))
    put("my/train.jsonl", orjson.dumps(ROW) + b"\n")
    raw, out = tmp_path / "raw", tmp_path / "out"
    [entity] = records(raw, "my-ner")
    assert (entity.source, entity.task) == ("my-ner", "ner")
    assert [(one.type, one.text) for one in entity.entities] == [
        ("人物", "李岩"),
        ("机构", "云台公司"),
    ]
    assert entity.relations == ()
    assert run("build", "--raw", raw, "--source", "MY", "--out", out).exit_code == 0
    rows = [
        orjson.loads((out / task / "train.jsonl").read_bytes().splitlines()[0])
        for task in ("ner", "re")
    ]
    assert [(row["source"], set(row["labels"])) for row in rows] == [
        ("my-ner", {"人物", "机构"}),
        ("my-re", {"任职"}),
    ]
    labels = orjson.loads((out / "labels.json").read_bytes())
    assert [one["key"] for one in labels["my-re"]["labels"]] == ["任职"]
    assert run("check", "my", "--raw", raw).stdout.splitlines()[-1] == "0 problems"
    only = run("build", "--raw", raw, "--source", "my-re", "--out", out)
    assert only.exit_code == 0
    assert not (out / "ner").exists()
    with pytest.raises(ConfigError, match="each a source: my-ner, my-re; name one of them"):
        raise run("mine", "my", "--raw", raw).exception


WRONG = [
    ("[types]", "[typos]", "typos"),
    ("relations = {", "# relations = {", "task re has no relations in [mapping]"),
    ('task = ["ner", "re"]', 'task = ["re", "ee"]', "re and ee both have their labels"),
    ('task = ["ner", "re"]', 'task = ["ner", "foo"]', "task 'foo' is none"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_card_of_several_tasks_says_what_one_of_them_lacks(
    tmp_path, put, old, new, message
) -> None:
    put("my/card.toml", block("en/cards.md", 'title = "公司任职"').replace(old, new))
    put("my/train.jsonl", orjson.dumps(ROW) + b"\n")
    done = run("check", "my", "--raw", tmp_path / "raw")
    assert done.exit_code == 1
    assert message in done.stdout


NAMES = [("DuEE-fin", "duee_fin"), ("duie2.0", "duie"), ("FINRE", "finre"), ("MSRANER", "msra")]


@pytest.mark.parametrize(("name", "source"), NAMES)
def test_official_names_work_wherever_a_source_is_named(tmp_path, name, source) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    assert run("records", name, "--split", "train", "--raw", raw).exit_code == 0
    assert run("mine", name, "--raw", raw).exit_code == 0
    assert run("check", name, "--raw", raw).stdout.startswith(f"{source}: sample in ")
    edition = catalogue.load_card(source, raw).editions[-1].name
    config = tmp_path / "build.toml"
    config.write_text(f'[hold_out]\nsources = ["{name}"]\n', encoding="utf-8")
    words = ["--source", name, "--config", config, "--raw", raw, "--out", out]
    words += [] if source == "duie" else ["--edition", f"{name}={edition}"]
    assert run("build", *words).exit_code == 0
    manifest = orjson.loads((out / "manifest.json").read_bytes())
    assert list(manifest["sources"]) == [source]
    assert manifest["config"]["hold_out"]["sources"] == [source]


@pytest.mark.parametrize(
    ("name", "near"), [("finer", "finre"), ("DuIE2", "duie"), ("msra_", "msra")]
)
def test_an_unknown_source_is_answered_with_the_nearest(tmp_path, name, near) -> None:
    for words in (
        ["records", name, "--split", "dev"],
        ["check", name],
        ["build", "--source", name],
    ):
        error = run(*words).exception
        assert isinstance(error, ConfigError)
        assert f"did you mean {near}" in str(error).casefold()


JSON = """[[editions]]
name = "{edition}"
splits.train = ["mine.json"]
[mapping]
text = "t"
relations = {{ list = "r", predicate = "p", head = "h", tail = "o" }}
"""


@pytest.mark.parametrize(
    ("source", "edition", "label"),
    [("duie", "2.0", "作者"), ("finre", "default", "合作"), ("sanwen", "default", "Use")],
)
def test_a_mapping_on_the_card_of_a_built_in_source_is_used(
    tmp_path, put, source, edition, label
) -> None:
    put(f"{source}/card.toml", JSON.format(edition=edition))
    rows = [{"p": label, "h": "甲", "o": "乙"}]
    if source != "duie":
        rows.append({"p": "unknown", "h": "乙", "o": "甲"})
    put(f"{source}/mine.json", orjson.dumps({"t": "甲乙", "r": rows}) + b"\n")
    [record] = records(tmp_path / "raw", source)
    assert [(one.predicate, one.head, one.tail) for one in record.relations] == [
        (label, "甲", "乙")
    ]
    assert len(record.na_pairs) == len(rows) - 1


@pytest.mark.real
def test_a_misnamed_file_of_every_published_source_is_named(published: Path, tmp_path) -> None:
    raw = tmp_path / "raw"
    misnamed = {
        "DuIE2.0/duie_dev.json": "duie-devel.json",
        "DuEE1.0/duee_train.json": "train_duee.json",
        "DuEE-fin/duee_fin_dev.json": "fin_dev.json",
        "SanWen/valid.txt": "sanwen_valid.txt",
        "FinRE/train.txt": "finre_train.txt",
        "BosonNER/BosonNLP_NER_6C.txt": "Boson_6C.txt",
        "MSRANER/test.bio": "msra.test.bio",
    }
    shutil.copytree(published, raw)
    for name, other in misnamed.items():
        (raw / name).rename((raw / name).with_name(other))
    report = checked(raw)
    unread = {path: f"{what}; {todo}" for path, what, todo in report["unread"]}
    for name, other in misnamed.items():
        assert str((raw / name).with_name(other)) in unread
    assert "iree" not in report["sources"]
    kept = {name: list(source["splits"]) for name, source in report["sources"].items()}
    assert kept["finre"] == ["dev", "test"]
    assert "dev" not in kept["duie"] + kept["duee_fin"] + kept["sanwen"]
