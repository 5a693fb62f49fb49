import pytest
from answer_cases import asked, counted, items, regrouped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chinchilla.answers import SUBTASKS, Content, Query, form, forms
from chinchilla.answers.repair import read_answer
from chinchilla.schema import Entity, Label

CASES = [(name, subtask) for name in forms() for subtask in SUBTASKS]


@pytest.mark.parametrize(("name", "subtask"), CASES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_can_be_read(name, subtask, data):
    content, query = data.draw(asked(subtask))
    answer = form(name).dump(content, query)
    read = form(name).parse(answer, query)
    assert items(read) == regrouped(content, query)
    assert counted(read) == counted(content)


@pytest.mark.parametrize(("name", "subtask"), CASES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_needs_no_repair(name, subtask, data):
    content, query = data.draw(asked(subtask))
    reading = read_answer(form(name).dump(content, query), query, name)
    assert reading.status == ("ok" if any(content) else "ok_empty")
    assert items(reading.content) == items(reading.strict_content) == regrouped(content, query)


@pytest.mark.parametrize("name", ["lines", "tuple"])
@pytest.mark.parametrize("empty", ["组织：无", "(组织, 无)", "无"])
def test_an_item_that_reads_like_nothing_found_is_quoted(name, empty):
    query = Query("ner", (Label(key="ORG", name="组织"),), empty=empty)
    content = Content(entities=(Entity(type="ORG", text="无"),))
    answer = form(name).dump(content, query)
    assert answer != empty
    assert items(form(name).parse(answer, query)) == [("ORG", "无")]
