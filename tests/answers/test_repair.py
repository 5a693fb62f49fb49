import json
import os
from pathlib import Path

import pytest
from answer_cases import QUESTIONS, items
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.answers import SUBTASKS, Query, format_names
from chinchilla.answers.repair import read_answer
from chinchilla.schema import Label, Role

SHARED = Path(os.environ.get("CHINCHILLA_SHARED", Path(__file__).resolve().parents[3] / "shared"))
RAW = SHARED / "scorer-cases" / "raw_01_ner_outputs"

PIECES = st.sampled_from(
    [
        *"{}[]()“”：:，,→-=\\\"'\n ",
        "组织",
        "小米",
        "裁员",
        "裁员方",
        "投资",
        "合作",
        "\\u",
        "```",
        "无",
    ]
)
ORG, LOC = ("ORG", "小米"), ("LOC", "北京")
CUT = [ORG]
FIRED = ("组织关系-裁员", "裁", (("who", "某"),))
INVEST = ("invest", "A", "B", ())
PAIR = ("join", "甲", "乙", ())

JSON = [
    # form, sub-task, answer, status, items, notes
    ("ner", '{"组织": ["小米"]}', "ok", [ORG], {}),
    ("ner", '{"组织": []}', "ok_empty", [], {}),
    ("ner", "无。", "ok_empty", [], {}),
    ("ner", "[]", "ok_empty", [], {}),
    ("ner", '"无"', "ok_empty", [], {}),
    ("ner", "", "failed", [], {}),
    ("ner", "小米公司", "failed", [], {}),
    ("ner", "抱歉，我无法完成该任务。", "refusal", [], {}),
    ("ner", "文中没有找到任何实体。", "repaired", [], {"prose": 1}),
    ("ner", '```json\n{"组织": ["小米"]}\n```', "repaired", [ORG], {"fence": 1}),
    ("ner", "```json\n{}\n```", "repaired", [], {"fence": 1}),
    ("ner", '好的：\n```\n{"组织": ["小米"]}\n```', "repaired", [ORG], {"fence": 1, "prose": 1}),
    ("ner", '结果[1]如下：{"组织": ["小米"]}', "repaired", [ORG], {"prose": 1}),
    ("ner", '<think>{甲}</think>\n{"组织": ["小米"]}', "repaired", [ORG], {"prose": 1}),
    ("ner", '{"组织"： [“小米”]}', "repaired", [ORG], {"punctuation": 1, "quotes": 1}),
    ("ner", "｛“组织”：［“小米”］｝", "repaired", [ORG], {"punctuation": 5, "quotes": 2}),
    ("ner", "{'组织': ['小米']}", "repaired", [ORG], {"quotes": 2}),
    ("ner", "{组织: [小米]}", "repaired", [ORG], {"quotes": 2}),
    ("ner", '{"组织": ["甲"乙""]}', "repaired", [("ORG", '甲"乙"')], {"quotes": 2}),
    ("ner", '{"组织": ["甲，“乙”：丙"],}', "repaired", [("ORG", "甲，“乙”：丙")], {"comma": 1}),
    ("ner", '{"组织": ["小米",]}', "repaired", [ORG], {"comma": 1}),
    ("ner", '{"组织": ["小米"] "地点": ["北京"]}', "repaired", [ORG, LOC], {"comma": 1}),
    ("ner", '{"组织": ["小米"}', "repaired", [ORG], {"brackets": 1}),
    ("ner", '"组织": ["小米"]', "repaired", [ORG], {"brackets": 1}),
    ("ner", '{"组织": ["小米"]', "repaired", [ORG], {"truncated": 1}),
    ("ner", '{"组织": ["小米"], "地点', "repaired_partial", CUT, {"truncated": 1, "cut": 1}),
    ("ner", '{"组织": ["小米"], "地点"', "repaired_partial", CUT, {"truncated": 1, "cut": 1}),
    ("ner", '{"组织": ["小米", "华', "repaired_partial", CUT, {"truncated": 1, "cut": 1}),
    ("ner", '{"组织": ["小', "repaired_partial", [], {"truncated": 1, "cut": 1}),
    (
        "ner",
        '{"组织": [' + '"小米", ' * 90,
        "repaired_partial",
        [ORG],
        {"truncated": 1, "cut": 1, "repeats": 1},
    ),
    ("ner", json.dumps({"组织": ["小米"] * 90}), "ok", [ORG] * 90, {}),
    ("ner", '{"组织": "小米"}', "repaired", [ORG], {"bare_string": 1}),
    ("ner", '{"组织": [{"name": "小米"}]}', "repaired", [ORG], {"nested": 1}),
    ("ner", '{"组织": ["小米", 1, "", " ", null]}', "repaired", [ORG], {"dropped": 4}),
    ("ner", '{"组织": null}', "repaired", [], {"dropped": 1}),
    (
        "ner",
        '{"组织": ["小米"], "组织": ["甲"]}',
        "ok",
        [ORG, ("ORG", "甲")],
        {"duplicate_key": 1},
    ),
    ("ner", '{"公司": ["小米"]}', "ok", [("公司", "小米")], {"label_not_asked": 1}),
    ("ner", '[{"type": "组织", "text": "小米"}]', "ok", [ORG], {"other_shape": 1}),
    ("ner", '[{"组织": ["小米"]}, {"地点": ["北京"]}]', "ok", [ORG, LOC], {"other_shape": 2}),
    ("ner", '{"实体": {"组织": ["小米"]}}', "ok", [ORG], {"other_shape": 1}),
    ("ner", '{"组织": ["\\ud83d小米"]}', "repaired", [ORG], {"surrogate": 1}),
    ("re", '{"投资": {"head": "A", "tail": "B"}}', "repaired", [INVEST], {"bare_string": 1}),
    ("re", '{"投资": [["A", "B"]]}', "repaired", [INVEST], {"nested": 1}),
    ("re", '{"投资": [{"subject": "A", "object": "B"}]}', "ok", [INVEST], {"other_shape": 1}),
    (
        "re",
        '[{"head": "A", "relation": "投资", "tail": "B"}]',
        "ok",
        [INVEST],
        {"other_shape": 1},
    ),
    ("re", '{"投资": [{"head": "A", "tail": ""}]}', "repaired", [], {"dropped": 1}),
    (
        "re",
        '{"投资": [{"head": "A", "tail": "B", "金额": "1亿"}],}',
        "repaired",
        [("invest", "A", "B", (("amount", "1亿"),))],
        {"comma": 1},
    ),
    ("re-pair", "合作", "repaired", [PAIR], {"bare_string": 1}),
    ("re-pair", '{"关系": "合作"}', "ok", [PAIR], {"other_shape": 1}),
    ("re-pair", "[“合作”]", "repaired", [PAIR], {"quotes": 1}),
    ("re-pair", '["无关系"]', "ok", [("unknown", "甲", "乙", ())], {}),
    ("ee", '{"裁员": [{"trigger": "裁", "裁员方": ["某"]}]}', "ok", [FIRED], {"other_shape": 1}),
    (
        "ee",
        '{"裁员": {"trigger": "裁", "arguments": {"裁员方": "某"}}}',
        "repaired",
        [FIRED],
        {"bare_string": 2},
    ),
    (
        "ee",
        '{"events": [{"event_type": "裁员", "trigger": "裁", "arguments": '
        '[{"role": "裁员方", "argument": "某"}]}]}',
        "ok",
        [FIRED],
        {"other_shape": 2},
    ),
    (
        "ee",
        '{"裁员": [{"trigger": "裁", "arguments": {"裁员方": ["某"], "时间": ["昨',
        "repaired_partial",
        [FIRED],
        {"truncated": 1, "cut": 1},
    ),
    (
        "ee",
        '{"裁员": [{"trigger": "裁", "arguments": {"裁员方": [' + '"某", ' * 9,
        "repaired_partial",
        [FIRED],
        {"truncated": 1, "cut": 1, "repeats": 1},
    ),
    (
        "ee-trigger",
        '{"裁员": [{"trigger": "裁"}]}',
        "repaired",
        [("组织关系-裁员", "裁", ())],
        {"nested": 1},
    ),
    (
        "ee-argument",
        '{"裁员": [{"trigger": "裁", "arguments": {"裁员方": ["某"]}}]}',
        "ok",
        [("组织关系-裁员", "裁员", (("who", "某"),))],
        {"other_shape": 4},
    ),
]
LINES = [
    ("ner", "组织:小米\n地点: 北京", "repaired", [ORG, LOC], {"punctuation": 2}),
    ("ner", "1. 组织：小米\n2. 地点：北京", "repaired", [ORG, LOC], {"bullets": 2}),
    ("ner", "**组织**：小米", "repaired", [ORG], {"bullets": 1}),
    ("ner", "【组织】小米", "repaired", [ORG], {"punctuation": 1}),
    ("ner", "“组织”：“小米”", "repaired", [ORG], {"quotes": 1}),
    ("ner", "好的，结果如下：\n组织：小米\n以上。", "repaired", [ORG], {"prose": 2}),
    ("ner", "```\n组织：小米\n```", "repaired", [ORG], {"fence": 1}),
    ("ner", '{"组织": ["小米"]}', "repaired", [ORG], {"other_form": 1}),
    ("ner", "组织：小米\n地", "repaired_partial", [ORG], {"truncated": 1, "cut": 1}),
    ("ner", "组织：小米\n" * 40 + "组织：小", "repaired", [ORG], {"repeats": 1}),
    ("ner", "组织：小米\n" * 3, "ok", [ORG] * 3, {}),
    ("ner", "公司：小米", "ok", [("公司", "小米")], {"label_not_asked": 1}),
    ("ner", "抱歉，我无法完成该任务。", "refusal", [], {}),
    ("ner", "NAN", "ok_empty", [], {}),
    (
        "re",
        "投资: A -> B (金额: 1亿)",
        "repaired",
        [("invest", "A", "B", (("amount", "1亿"),))],
        {"punctuation": 1},
    ),
    ("re", "投资：A →", "failed", [], {}),
    ("re-pair", "他们的关系是：合作。", "repaired", [PAIR], {"prose": 1}),
    ("re-pair", "合作、投资", "repaired", [PAIR, ("invest", "甲", "乙", ())], {"punctuation": 1}),
    ("re-pair", "对不起，我不能回答。", "refusal", [], {}),
    ("re-pair", "文中未提到两者的关系。", "repaired", [], {"prose": 1}),
    ("ee", "抽取结果：\n裁员：裁\n- 裁员方：某", "repaired", [FIRED], {"prose": 1}),
    ("ee", "裁员：裁\n  裁员方:某", "repaired", [FIRED], {"punctuation": 1}),
    ("ee", "1、裁员：裁\n • 裁员方：某", "repaired", [FIRED], {"bullets": 2}),
]
CODE = [
    ("ner", "Entity(type='组织', text='小米')", "repaired", [ORG], {"quotes": 2}),
    (
        "ner",
        'Entity(type="组织", text="小米"),\nEntity(type="地点", text="北京"),',
        "ok",
        [ORG, LOC],
        {"other_shape": 1},
    ),
    ("ner", '[Entity(type="组织", text="小米")]', "repaired", [ORG], {"brackets": 1}),
    ("ner", '```python\nEntity(type="组织", text="小米")\n```', "repaired", [ORG], {"fence": 1}),
    ("ner", "结果：Entity(type=“组织”，text=“小米”)", "repaired", [ORG], None),
    (
        "ner",
        'Entity(type="组织", text="小米")\nEntity(type="地点", te',
        "repaired_partial",
        [ORG],
        None,
    ),
    (
        "ee",
        'Event(type="裁员", trigger="裁", arguments=[Argument(role="裁员方", text="某"), Arg',
        "repaired_partial",
        [FIRED],
        None,
    ),
]
TUPLE = [
    ("ner", "（组织，小米）", "repaired", [ORG], {"punctuation": 1}),
    ("ner", "(组织,小米), (地点, 北京)", "repaired", [ORG, LOC], {"punctuation": 1}),
    ("ner", '[("组织", "小米"), ("地点", "北京")]', "ok", [ORG, LOC], {"other_shape": 1}),
    ("ner", "('组织', '小米')", "repaired", [ORG], {"punctuation": 1}),
    ("ner", "1. (组织, 小米)", "repaired", [ORG], {"bullets": 1}),
    ("ner", "结果：\n(组织, 小米)", "repaired", [ORG], {"prose": 1}),
    ("ner", "(组织, 小米)\n(地点, 北", "repaired_partial", [ORG], {"truncated": 1, "cut": 1}),
    (
        "re",
        "（A，1，投资，B）",
        "repaired",
        [("invest", "A，1", "B", ())],
        {"punctuation": 1},
    ),
    ("re", "(投资, A, B)", "repaired", [INVEST], {"punctuation": 1}),
    ("ee", "(裁员,裁,裁员方=某)", "repaired", [FIRED], {"punctuation": 1}),
]
BROKEN = [
    (form, *case)
    for form, cases in (("json", JSON), ("lines", LINES), ("code", CODE), ("tuple", TUPLE))
    for case in cases
]


@pytest.mark.parametrize(("form", "subtask", "raw", "status", "expected", "notes"), BROKEN)
def test_a_broken_answer_is_repaired(form, subtask, raw, status, expected, notes):
    reading = read_answer(raw, QUESTIONS[subtask], form)
    assert (reading.status, items(reading.content)) == (status, expected)
    assert notes is None or reading.notes == notes


@pytest.mark.parametrize("form", format_names())
@pytest.mark.parametrize("subtask", SUBTASKS)
@settings(max_examples=50, deadline=None)
@given(raw=st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_no_text_makes_reading_fail(form, subtask, raw):
    reading = read_answer(raw, QUESTIONS[subtask], form)
    assert reading.status in ("ok", "ok_empty", "repaired", "repaired_partial", "failed", "refusal")


@pytest.mark.slow
@pytest.mark.parametrize("form", format_names())
@pytest.mark.parametrize(
    "raw", ["{" * 100_000, "[[" * 50_000, '{"a":' * 20_000, "Entity(" * 15_000, '{"' * 50_000]
)
def test_a_hundred_kilobytes_of_brackets_are_read(form, raw):
    for query in (QUESTIONS["ee"], QUESTIONS["re-pair"]):
        assert read_answer(raw, query, form).content is not None


SORRY = Label(key="道歉", name="道歉", roles=(Role(key="who", name="道歉者"),))
PLAIN = {subtask: Query(subtask, ()) for subtask in ("ner", "ee")}
ASKED = {"ee-argument": Query("ee-argument", (), event=SORRY, trigger="道歉")}
PHRASES = [
    # words of a refusal, or for nothing found, inside what was found and outside of it
    ("json", PLAIN["ner"], '{"PER": ["不存在"]}', "ok", [("PER", "不存在")]),
    ("json", PLAIN["ner"], '好的：{"PER": ["抱歉"]}', "repaired", [("PER", "抱歉")]),
    (
        "json",
        PLAIN["ee"],
        '{"道歉": [{"trigger": "对不起", "arguments": {"道歉者": ["甲"]}}]}',
        "ok",
        [("道歉", "对不起", (("道歉者", "甲"),))],
    ),
    (
        "json",
        ASKED["ee-argument"],
        '{"道歉者": ["很抱歉先生"], "时间": ["昨天"]}',
        "ok",
        [("道歉", "道歉", (("who", "很抱歉先生"), ("时间", "昨天")))],
    ),
    ("json", QUESTIONS["ner"], '{"酒吧": ["对不起"]}', "ok", [("酒吧", "对不起")]),
    ("lines", PLAIN["ner"], "PER：不存在", "ok", [("PER", "不存在")]),
    ("lines", PLAIN["ner"], "很抱歉，我无法完成，原因如下：原文太短", "refusal", []),
    ("lines", QUESTIONS["ner"], "很抱歉，我无法完成，原因如下：原文太短", "refusal", []),
    ("lines", QUESTIONS["ner"], "抽取结果：没有找到任何实体", "repaired", []),
    ("json", QUESTIONS["re-pair"], '["抱歉，我无法回答"]', "refusal", []),
    ("json", QUESTIONS["ner"], "抱歉，我无法完成该任务：{}", "refusal", []),
]


@pytest.mark.parametrize(("form", "query", "raw", "status", "expected"), PHRASES)
def test_words_of_a_refusal_may_are_in_what_was_found(form, query, raw, status, expected):
    reading = read_answer(raw, query, form)
    assert (reading.status, items(reading.content)) == (status, expected)


@pytest.mark.parametrize("form", format_names())
@pytest.mark.parametrize("raw", ['""', "“”", "''", "。", '""。'])
def test_quotes_alone_say_nothing_unless_the_query_says_so(form, raw):
    assert read_answer(raw, PLAIN["ner"], form).status == "failed"
    assert read_answer(raw, Query("ner", (), empty=raw), form).status == "ok_empty"


def test_half_a_surrogate_pair_is_left_out():
    reading = read_answer('{"组织": ["小米\ud83d"]}', QUESTIONS["ner"], "json")
    assert items(reading.content) == [ORG]


def raw_cases():
    if not RAW.is_dir():
        pytest.skip(f"no published cases: {RAW} (set CHINCHILLA_SHARED)")
    lines = (RAW / "raw.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def raw_query():
    names = ("组织", "地点", "人物")
    return Query("ner", tuple(Label(key=name, name=name) for name in names), empty="无")


@pytest.mark.real
def test_recommended_statuses_are_given():
    # a recommended status is one of ours with a remark behind it; a refusal is a kind of failure
    statuses = ("repaired_partial", "repaired", "ok_empty", "ok", "failed")
    for case in raw_cases():
        status = read_answer(case["raw"], raw_query(), "json").status
        wanted = next(one for one in statuses if case["recommended_status"].startswith(one))
        assert {"refusal": "failed"}.get(status, status) == wanted, case["name"]


@pytest.mark.real
def test_without_repair_the_items_are_those_of_the_reference_scorer():
    for case in raw_cases():
        reading = read_answer(case["raw"], raw_query(), "json")
        strict = [[item.text, item.type] for item in reading.strict_content.entities]
        assert (reading.strict, strict) == (case["iepile_parse_ok"], case["iepile_items"])


@pytest.mark.real
def test_gold_is_recovered_wherever_the_answer_holds_it():
    for case in raw_cases():
        reading = read_answer(case["raw"], raw_query(), "json")
        found = {(item.type, item.text) for item in reading.content.entities}
        gold = {(item["type"], item["text"]) for item in case["gold"]}
        # each gold span that the answer quotes in full, under its label; the cut one is not
        said = {(kind, text) for kind, text in gold if kind in case["raw"] and text in case["raw"]}
        assert said <= found, case["name"]
