"""What is asked: batches, negatives, shares of empty rows, hold-out, augmentation."""

from collections import Counter
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build, forecast
from chinchilla.dataset.config import BuildConfig, read_config, shipped_configs
from chinchilla.dataset.plan import make_plan
from chinchilla.prompts.label_sampling import Draw, batches, role_parts
from chinchilla.prompts.options import PromptOptions
from chinchilla.schema import Label, Role

LABELS = [Label(key=f"k{number}", name=f"名{number}") for number in range(12)]
KEYS = st.frozensets(st.sampled_from([label.key for label in LABELS]))


def draw(train: bool = True, seed: int = 0, size: int = 0, confusions=None, **options) -> Draw:
    return Draw(PromptOptions(**options), size, train, Random(seed), confusions or {})


def keys(found) -> list[list[str]]:
    return [[label.key for label in batch] for batch in found]


@given(KEYS, st.integers(1, 13), st.integers())
def test_batches_cover_every_label_once(present, size, seed) -> None:
    found = keys(batches(LABELS, present, draw(size=size, seed=seed)))
    assert sorted(key for batch in found for key in batch) == sorted(one.key for one in LABELS)
    assert all(len(batch) <= size for batch in found)


@given(KEYS, st.integers(1, 5), st.integers())
def test_batches_of_confusable_labels_cover_every_label_once(present, size, seed) -> None:
    confusions = {"k0": ["k11"], "k11": ["k0"]}
    found = keys(batches(LABELS, present, draw(size=size, seed=seed, confusions=confusions)))
    assert sorted(key for batch in found for key in batch) == sorted(one.key for one in LABELS)


@given(st.integers())
def test_labels_that_are_confused_are_in_one_batch(seed) -> None:
    confusions = {f"k{n}": [f"k{n ^ 1}"] for n in range(12)}
    found = keys(batches(LABELS, frozenset(), draw(size=4, seed=seed, confusions=confusions)))
    assert all({f"k{int(key[1:]) ^ 1}" for key in batch} == set(batch) for batch in found)


@given(KEYS, st.booleans(), st.booleans(), st.integers(1, 13), st.integers())
def test_the_batches_of_a_record_are_those_of_one_without_its_gold(
    present, train, hard, size, seed
) -> None:
    confusions = {f"k{n}": [f"k{n ^ 1}"] for n in range(12)} if hard else {}
    one, other = (
        keys(batches(LABELS, gold, draw(train, seed=seed, size=size, confusions=confusions)))
        for gold in (present, frozenset())
    )
    assert one == other


@given(KEYS, st.integers(0, 12), st.integers())
def test_negatives_are_as_many_as_wanted(present, negatives, seed) -> None:
    found = keys(batches(LABELS, present, draw(negatives=negatives, seed=seed)))
    asked = {key for batch in found for key in batch}
    assert present <= asked
    wanted = min(negatives if present else max(negatives, 1), 12 - len(present))
    assert len(asked - present) == wanted


@given(KEYS, st.integers(1, 13), st.booleans(), st.integers(0, 4), st.integers())
def test_the_number_of_labels_in_a_prompt_does_not_tell_how_many_are_gold(
    present, size, hard, negatives, seed
) -> None:
    assume(len(present) <= 12 // size * size or size > 12)
    confusions = {f"k{n}": [f"k{n ^ 1}"] for n in range(12)} if hard else {}
    for few in ({"negatives": negatives}, {"negative_ratio": negatives / 2}):
        drawn = draw(size=size, seed=seed, confusions=confusions, **few)
        found = keys(batches(LABELS, present, drawn))
        asked = [key for batch in found for key in batch]
        assert present <= set(asked)
        assert len(set(asked)) == len(asked)
        assert {len(batch) for batch in found} == {min(size, 12)}
        if "negatives" in few:
            assert len(asked) >= min(len(present) + negatives, 12 // size * size)


def test_labels_asked_of_nothing_are_confused_as_those_asked_with_gold_are() -> None:
    confusions = {f"k{n}": [f"k{n ^ 1}"] for n in range(12)}
    for seed in range(20):
        drawn = draw(negatives=2, size=2, seed=seed, confusions=confusions)
        [[one, other]] = keys(batches(LABELS, frozenset(), drawn))
        assert confusions[one] == [other]


def test_the_small_config_asks_as_many_labels_in_every_train_prompt(tmp_path: Path) -> None:
    config = read_config(Path("small"), {})
    build(make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None)
    asked: dict[str, set[int]] = {}
    for task in ("ner", "re", "ee"):
        for row in rows_of(tmp_path / "out", f"{task}/train.jsonl"):
            asked.setdefault(row["source"], set()).add(len(row["labels"]))
    sets = orjson.loads((tmp_path / "out" / "labels.json").read_bytes())
    room = {source: config.prompts.batch_size(one["task"]) for source, one in sets.items()}
    assert asked == {
        source: {min(room[source], len(one["labels"]))} for source, one in sets.items()
    }


def test_negatives_and_dropout_are_for_train_alone() -> None:
    found = keys(batches(LABELS, frozenset({"k1"}), draw(False, negatives=0, label_dropout=1.0)))
    assert sorted(found[0]) == sorted(label.key for label in LABELS)


def test_confusable_labels_come_first_among_few_negatives() -> None:
    found = batches(LABELS, frozenset({"k1"}), draw(negatives=2, confusions={"k1": ["k7", "k3"]}))
    assert {key for batch in keys(found) for key in batch} == {"k1", "k3", "k7"}


def test_labels_are_in_the_order_of_the_card_where_they_are_not_shuffled() -> None:
    found = keys(batches(LABELS, frozenset({"k9"}), draw(shuffle_labels=False)))
    assert found == [[label.key for label in LABELS]]


def test_the_roles_of_a_large_event_type_are_split_too() -> None:
    roles = tuple(Role(key=f"r{n}", name=f"角{n}") for n in range(5))
    labels = [Label(key="a", name="甲", roles=roles), Label(key="b", name="乙", roles=roles[:1])]
    parts = [
        [(one.key, [r.key for r in one.roles]) for one in part] for part in role_parts(labels, 2)
    ]
    assert parts == [
        [("a", ["r0", "r1"]), ("b", ["r0"])],
        [("a", ["r2", "r3"])],
        [("a", ["r4"])],
    ]


def rows_of(folder: Path, name: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / name).read_bytes().split(b"\n")[:-1]]


def run(raw: Path, out: Path, **config) -> dict:
    built = build(make_plan(raw, BuildConfig(**config)), out, 1, lambda job: None)
    return built.manifest.model_dump(mode="json")


@pytest.mark.real
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_the_null_share_wanted_is_met_on_finre_within_a_point(published, tmp_path, share) -> None:
    prompts = {"labels_per_prompt": 4, "null_share": share}
    manifest = run(published, tmp_path, sources=("finre",), prompts=prompts)
    counts = manifest["sources"]["finre"]["splits"]["train"]
    assert abs(counts["null_rows"] / counts["rows"] - share) < 0.01
    rows = rows_of(tmp_path, "re/train.jsonl")
    assert sum(row["output"] == "{}" for row in rows) == counts["null_rows"]
    assert len(rows) == counts["rows"]


def test_the_null_share_leaves_dev_and_test_whole(tmp_path: Path) -> None:
    for name, share in (("all", None), ("few", 0.1)):
        prompts = {"labels_per_prompt": 4, "null_share": share}
        run(tmp_path / "raw", tmp_path / name, sources=("finre",), prompts=prompts)
    for split in ("dev", "test"):
        one, two = (tmp_path / name / "re" / f"{split}.jsonl" for name in ("all", "few"))
        assert one.read_bytes() == two.read_bytes()
    kept = {row["id"]: row for row in rows_of(tmp_path / "few", "re/train.jsonl")}
    every = {row["id"]: row for row in rows_of(tmp_path / "all", "re/train.jsonl")}
    assert kept.items() <= every.items()
    assert len(kept) < len(every)


def test_held_out_labels_and_sources_are_absent_from_every_train_prompt(tmp_path: Path) -> None:
    config = read_config(Path("zero-shot"), {})
    build(make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None)
    held = config.hold_out.labels
    cards = catalogue.cards(tmp_path)
    asked_later = Counter()
    for path in sorted((tmp_path / "out").glob("[a-z][a-z]*/*.jsonl")):
        for row in map(orjson.loads, path.read_bytes().split(b"\n")[:-1]):
            out = set(held.get(row["source"], ())) & set(row["labels"])
            asked_later[path.stem, row["source"]] += len(out)
            if path.stem != "train":
                continue
            assert row["source"] not in config.hold_out.sources
            answer = orjson.loads(row["output"])
            for label in held.get(row["source"], ()):
                assert cards[row["source"]].labels[label].name not in answer
    assert sum(asked_later["train", source] for source in held) == 0
    assert all(asked_later["dev", source] for source in held)


HELD_OUT = {"收购", "被收购", "持股"}


def open_rows(tmp_path: Path, split: str, **prompts) -> list[tuple[dict, dict]]:
    """Build with three labels held out and open questions; return rows with their records."""
    prompts = {"open_share": 1.0, "open_everywhere": True, **prompts}
    hold_out = {"labels": {"finre": tuple(HELD_OUT)}}
    run(tmp_path / "raw", tmp_path / "out", sources=("finre",), prompts=prompts, hold_out=hold_out)
    gold = {row["id"]: row for row in rows_of(tmp_path / "out", f"records/re/{split}.jsonl")}
    rows = rows_of(tmp_path / "out", f"re/{split}.jsonl")
    return [(row, gold[row["record_id"]]) for row in rows]


def bears_held_out(row: dict, record: dict) -> bool:
    """Tell whether a held-out label is gold of a row: of its pair, where it gives one."""
    ends = (row.get("head"), row.get("tail"))
    return any(
        one["predicate"] in HELD_OUT and ends in ((one["head"], one["tail"]), (None, None))
        for one in record["relations"]
    )


@pytest.mark.parametrize("subtask", ["re", "re-pair"])
@pytest.mark.parametrize(("split", "hidden"), [("train", "closed"), ("dev", "open")])
def test_train_asks_openly_only_where_no_gold_is_held_out(tmp_path, subtask, split, hidden) -> None:
    asked = {True: set(), False: set()}
    for row, record in open_rows(tmp_path, split, subtasks=(subtask,)):
        kind = row["template"].partition("#")[0].rpartition("open")[1] or "closed"
        asked[bears_held_out(row, record)].add(kind)
    assert asked == {True: {hidden}, False: {"open"}}


def test_examples_of_an_open_train_prompt_have_no_label_held_out(tmp_path: Path) -> None:
    rows = open_rows(tmp_path, "train", demonstrations=4)
    held = [record["text"] for row, record in rows if bears_held_out(row, record)]
    openly = [row["instruction"] for row, _ in rows if row["template"].startswith("re/open")]
    assert held
    assert any("答案：" in words for words in openly)
    assert not any(text in words for text in held for words in openly)


def test_renamed_labels_are_in_prompt_and_answer_and_keep_their_keys(tmp_path: Path) -> None:
    prompts = {"label_renaming": 1.0, "negatives": 2, "descriptions": "off"}
    run(tmp_path / "raw", tmp_path / "out", sources=("finre",), prompts=prompts)
    for row in rows_of(tmp_path / "out", "re/train.jsonl"):
        prompt = row["instruction"] + row["input"]
        for number in range(1, len(row["labels"]) + 1):
            assert f"LABEL_{number}：" in prompt
        assert set(orjson.loads(row["output"])) <= {
            f"LABEL_{number}" for number in range(1, len(row["labels"]) + 1)
        }
    assert "LABEL_" not in (tmp_path / "out/re/dev.jsonl").read_text(encoding="utf-8")


def test_every_sub_task_is_written_where_asked_for(tmp_path: Path) -> None:
    subtasks = ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument")
    prompts = {"subtasks": subtasks, "forms": ("json",), "open_share": 0.5}
    run(tmp_path / "raw", tmp_path / "out", prompts=prompts)
    seen = Counter()
    for path in sorted((tmp_path / "out").glob("[a-z][a-z]*/train.jsonl")):
        seen.update(orjson.loads(line)["subtask"] for line in path.read_bytes().split(b"\n")[:-1])
    assert set(seen) == set(subtasks)


def test_the_forecast_is_what_the_build_then_writes(tmp_path: Path) -> None:
    config = read_config(Path("small"), {"sources": ("finre", "duee")})
    plan = make_plan(tmp_path / "raw", config)
    sums, _ = forecast(plan, 1, lambda job: None)
    manifest = build(plan, tmp_path / "out", 1, lambda job: None).manifest
    for (source, split), counts in sums.items():
        written = manifest.sources[source].splits[split]
        assert (counts.rows, counts.null_rows, counts.bytes) == (
            written.rows,
            written.null_rows,
            written.bytes,
        )


@pytest.mark.parametrize("name", sorted(shipped_configs()))
def test_every_shipped_config_loads_and_builds(tmp_path: Path, name: str) -> None:
    config = read_config(Path(name), {})
    manifest = build(
        make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None
    ).manifest
    assert manifest.outputs


def test_every_setting_has_a_description() -> None:
    def walk(model) -> None:
        for name, field in model.model_fields.items():
            assert field.description, name
            if hasattr(field.annotation, "model_fields"):
                walk(field.annotation)

    walk(BuildConfig)


def test_examples_come_from_train_and_never_show_the_text_itself(tmp_path: Path) -> None:
    prompts = {"demonstrations": 2, "negatives": 2}
    run(tmp_path / "raw", tmp_path / "out", sources=("finre",), prompts=prompts)
    texts = {
        row["text"]: row["split"] for row in rows_of(tmp_path / "out", "records/re/train.jsonl")
    }
    for split in ("train", "dev"):
        own = {row["id"]: row for row in rows_of(tmp_path / "out", f"records/re/{split}.jsonl")}
        for row in rows_of(tmp_path / "out", f"re/{split}.jsonl"):
            shown = [text for text in texts if f"文本：{text}\n答案：" in row["instruction"]]
            assert len(shown) == 2
            assert own[row["record_id"]]["text"] not in shown
