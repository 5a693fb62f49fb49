"""Hard negatives: what is mined, how it is written and read, how batches are made of it."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.errors import ConfigError
from chinchilla.prompts import hard_negatives as closeness
from chinchilla.prompts.hard_negatives import (
    Confusable,
    Evidence,
    by_confusion,
    by_name,
    by_types,
    cosines,
    dump_confusions,
    hard_batches,
    mine,
    only_labels,
    read_confusions,
)
from chinchilla.schema import Label, LabelSet, Record
from chinchilla.tally import Tally

TEXT = "甲公司收购乙公司，丙公司持股乙公司"


def label_set(task: str, *names: str, **descriptions: str) -> LabelSet:
    labels = [Label(key=n, name=n, description=descriptions.get(n, "")) for n in names]
    return LabelSet(source="mine", task=task, labels=tuple(labels))


def record(number: int = 1, **fields: object) -> Record:
    task = {"entities": "ner", "relations": "re", "events": "ee"}[next(iter(fields))]
    basics = {"id": f"r{number}", "source": "mine", "split": "train", "task": task, "text": TEXT}
    return Record.model_validate(basics | fields)


def triple(predicate: str, head: str, tail: str, *types: str) -> dict[str, object]:
    kinds = dict(zip(("head_type", "tail_type"), types, strict=False))
    return {"predicate": predicate, "head": head, "tail": tail, **kinds}


def entity(kind: str, text: str, start: int | None = None) -> dict[str, object]:
    end = None if start is None else start + len(text)
    return {"type": kind, "text": text, "start": start, "end": end}


def test_labels_that_share_a_feature_are_close_and_the_rarer_feature_counts_more() -> None:
    scores = cosines({"a": {1: 1, 2: 1}, "b": {1: 1}, "c": {1: 1, 3: 1}, "d": {3: 1}, "e": {}})
    assert set(scores) == {"a", "b", "c", "d", "e"}
    assert list(scores["a"]) == ["b", "c"]
    assert scores["c"]["d"] > scores["c"]["b"] > scores["c"]["a"]
    assert scores["e"] == {}


def test_names_are_compared_by_words_and_by_neighbouring_characters() -> None:
    reason, scores = by_name(label_set("re", "持股", "被持股", "出生地", "Founder", "founder"))
    assert reason == "name"
    assert scores["持股"] == {"被持股": scores["被持股"]["持股"]}
    assert scores["Founder"] == {"founder": 1.0}
    assert scores["出生地"] == {}


def test_a_description_brings_labels_together_that_share_no_word() -> None:
    labels = label_set("re", "入主", "持股", "生日", 入主="取得公司股份", 持股="拥有公司股份")
    assert list(by_name(labels).scores["入主"]) == ["持股"]


def test_the_tokenizer_is_our_own_and_says_nothing() -> None:
    code = (
        "import logging, tempfile\n"
        "tempfile.gettempdir = None\n"
        "from chinchilla.prompts import hard_negatives\n"
        "from chinchilla.schema import Label\n"
        "label = Label(key='a', name='收购公司')\n"
        "print(hard_negatives.by_name([label]).scores)\n"
        "import jieba\n"
        "print(jieba.dt.initialized)\n"
    )
    words = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == ("{'a': {}}\nFalse\n", "")


def test_typed_relations_are_close_that_join_the_same_types() -> None:
    rows = [
        triple("父亲", "甲", "乙", "人", "人"),
        triple("母亲", "甲", "丙", "人", "人"),
        triple("收购", "甲公司", "乙公司", "企业", "企业"),
    ]
    [(reason, scores)] = by_types([record(relations=rows)])
    assert reason == "types"
    assert scores == {"父亲": {"母亲": 1.0}, "母亲": {"父亲": 1.0}, "收购": {}}


def test_untyped_relations_are_close_that_join_the_same_strings_in_either_order() -> None:
    rows = [
        triple("收购", "甲公司", "乙公司"),
        triple("被收购", "乙公司", "甲公司"),
        triple("持股", "丙公司", "乙公司"),
    ]
    assert by_types([record(relations=rows)]) == (
        Evidence("strings", {"收购": {"被收购": 1.0}, "被收购": {"收购": 1.0}, "持股": {}}),
    )


def test_entity_types_are_close_that_the_same_strings_bear() -> None:
    rows = [entity("组织", "甲公司"), entity("公司", "甲公司"), entity("时间", "丙")]
    [(reason, scores)] = by_types([record(entities=rows)])
    assert reason == "strings"
    assert scores == {"组织": {"公司": 1.0}, "公司": {"组织": 1.0}, "时间": {}}


def test_event_types_are_close_that_share_roles_or_triggers() -> None:
    def event(kind: str, trigger: str | None, role: str) -> dict[str, object]:
        arguments = [{"role": role, "text": "甲公司"}]
        return {"event_type": kind, "trigger": trigger, "arguments": arguments}

    rows = [event("购", "收购", "买方"), event("并", "收购", "合并方"), event("入", None, "买方")]
    roles, triggers = by_types([record(events=rows)])
    assert roles == Evidence("roles", {"购": {"入": 1.0}, "并": {}, "入": {"购": 1.0}})
    assert triggers == Evidence("triggers", {"购": {"并": 1.0}, "并": {"购": 1.0}})


def test_strings_kept_for_a_label_are_bounded_and_the_frequent_ones_stay(monkeypatch) -> None:
    monkeypatch.setattr(closeness, "MAX_STRINGS", 3)
    common = [entity("组织", "公司"), entity("企业", "公司")]
    rare = [
        record(n, entities=[*common, entity("组织", TEXT[n : n + 3])]) for n in range(len(TEXT) - 3)
    ]
    [(_, scores)] = by_types(rare)
    assert scores["组织"]["企业"] > 0.4


MISTAKES = [
    pytest.param(
        {"entities": [entity("组织", "甲公司", 0), entity("公司", "乙公司", 5)]},
        {"entities": [entity("公司", "甲公司", 0), entity("公司", "乙公司", 14)]},
        {"组织": {"公司": 0.5}, "公司": {}},
        id="entities-by-place",
    ),
    pytest.param(
        {"entities": [entity("组织", "甲公司", 0), entity("组织", "丙公司", 9)]},
        {"entities": [entity("公司", "甲公司"), entity("组织", "甲公司")]},
        {"组织": {"公司": 0.3333}},
        id="entities-by-string",
    ),
    pytest.param(
        {"relations": [triple("收购", "甲公司", "乙公司")]},
        {"relations": [triple("持股", "甲公司", "乙公司"), triple("自己", "乙公司", "甲公司")]},
        {"收购": {"持股": 0.5}},
        id="relations-by-ordered-pair",
    ),
    pytest.param(
        {"events": [{"event_type": "购", "trigger": "收购", "trigger_start": 3}]},
        {"events": [{"event_type": "并", "trigger": "收购", "trigger_start": 3}]},
        {"购": {"并": 0.5}},
        id="events-by-trigger",
    ),
    pytest.param(
        {"events": [{"event_type": "购", "trigger": None}]},
        {"events": [{"event_type": "并", "trigger": None}]},
        {},
        id="events-without-trigger",
    ),
]


@pytest.mark.parametrize(("gold", "predicted", "scores"), MISTAKES)
def test_a_model_confuses_labels_that_it_gives_to_the_same_thing(gold, predicted, scores) -> None:
    pairs = [(record(**gold), record(**predicted))]
    assert by_confusion(pairs) == Evidence("model", scores)


def test_reasons_add_up_and_equal_scores_are_in_the_order_of_the_card() -> None:
    labels = label_set("re", "丁戊", "甲乙", "庚辛", "壬癸")
    rows = [triple(name, "甲公司", "乙公司") for name in ("甲乙", "壬癸", "庚辛")]
    mistakes = [(record(relations=rows[:1]), record(relations=rows[2:]))]
    mined = mine(labels, [record(relations=rows)], mistakes, top=8)
    assert only_labels(mined) == {
        "丁戊": (),
        "甲乙": ("庚辛", "壬癸"),
        "庚辛": ("甲乙", "壬癸"),
        "壬癸": ("甲乙", "庚辛"),
    }
    assert mined["甲乙"][0].reasons == ("strings 1.00", "model 0.50")
    assert only_labels(mine(labels, [record(relations=rows)], None, top=1))["壬癸"] == ("甲乙",)


def test_labels_of_no_card_are_never_mined() -> None:
    rows = [triple("甲乙", "甲公司", "乙公司"), triple("外来", "甲公司", "乙公司")]
    assert mine(label_set("re", "甲乙"), [record(relations=rows)], None, 8) == {"甲乙": ()}


MINED = {
    "乙": (Confusable(label="甲", score=0.75, reasons=("name 0.75",)),),
    "甲": (),
}


def test_the_data_file_is_sorted_and_read_back(tmp_path: Path) -> None:
    content = dump_confusions("finre", "default", MINED)
    assert content == dump_confusions("finre", "default", dict(reversed(MINED.items())))
    assert orjson.loads(content) == {
        "source": "finre",
        "edition": "default",
        "labels": {"乙": [{"label": "甲", "score": 0.75, "reasons": ["name 0.75"]}], "甲": []},
    }
    path = tmp_path / "finre.json"
    path.write_bytes(content)
    assert read_confusions(path) == {"乙": ("甲",), "甲": ()}
    assert read_confusions(path, label_set("re", "甲", "乙", "丙")) == {"乙": ("甲",), "甲": ()}


BAD = [
    (None, "No such file or directory"),
    (b"\xff", "no file of confusions (not JSON"),
    (b"[]", "no file of confusions ("),
    (b'{"source": "a", "edition": "b"}', "no file of confusions (labels: is missing)"),
    (
        '{"source": "a", "edition": "b", "labels": {"甲": [{"label": "乙", "score": 0.5}]}}',
        "the label '乙' of '甲' is not among the labels",
    ),
    (
        '{"source": "a", "edition": "b", "labels": {"甲": [{"label": "甲", "score": 2}]}}',
        "no file of confusions (labels.甲.0.score: ",
    ),
]


@pytest.mark.parametrize(("content", "words"), BAD)
def test_a_bad_data_file_is_answered_in_a_line(tmp_path: Path, content, words) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(ConfigError) as caught:
        read_confusions(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "chinchilla mine" in str(caught.value) or "mine again" in str(caught.value)


def test_a_data_file_of_other_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "finre.json"
    path.write_bytes(dump_confusions("finre", "default", MINED))
    with pytest.raises(ConfigError, match="it was mined of finre; mine again"):
        read_confusions(path, label_set("re", "甲"))


def test_a_batch_holds_labels_that_are_easily_confused() -> None:
    near = {f"{name}{n}": [f"{name}{m}" for m in "123" if m != n] for name in "abc" for n in "123"}
    for seed in range(20):
        batches = hard_batches(sorted(near), near, 3, Random(seed))
        groups = sorted(sorted(batch) for batch in batches)
        assert groups == [["a1", "a2", "a3"], ["b1", "b2", "b3"], ["c1", "c2", "c3"]]


@st.composite
def asked(draw: st.DrawFn):
    labels = [f"l{number}" for number in range(draw(st.integers(0, 30)))]
    names = st.sampled_from([*labels, "elsewhere"])
    near = draw(st.dictionaries(names, st.lists(names, max_size=6), max_size=30))
    return labels, near


@given(asked(), st.integers(1, 9), st.integers(0, 99))
def test_every_label_is_asked_once_and_only_one_batch_is_short(asked, size, seed) -> None:
    labels, near = asked
    batches = hard_batches(labels, near, size, Random(seed))
    assert batches == hard_batches(labels, near, size, Random(seed))
    assert sorted(x for batch in batches for x in batch) == sorted(labels)
    assert sum(len(batch) < size for batch in batches) <= 1
    assert all(batches)


@pytest.mark.parametrize(("labels", "size"), [(["a", "b"], 0), (["a", "a"], 2)])
def test_a_size_of_nothing_and_a_label_given_twice_are_refused(labels, size) -> None:
    with pytest.raises(ValueError, match="each label once"):
        hard_batches(labels, {}, size, Random(0))


# published data


def mined_of(raw: Path, source: str) -> dict[str, tuple[Confusable, ...]]:
    found = catalogue.find(catalogue.load_card(source, raw), raw, samples=False)
    assert found is not None
    labels = found.card.label_set(found.edition.name)
    return mine(labels, catalogue.records(found, "train", Tally()), None, top=8)


FINRE = [
    ("持股", "被持股"),
    ("收购", "拟收购"),
    ("拟收购", "收购"),
    ("收购", "被收购"),
    ("买资", "交易"),
    ("减持", "被持股"),
    ("注资", "被注资"),
]


@pytest.mark.real
def test_finre_labels_that_people_confuse_are_mined_as_confusable(published: Path) -> None:
    mined = mined_of(published, "finre")
    near = only_labels(mined)
    assert [(label, other) for label, other in FINRE if other not in near[label]] == []
    assert all(one.reasons for found in mined.values() for one in found)
    # the sentences name each fact in both directions, so the opposite comes first
    first = Counter(near[label][0] == f"被{label}" for label in near if f"被{label}" in near)
    assert first == {True: 16}


@pytest.mark.real
@pytest.mark.parametrize(
    ("source", "label", "other"),
    [
        ("duie", "父亲", "母亲"),
        ("duie", "配音", "饰演"),
        ("duee", "财经/交易-涨停", "财经/交易-跌停"),
        ("duee", "产品行为-上映", "产品行为-发布"),
        ("boson", "location", "org_name"),
        ("sanwen", "Located", "Near"),
    ],
)
def test_other_published_sources_are_mined(published: Path, source, label, other) -> None:
    assert other in only_labels(mined_of(published, source))[label]
