"""Answers that say what they mean in an odd way: escaped, quoted, repeated, punctuated."""

import json

import pytest
from answer_cases import QUESTIONS, items

from chinchilla.answers import Query
from chinchilla.answers.repair import read_answer

TEXT = "小米公司在北京宣布裁员，甲公司投资乙公司。"
ORG, LOC = ("ORG", "小米"), ("LOC", "北京")
FIRED = ("组织关系-裁员", "裁员", (("who", "小米"),))
INVEST = ("invest", "甲公司", "乙公司", ())
PAIR = ("join", "甲", "乙", ())
PLAIN = Query("ner", ())

ESCAPED = [
    # form, sub-task, answer, items: nothing here holds a backslash or an entity in the text
    ("json", "ner", r'{"组织": ["\\u5c0f\\u7c73"]}', [ORG]),
    ("json", "ner", r'{"组织": ["\\\\u5c0f\\\\u7c73"]}', [ORG]),
    ("json", "ner", r'{"\\u7ec4\\u7ec7": ["小米"]}', [ORG]),
    ("json", "ner", r'{"组织": ["\小\米"]}', [ORG]),
    ("json", "ner", r'{"\组\织": ["小米"]}', [ORG]),
    ("json", "ner", r'{"组织": ["\"小米\""]}', [ORG]),
    ("json", "ner", r'{"\"组织\"": ["小米"]}', [ORG]),
    ("json", "ner", '{"组织": ["&#x5c0f;&#31859;"]}', [ORG]),
    ("json", "ner", '{"组织": ["&quot;小米&quot;"]}', [ORG]),
    (
        "json",
        "re",
        r'{"投资": [{"head": "\\u7532公司", "tail": "乙\_公司"}]}'.replace("_", ""),
        [INVEST],
    ),
    (
        "json",
        "ee",
        r'{"裁员": [{"trigger": "\\u88c1员", "arguments": {"裁员方": ["\\u5c0f米"]}}]}',
        [FIRED],
    ),
    ("json", "ee-argument", r'{"裁员方": ["\\u5c0f米"]}', [FIRED]),
    ("lines", "ner", r"组织：\u5c0f\u7c73", [ORG]),
    ("lines", "ner", r"组织：\小\米", [ORG]),
    ("tuple", "ner", r"(组织, \u5c0f\u7c73)", [ORG]),
    ("code", "ner", r'Entity(type="组织", text="\\u5c0f\\u7c73")', [ORG]),
]
QUOTED = [
    ("json", "ner", json.dumps('{"组织": ["小米"]}'), [ORG]),
    ("json", "ner", json.dumps(json.dumps('{"组织": ["小米"]}')), [ORG]),
    ("json", "ner", '"{\\"组织\\": [\\"小米\\"]}', [ORG]),
    ("json", "ner", '{\\"组织\\": [\\"小米\\"]}', [ORG]),
    ("json", "ner", '{\\n"组织": [\\n"小米"]\\n}', [ORG]),
    ("json", "ner", json.dumps({"组织": '["小米"]'}), [ORG]),
    ("json", "ner", json.dumps({"组织": ['["小米"]']}), [ORG]),
    ("json", "ner", json.dumps({"组织": "['小米']"}), [ORG]),
    ("json", "ner", json.dumps({"结果": '{"组织": ["小米"]}'}), [ORG]),
    ("json", "ner", json.dumps(['{"type": "组织", "text": "小米"}']), [ORG]),
    ("json", "ner", '"{\\"组织\\": [\\"小米\\"]}"\n"{\\"地点\\": [\\"北京\\"]}"', [ORG, LOC]),
    ("json", "re", json.dumps({"投资": ['{"head": "甲公司", "tail": "乙公司"}']}), [INVEST]),
    (
        "json",
        "ee",
        json.dumps({"裁员": [{"trigger": "裁员", "arguments": '{"裁员方": ["小米"]}'}]}),
        [FIRED],
    ),
    ("json", "re-pair", json.dumps('["合作"]'), [PAIR]),
    ("lines", "ner", '"组织：小米"', [ORG]),
    ("lines", "ner", '"组织：小米\\n地点：北京"', [ORG, LOC]),
    ("lines", "ner", '"组织：小米"\n"地点：北京"', [ORG, LOC]),
    ("lines", "ner", '["组织：小米", "地点：北京"]', [ORG, LOC]),
    ("tuple", "ner", '"(组织, 小米)"\n"(地点, 北京)"', [ORG, LOC]),
    ("code", "ner", json.dumps('Entity(type="组织", text="小米")'), [ORG]),
]
REPEATED = [
    ("json", "ner", '示例：{"组织": ["某公司"]}\n答案：{"组织": ["小米"]}', [ORG]),
    ("json", "ner", '格式：{"组织": ["片段"], "地点": ["片段"]}\n{"组织": ["小米"]}', [ORG]),
    ("json", "ner", '{"组织": ["某公司"]}\n{"组织": ["小米"]}', [ORG]),
    ("json", "ner", '```json\n{"组织": ["某"]}\n```\n结果：\n```\n{"组织": ["小米"]}\n```', [ORG]),
    ("json", "ner", '```json\n{"组织": ["某"]}\n```\n结果：{"组织": ["小米"]}', [ORG]),
    ("json", "ner", '示例：{"组织": ["某公司"]}\n答案：{}', []),
    ("json", "ner", '{"组织": ["小米"]}\n{"地点": ["北京"]}', [ORG, LOC]),
    ("json", "ner", '组织：{"组织": ["小米"]}\n地点：{"地点": ["北京"]}', [ORG, LOC]),
    ("json", "ner", '{"组织": ["小米"]}\n{"组织": ["小米"]}', [ORG]),
    ("lines", "ner", "示例：\n组织：某公司\n答案：\n组织：小米", [ORG]),
    ("lines", "ner", "```\n组织：某公司\n```\n答案：\n```\n组织：小米\n```", [ORG]),
    ("lines", "ner", "示例：组织：某公司\n答案：组织：小米", [ORG]),
    ("lines", "ner", "示例：\n组织：某公司\n答案：\n无", []),
    ("tuple", "ner", "示例：(组织, 某公司)\n答案：(组织, 小米)", [ORG]),
    ("tuple", "ner", "```\n(组织, 某公司)\n```\n```\n(组织, 小米)\n```", [ORG]),
    (
        "code",
        "ner",
        '格式：Entity(type="组织", text="片段")\n答案：\nEntity(type="组织", text="小米")',
        [ORG],
    ),
    ("json", "re-pair", '示例：["投资"]\n答案：["合作"]', [PAIR]),
    ("lines", "re-pair", "示例：\n投资\n答案：\n合作", [PAIR]),
]
ABSENT = [
    ("json", "ner", '{"组织": ["小米"], "地点": ["无"], "人物": "未提及"}', [ORG]),
    ("json", "ner", '{"组织": ["小米"], "地点": ["NAN", "N/A", "none", "暂无", "（无）"]}', [ORG]),
    ("json", "ner", '{"组织": ["小米"], "无": ["北京"]}', [ORG]),
    ("json", "ner", '{"组织": ["没有"]}', []),
    (
        "json",
        "re",
        '{"投资": [{"head": "甲公司", "tail": "乙公司", "金额": "未知"},'
        ' {"head": "甲公司", "tail": "无"}, {"head": "不存在", "tail": "甲公司"}]}',
        [INVEST],
    ),
    (
        "json",
        "ee",
        '{"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["小米"], "时间": ["未提及"]}},'
        ' {"trigger": "无", "arguments": {}}, {"trigger": "无", "arguments": {"时间": ["无"]}}]}',
        [FIRED],
    ),
    (
        "json",
        "ee",
        '{"裁员": [{"trigger": "无", "arguments": {"裁员方": ["小米"]}}]}',
        [("组织关系-裁员", None, (("who", "小米"),))],
    ),
    ("json", "ee-trigger", '{"裁员": ["无"]}', []),
    ("json", "ee-argument", '{"裁员方": ["小米"], "时间": ["无"]}', [FIRED]),
    ("json", "re-pair", '["无"]', []),
    ("lines", "ner", "组织：小米\n地点：无", [ORG]),
    ("lines", "re", "投资：甲公司 → 乙公司（金额：未知）", [INVEST]),
    ("lines", "ee", "裁员：裁员\n- 裁员方：小米\n- 时间：未提及", [FIRED]),
    ("code", "ner", 'Entity(type="组织", text="小米")\nEntity(type="地点", text="无")', [ORG]),
    ("tuple", "ner", "(组织, 小米)\n(地点, 未提及)", [ORG]),
]
PUNCTUATED = [
    # what stands between two pairs, and between a key and its value
    *(
        ("json", "ner", f'{{"组织": ["小米"]{between}"地点": ["北京"]}}', [ORG, LOC])
        for between in (',"', ',"，', '，"，', "，", "、", ";", "；", " ", ",,", ', "、', ',",')
        for between in (
            [between + '"'] if between[-1:] in "，、," and '"' in between else [between]
        )
    ),
    *(
        ("json", "ner", f'{{"组织"{colon}["小米"], "地点"{colon}["北京"]}}', [ORG, LOC])
        for colon in ("：", " ", "", "=>", " => ", "=", "->", " → ", "::", ":=", ";")
    ),
    *(
        ("json", "ner", f"{{{a}组织{z}: [{a}小米{z}], {a}地点{z}: [{a}北京{z}]}}", [ORG, LOC])
        for a, z in ("''", "“”", "‘’", "「」", "『』", "``", "＂＂", ("", ""))
    ),
    ("json", "ner", "｛「组织」：［「小米」］，「地点」：［「北京」］｝", [ORG, LOC]),
    ("json", "ner", "{组织 => [小米], 地点 -> [北京],}", [ORG, LOC]),
    ("json", "ner", '{"组织": ["小米"],",地点": ["北京"]}', [ORG, LOC]),
]
ALL = [*ESCAPED, *QUOTED, *REPEATED, *ABSENT, *PUNCTUATED]


@pytest.mark.parametrize(("form", "subtask", "raw", "expected"), ALL)
def test_an_answer_is_read_as_it_is_meant(form, subtask, raw, expected):
    reading = read_answer(raw, QUESTIONS[subtask], form, TEXT)
    assert (reading.status, items(reading.content)) == ("repaired", expected), reading.notes


@pytest.mark.parametrize(
    "span", ["无", "未知", "NAN", "-", "\\n", "A&amp;B", '["甲"]', '"甲"', "\\理"]
)
@pytest.mark.parametrize("form", ["json", "lines", "code", "tuple"])
def test_what_is_in_the_text_is_left_as_it_is(form, span):
    from chinchilla.answers import Content, answer_format
    from chinchilla.schema import Entity

    content = Content(entities=(Entity(type="ORG", text=span),))
    query = Query("ner", QUESTIONS["ner"].labels, empty="没有可标的成分")
    answer = answer_format(form).dump(content, query)
    reading = read_answer(answer, query, form, f"原文里有{span}这几个字")
    assert (reading.status, items(reading.content)) == ("ok", [("ORG", span)])


@pytest.mark.parametrize(
    "span", ["最终结果：胜", "答案：甲", "格式: A", "result: 1", "（输出：甲）"]
)
@pytest.mark.parametrize("odd", ["{answer}\n以上", "- {answer}\n", "好的\n{answer}", "1. {answer}"])
@pytest.mark.parametrize("form", ["json", "lines", "code", "tuple"])
def test_a_string_with_the_words_of_a_heading_is_no_heading(form, odd, span):
    from chinchilla.answers import Content, answer_format
    from chinchilla.schema import Entity

    content = Content(tuple(Entity(type="ORG", text=one) for one in (span, "小米")))
    answer = answer_format(form).dump(content, QUESTIONS["ner"])
    reading = read_answer(odd.format(answer=answer), QUESTIONS["ner"], form, f"{TEXT}{span}")
    assert items(reading.content) == [("ORG", span), ORG]


def test_a_prompt_before_the_answer_is_left_out():
    prompt = '抽取组织。\n例子：{"组织": ["小米"]}\n文本：' + TEXT
    for form, answer in (("json", '{"地点": ["北京"]}'), ("lines", "地点：北京")):
        reading = read_answer(f"{prompt}\n{answer}", QUESTIONS["ner"], form, TEXT, prompt)
        assert (reading.status, items(reading.content)) == ("repaired", [LOC])


def test_without_labels_asked_names_are_fixed_too():
    for raw in (
        '{"组织": ["小米"],","地点": ["北京"]}',
        r'{"\组\织": ["小米"], "\"地点\"": ["北京"]}',
    ):
        found = items(read_answer(raw, PLAIN, "json", TEXT).content)
        assert found == [("组织", "小米"), ("地点", "北京")]
