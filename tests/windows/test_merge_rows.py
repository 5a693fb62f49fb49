"""What the answers to the rows of one record say together."""

import pytest

from chinchilla.answers import Content
from chinchilla.errors import ConfigError
from chinchilla.schema import Argument, Entity, Event, InstructionRow, Relation
from chinchilla.windows.merge import RowAnswer, merge_rows

TEXT = "王芳入职甲公司。李雷离开乙公司。"


def row(number: int, labels: tuple[str, ...], subtask: str = "ner", **fields) -> InstructionRow:
    known = {"instruction": "i", "input": "", "output": "o", "id": f"a.{number}", "record_id": "a"}
    known |= {"source": "x", "task": subtask[:2] if subtask != "ner" else "ner", "form": "json"}
    known |= {"subtask": subtask, "template": "t", "labels": labels, "window": (0, len(TEXT))}
    return InstructionRow.model_validate({**known, **fields})


def people(*names: str) -> Content:
    return Content(entities=tuple(Entity(type="人", text=name) for name in names))


def event(trigger: str | None, *arguments: str) -> Event:
    found = tuple(Argument(role=one[0], text=one[1:]) for one in arguments)
    return Event(event_type="入职", trigger=trigger, arguments=found)


def merged(rows: list[InstructionRow], *told: Content) -> Content:
    return merge_rows(TEXT, [RowAnswer(*one) for one in zip(rows, told, strict=True)])


def test_batches_of_labels_are_joined_and_an_item_told_twice_is_one() -> None:
    rows = [row(0, ("人",)), row(1, ("公司",))]
    assert merged(rows, people("王芳", "李雷"), people("王芳")) == people("王芳", "李雷")


def test_a_mention_that_two_windows_share_is_one() -> None:
    rows = [row(0, ("人",), window=(0, 8)), row(1, ("人",), window=(0, 16))]
    assert merged(rows, people("王芳"), people("王芳", "李雷")) == people("王芳", "李雷")


def test_the_only_window_is_taken_back_to_its_place() -> None:
    told = Content(entities=(Entity(type="人", text="李雷", start=0, end=2),))
    [entity] = merged([row(0, ("人",), window=(8, 16))], told).entities
    assert (entity.start, entity.end) == (8, 10)


def test_the_roles_of_an_event_asked_in_parts_become_one_event() -> None:
    rows = [row(0, ("入职",), "ee"), row(1, ("入职",), "ee")]
    told = [
        Content(events=(event("入职", "人王芳"),)),
        Content(events=(event("入职", "司甲公司"),)),
    ]
    assert merged(rows, *told).events == (event("入职", "人王芳", "司甲公司"),)


@pytest.mark.parametrize("other", ["离开", None])
def test_arguments_of_two_triggers_stay_two_events(other: str | None) -> None:
    fields = {"subtask": "ee-argument", "event_type": "入职"}
    rows = [
        row(0, ("入职",), trigger="入职", **fields),
        row(1, ("入职",), trigger=other, **fields),
    ]
    told = [event("入职", "人王芳"), event(other, "司乙公司")]
    assert merged(rows, *[Content(events=(one,)) for one in told]).events == tuple(told)


def pair(*predicates: str) -> Content:
    told = [Relation(predicate=one, head="王芳", tail="甲公司") for one in predicates]
    return Content(relations=tuple(told))


PAIRS = [
    ((pair("无"), pair("任职")), pair("任职")),
    ((pair("任职", "无"), pair("无")), pair("任职", "无")),
    ((pair("无"), pair("无")), pair("无")),
    ((pair("无"), pair()), pair("无")),
]


@pytest.mark.parametrize(("told", "joined"), PAIRS)
@pytest.mark.parametrize("window", [(0, 16), (0, 8)])
def test_no_relation_holds_where_no_answer_about_the_pair_names_one(told, joined, window) -> None:
    given = {"subtask": "re-pair", "head": "王芳", "tail": "甲公司"}
    rows = [row(0, ("任职",), **given, window=window), row(1, ("持股",), **given)]
    answers = [RowAnswer(*one) for one in zip(rows, told, strict=True)]
    assert merge_rows(TEXT, answers, na="无") == joined


def test_no_relation_of_one_pair_says_nothing_about_another() -> None:
    given = {"subtask": "re-pair", "head": "王芳"}
    rows = [row(0, ("任职",), **given, tail="甲公司"), row(1, ("任职",), **given, tail="乙公司")]
    other = pair("无").relations[0].model_copy(update={"tail": "乙公司"})
    told = [pair("任职"), Content(relations=(other,))]
    answers = [RowAnswer(*one) for one in zip(rows, told, strict=True)]
    assert merge_rows(TEXT, answers, na="无").relations == (*pair("任职").relations, other)


REFUSED = [
    ({"record_id": "b"}, "row a.0: rows of a and of b; merge one record_id at a time"),
    ({"subtask": "re"}, "row a.0: rows of ner and of re; merge one subtask at a time"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_rows_that_belong_apart_are_not_merged(fields: dict, message: str) -> None:
    rows = [row(0, ("人",)), row(1, ("人",)).model_copy(update=fields)]
    with pytest.raises(ConfigError) as caught:
        merged(rows, Content(), Content())
    assert str(caught.value) == message
