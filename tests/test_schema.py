"""An invalid record cannot exist."""

import pytest

from chinchilla.errors import RecordError
from chinchilla.schema import Record, make_record

BASE = {
    "id": "x-train-000001",
    "source": "x",
    "split": "train",
    "task": "ner",
    "text": "张三在北京",
}


def test_a_record_is_dumped_with_the_names_of_the_exchange_format() -> None:
    record = make_record(
        "x:1", BASE | {"entities": [{"type": "人物", "text": "张三", "start": 0, "end": 2}]}
    )
    assert record.model_dump_json() == (
        '{"id":"x-train-000001","source":"x","split":"train","task":"ner","text":"张三在北京",'
        '"title":null,"entities":[{"type":"人物","text":"张三","start":0,"end":2}],'
        '"relations":[],"events":[]}'
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"entities": [{"type": "a", "text": "张三", "start": 1, "end": 3}]},
            "x:1: offset 1:3 quotes '三在', not '张三'; correct the line or leave it out",
        ),
        (
            {"entities": [{"type": "a", "text": "北京", "start": 3, "end": 6}]},
            "x:1: offset 3:6 of '北京' ends after the text, which has 5 characters; "
            "correct the line or leave it out",
        ),
        (
            {
                "events": [
                    {
                        "event_type": "t",
                        "trigger": "在",
                        "arguments": [{"role": "r", "text": "北京", "start": 3, "end": 9}],
                    }
                ]
            },
            "x:1: offset 3:9 of '北京' ends after the text, which has 5 characters; "
            "correct the line or leave it out",
        ),
        (
            {
                "events": [
                    {
                        "event_type": "t",
                        "trigger": "在",
                        "arguments": [
                            {"role": "r", "text": "北京", "start": 3, "end": 5, "where": "class"}
                        ],
                    }
                ]
            },
            "x:1: '北京' is marked 'class' and has an offset into the text; "
            "correct the line or leave it out",
        ),
        (
            {"entities": [{"type": "a", "text": "李四"}]},
            "x:1: '李四' is not in the text; correct the line or leave it out",
        ),
        (
            {"entities": [{"type": "a", "text": "张三", "end": 2}]},
            "x:1: '张三' has an end offset but no start offset; correct the line or leave it out",
        ),
        (
            {"text": ""},
            "x:1: text: is empty; correct the line or leave it out",
        ),
        (
            {
                "events": [
                    {
                        "event_type": "t",
                        "trigger": "在",
                        "arguments": [{"role": "r", "text": "上海", "where": "title"}],
                    }
                ]
            },
            "x:1: '上海' is in neither text nor title; correct the line or leave it out",
        ),
        (
            {
                "relations": [
                    {"predicate": "p", "head": "张三", "tail": "北京", "tail_slots": {"s": "南京"}}
                ]
            },
            "x:1: '南京' is not in the text; correct the line or leave it out",
        ),
        (
            {"spelling": 1},
            "x:1: spelling: is not known here; correct the line or leave it out",
        ),
    ],
)
def test_a_record_that_does_not_fit_is_refused_in_one_line(fields, message) -> None:
    with pytest.raises(RecordError) as caught:
        make_record("x:1", BASE | fields)
    assert str(caught.value) == message


def test_a_string_of_the_title_and_a_class_value_say_so() -> None:
    record = make_record(
        "x:1",
        BASE
        | {
            "task": "ee",
            "title": "上海快讯",
            "events": [
                {
                    "event_type": "t",
                    "trigger": "快讯",
                    "trigger_where": "title",
                    "arguments": [
                        {"role": "地点", "text": "上海", "where": "title"},
                        {"role": "环节", "text": "筹备", "where": "class"},
                    ],
                }
            ],
        },
    )
    assert [argument.where for argument in record.events[0].arguments] == ["title", "class"]
    assert Record.model_validate_json(record.model_dump_json()) == record
