"""An answer keeps its items whatever stands around it."""

import json

import pytest
from answer_cases import QUESTIONS, items, regrouped
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.answers import SUBTASKS, Content, answer_format, format_names
from chinchilla.answers.repair import read_answer
from chinchilla.schema import Argument, Entity, Event, Relation

TEXT = "小米公司在北京宣布裁员，甲公司向乙公司投资1,000万元，王 明出席。"
SPANS = ("小米公司", "北京", "甲公司", "乙公司", "王 明", "1,000万元")
OTHERS = ("某公司", "片段")
PROMPT = f'抽取组织。例子：{{"组织": ["北京"]}}\n文本：{TEXT}'
WRAPPERS = {
    "prose before": "好的，结果如下：\n{answer}",
    "prose around": "好的，结果如下：\n{answer}\n\n希望对您有帮助！",
    "fence": "```json\n{answer}\n```",
    "fence in prose": "好的：\n```\n{answer}\n```\n希望对您有帮助！",
    "thought": "<think>{example}</think>\n{answer}",
    "prompt": PROMPT + "\n{answer}",
    "example": "示例：\n{example}\n答案：\n{answer}",
    "example in a fence": "示例：\n```\n{example}\n```\n答案：\n```\n{answer}\n```",
    "string": "{string}",
}


@st.composite
def contents(draw, subtask, spans):
    """Draw a content with one item or more, its strings out of `spans`."""
    span = st.sampled_from(spans)

    def some(item, unique_by=None):
        return tuple(draw(st.lists(item, min_size=1, max_size=3, unique_by=unique_by)))

    role = st.sampled_from(["who", "when"])
    argument = st.builds(Argument, role=role, text=span)
    if subtask == "ner":
        kind = st.sampled_from(["ORG", "LOC", "PER"])
        return Content(entities=some(st.builds(Entity, type=kind, text=span)))
    if subtask == "re":
        slots = st.dictionaries(st.just("amount"), span)
        one = st.builds(
            Relation, predicate=st.just("invest"), head=span, tail=span, tail_slots=slots
        )
        return Content(relations=some(one))
    if subtask == "re-pair":
        name = st.sampled_from(["invest", "join"])
        pair = st.builds(Relation, predicate=name, head=st.just("甲"), tail=st.just("乙"))
        return Content(relations=some(pair, lambda item: item.predicate))
    if subtask == "ee-argument":
        event = Event(event_type="组织关系-裁员", trigger="裁员", arguments=some(argument))
        return Content(events=(event,))
    held = st.just(()) if subtask == "ee-trigger" else st.lists(argument, max_size=3).map(tuple)
    name = st.just("组织关系-裁员")
    return Content(events=some(st.builds(Event, event_type=name, trigger=span, arguments=held)))


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("subtask", SUBTASKS)
@pytest.mark.parametrize("name", format_names())
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_stands_around_an_answer_changes_no_item(name, subtask, wrapper, data):
    query = QUESTIONS[subtask]
    content = data.draw(contents(subtask, SPANS))
    answer = answer_format(name).dump(content, query)
    example = answer_format(name).dump(data.draw(contents(subtask, OTHERS)), query)
    parts = {"answer": answer, "example": example, "string": json.dumps(answer)}
    raw = WRAPPERS[wrapper]
    for part, words in parts.items():
        raw = raw.replace(f"{{{part}}}", words)
    reading = read_answer(raw, query, name, TEXT, PROMPT)
    assert items(reading.content) == regrouped(content, query)
    # a quoted name alone is of the form lines
    quoted = wrapper == "string" and (name, subtask) == ("lines", "re-pair")
    assert reading.status == ("ok" if quoted and len(content.relations) == 1 else "repaired")
