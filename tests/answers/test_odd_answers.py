"""Answers as chat models wrap them, in all forms and sub-tasks; nothing of the text is touched."""

import json

import pytest
from answer_cases import QUESTIONS, items

from chinchilla.answers import Content, Query, answer_format
from chinchilla.answers.repair import read_answer
from chinchilla.schema import Entity

FORMS = ("json", "lines", "tuple", "code")
TEXT = "小米在北京宣布裁员，甲公司投资乙公司。"
ORG, LOC = ("ORG", "小米"), ("LOC", "北京")
RAW = {
    "ner": '{"组织": ["小米"], "地点": ["北京"]}',
    "re": '{"投资": [{"head": "甲公司", "tail": "乙公司"}]}',
    "re-pair": '["合作"]',
    "ee": '{"裁员": [{"trigger": "裁员", "arguments": {"裁员方": ["小米"]}}]}',
    "ee-trigger": '{"裁员": ["裁员"]}',
    "ee-argument": '{"裁员方": ["小米"]}',
}
FULL = str.maketrans('{}[]():,"=', "｛｝［］（）：，＂＝")
THOUGHTS = (
    "<think>\n{}\n</think>\n",
    "<thinking>\n{}\n</thinking>\n",
    "<thought>{}</thought>",
    "<reasoning>\n{}\n</reasoning>\n\n",
    "<seed:think>\n{}\n</seed:think>\n",
    "◁think▷\n{}\n◁/think▷\n",
    "[THINK]\n{}\n[/THINK]\n",
    "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|begin_of_thought|>\n{}\n<|end_of_thought|>\n<|begin_of_solution|>\n",
)
WRAPPED = (
    "答案：{}",
    "答案：\n{}",
    "好的，以下是结果：\n{}",
    "{}\n以上就是全部结果。",
    "Here is the result:\n{}\nLet me know if you need more.",
    "```\n{}\n```",
    "```python\n{}\n```\n希望有帮助",
    "~~~\n{}\n~~~",
    "<answer>{}</answer>",
    "<answer>\n{}\n</answer>",
    "<result><answer>\n{}\n</answer></result>",
    "{}<|im_end|>",
    "{}\n<|eot_id|>",
    "{}</s>",
    "<|assistant|>\n{}<|end|>",
    "assistant\n{}",
    "\u200b{}\u200b",
    "\ufeff\u00a0{}",
    "`{}`",
    "\\boxed{{{}}}",
    "最终答案是 $\\boxed{{{}}}$。",
    "\n\n  {}  \n\n",
)


def answer(form: str, subtask: str) -> tuple[str, list]:
    """Return a sound answer and its items."""
    query = QUESTIONS[subtask]
    content = read_answer(RAW[subtask], query, "json", TEXT).content
    return answer_format(form).dump(content, query), items(content)


@pytest.mark.parametrize("subtask", RAW)
@pytest.mark.parametrize("form", FORMS)
def test_what_stands_around_an_answer_is_none_of_it(form: str, subtask: str) -> None:
    raw, wanted = answer(form, subtask)
    others = raw.replace("小米", "甲公司").replace("合作", "投资").replace("北京", "甲公司")
    ways = [way.format(raw) for way in WRAPPED]
    ways += [way.format(others) + raw for way in THOUGHTS]
    for way in ways:
        reading = read_answer(way, QUESTIONS[subtask], form, TEXT)
        assert items(reading.content) == wanted, (way, reading)


@pytest.mark.parametrize("subtask", RAW)
@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_is_escaped_or_full_width_is_read(form: str, subtask: str) -> None:
    raw, wanted = answer(form, subtask)
    ways = [
        json.dumps(raw),
        json.dumps(json.dumps(raw)),
        json.dumps(json.dumps(raw, ensure_ascii=False), ensure_ascii=False),
        raw.replace('"', "&quot;"),
        raw.translate(FULL),
        raw.replace("\n", "\\n"),
        raw.replace("小米", "\\\\u5c0f\\\\u7c73"),
        raw.replace("小米", "&#23567;&#31859;"),
        "\n".join(f"> {line}" for line in raw.split("\n")),
    ]
    for way in ways:
        reading = read_answer(way, QUESTIONS[subtask], form, TEXT)
        assert items(reading.content) == wanted, (way, reading)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "span",
    [
        *("</s>", "x</think>y", "<answer>", "北京<|im_end|>", "未提及日期", "…", "// 甲"),
        *(
            "无相关信息",
            "> 甲",
            "助手：(甲",
            "&quot;",
            "\\boxed{甲}",
            " 甲 ",
            "TBD",
            "?",
            "a\u200b",
        ),
    ],
)
def test_nothing_that_is_in_the_text_is_taken_away(form: str, span: str) -> None:
    content = Content(entities=(Entity(type="ORG", text=span), Entity(type="LOC", text=span)))
    query = Query("ner", QUESTIONS["ner"].labels, empty="没有可标的成分")
    text = f"原文里有{span}这几个字"
    raw = answer_format(form).dump(content, query)
    reading = read_answer(raw, query, form, text)
    assert (reading.status, items(reading.content)) == ("ok", [("ORG", span), ("LOC", span)])


ABSENT = [
    *(
        "未在文中提及",
        "文本中没有提到",
        "无此信息",
        "未明确提及",
        "没有明确说明",
        "无法确定",
        "不确定",
    ),
    *(
        "未提供地点",
        "未提及地点",
        "无地点",
        "没有地点",
        "无具体地点",
        "无明确地点",
        "文中没有",
        "缺",
    ),
    *("未找到相关实体", "没有相关实体", "没有相关信息", "无法判断", "待定", "未标明", "未注明"),
    *(
        "未披露",
        "不明确",
        "无法从文中得知",
        "暂未公布",
        "原文未明确给出",
        "【无】",
        "<无>",
        "（未提及）",
    ),
    *(
        "N.A.",
        "none found",
        "not specified",
        "TBD",
        "placeholder",
        "''",
        "…",
        "...",
        "？",
        "**",
        "、",
    ),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("word", ABSENT)
def test_words_for_nothing_found_are_no_item(form: str, word: str) -> None:
    content = Content(entities=(Entity(type="ORG", text="小米"), Entity(type="LOC", text=word)))
    query = QUESTIONS["ner"]
    reading = read_answer(answer_format(form).dump(content, query), query, form, TEXT)
    assert (reading.status, items(reading.content)) == ("repaired", [ORG])
    assert reading.notes["absent"] == 1
    without = read_answer(answer_format(form).dump(content, query), query, form)
    assert items(without.content) == [ORG, ("LOC", word)]


@pytest.mark.parametrize(
    "raw",
    [
        '<tool_call>{"name": "f", "arguments": {"组织": ["小米"], "地点": ["北京"]}}</tool_call>',
        '{"name": "f", "arguments": "{\\"组织\\": [\\"小米\\"], \\"地点\\": [\\"北京\\"]}"}',
        '{"status": "ok", "data": {"组织": ["小米"], "地点": ["北京"]}, "reason": "很明显"}',
        '{"组织": ["小米"],"","地点": ["北京"]}',
        '{"组织": ["小米"], // 公司\n "地点": ["北京"]}',
        '{"组织": ["小米"], # 公司\n "地点": ["北京"]}',
        '{/* 结果 */ "组织": ["小米" /* 公司 */], "地点": ["北京"]}',
        '{"组织": ["小米\\n"], "地点": [" 北京"]}',
    ],
)
def test_what_stands_between_the_pairs_of_an_object_is_none_of_it(raw: str) -> None:
    reading = read_answer(raw, QUESTIONS["ner"], "json", TEXT)
    assert items(reading.content) == [ORG, LOC], reading
    assert +reading.notes


@pytest.mark.parametrize(
    "mark", ["//", "#", "/*", " // a", "// \n", "/**/", "< a>", "<a>", "`", "\u200b"]
)
@pytest.mark.parametrize("form", FORMS)
def test_marks_without_end_are_read_in_no_time(form: str, mark: str) -> None:
    for raw in (mark * 50_000, '{"组织": [' + mark * 50_000, mark * 50_000 + "]}"):
        read_answer(raw, QUESTIONS["ner"], form, TEXT)
