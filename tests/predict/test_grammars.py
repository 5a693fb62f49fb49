"""Grammars accept all gold, and nothing that is not of the form, the labels or the passage."""

from random import Random

import numpy as np
import pytest
from constraint_cases import (
    SAMPLES,
    allowed,
    answered,
    constraint,
    records_of,
    refused,
    spans_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chinchilla.answers import SUBTASKS, Query, answer_format, format_names
from chinchilla.answers.quoting import quoted
from chinchilla.predict.engine import Limits
from chinchilla.predict.grammars import grammar_of
from chinchilla.schema import Label, Role, Slot

PUBLISHED = 100
"""How many published records of each source are tried, each in one form, forms in turn."""

SOURCES = sorted(folder.name for folder in SAMPLES.iterdir())
CASES = [(name, subtask) for name in format_names() for subtask in SUBTASKS]


@pytest.mark.parametrize("source", SOURCES)
def test_the_gold_of_the_samples_is_accepted(source) -> None:
    labels, records = records_of(source, SAMPLES, samples=True)
    assert records
    for at, name in enumerate(format_names()):
        assert refused(records[at :: len(format_names())], labels, name) == []


@pytest.mark.real
@pytest.mark.parametrize("source", SOURCES)
def test_the_gold_of_published_records_is_accepted(published, source) -> None:
    labels, records = records_of(source, published, samples=False)
    if not records:
        pytest.skip(f"{source} is not under {published}")
    chosen = Random(source).sample(records, min(PUBLISHED, len(records)))
    for at, name in enumerate(format_names()):
        assert refused(chosen[at :: len(format_names())], labels, name) == []


@pytest.mark.parametrize(("name", "subtask"), CASES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_dump_writes_is_accepted_whatever_the_passage_holds(name, subtask, data) -> None:
    passage, query, content = data.draw(answered(subtask))
    assert allowed(name, query, passage, answer_format(name).dump(content, query))


@pytest.mark.parametrize(("name", "subtask"), CASES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_no_way_through_a_grammar_is_a_dead_end_or_leaves_the_passage(
    name, subtask, data, seed
) -> None:
    passage, query, _ = data.draw(answered(subtask))
    answer = stroll(grammar_of(Limits(name, query, passage)), Random(seed))
    if answer is None:
        return
    content = answer_format(name).parse(answer, query)
    values = [value for label in query.known for role in label.roles for value in role.values]
    pair = ["甲", "乙"] if subtask == "re-pair" else []
    assert [
        span for span in spans_of(content) if span not in passage and span not in values + pair
    ] == []


def stroll(grammar: str, rng: Random) -> str | None:
    """Write an answer at random, token by token; none where it takes more than 80 of them."""
    limiter = constraint()
    matcher, tokens = limiter.matcher(grammar), []
    for _ in range(80):
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed_now = np.flatnonzero(np.unpackbits(bits, bitorder="little")).tolist()
        assert not matcher.is_error(), matcher.get_error()
        if limiter.ends[0] in allowed_now and (len(allowed_now) == 1 or rng.random() < 0.5):
            return limiter.tokens.decode_bytes(tokens).decode("utf-8")
        tokens.append(rng.choice([one for one in allowed_now if one not in limiter.ends]))
        assert matcher.consume_token(tokens[-1])
    return None


PASSAGE = '甲公司与乙合作，收购"丙"股份\n占 5%, 于2020年（金额：1亿） → 未完'
ROLES = (
    Role(key="who", name="收购方"),
    Role(key="when", name="时间"),
    Role(key="stage", name="环节", values=("正式上市", "终止上市")),
)
NER = (Label(key="ORG", name="组织"), Label(key="LOC", name="地点"))
RE = (
    Label(
        key="invest", name="投资", slots=(Slot(key="a", name="金额"), Slot(key="t", name="时间"))
    ),
    Label(key="join", name="合作"),
)
EE = (Label(key="buy", name="收购", roles=ROLES), Label(key="end", name="倒闭"))
ASKED = {
    "ner": Query("ner", NER, empty="无"),
    "re": Query("re", RE, empty="无"),
    "re-pair": Query(
        "re-pair", RE, na=Label(key="unknown", name="无关系"), empty="无", head="甲", tail="乙"
    ),
    "ee": Query("ee", EE, empty="无"),
    "ee-trigger": Query("ee-trigger", EE, empty="无"),
    "ee-argument": Query("ee-argument", EE[:1], empty="无", event=EE[0], trigger="收购"),
}

ACCEPTED = {
    "json": {
        "ner": [
            "{}",
            '{"地点":["乙","甲公司"],"组织":["\\"丙\\""]}',
            '{"组织":["丙\\"股份\\n占"]}',
        ],
        "re": [
            '{"合作":[{"head":"甲","tail":"乙"}]}',
            '{"投资":[{"head":"甲","tail":"乙","时间":"2020年","金额":"1亿"}]}',
        ],
        "re-pair": ["[]", '["无关系"]', '["合作","投资"]'],
        "ee": [
            '{"倒闭":[{"arguments":{}}],"收购":[{"trigger":"收购","arguments":{"环节":["正式上市"]}}]}'
        ],
        "ee-trigger": ['{"收购":[null,"收购"]}'],
        "ee-argument": ['{"环节":["终止上市","未完"],"收购方":["甲公司"]}'],
    },
    "lines": {
        "ner": ["无", "地点：乙\n组织：甲公司\n地点：乙", '组织："\\"丙\\""'],
        "re": [
            "合作：甲 → 乙",
            "投资：甲 → 乙（时间：2020年；金额：1亿）",
            '合作："年（金额：1" → 乙',
        ],
        "re-pair": ["无", "无关系", "合作\n投资"],
        "ee": ["收购：\n- 环节：终止上市\n- 收购方：甲公司\n倒闭：\n收购：收购", "倒闭：收购"],
        "ee-trigger": ["收购：", "收购：收购\n倒闭：未完"],
        "ee-argument": ["环节：正式上市\n收购方：乙\n环节：未完"],
    },
    "code": {
        "ner": ["[]", 'Entity(type="地点", text="乙")\nEntity(type="组织", text="\\"丙\\"")'],
        "re": [
            'Relation(type="投资", head="甲", tail="乙", slots={"时间": "2020年", "金额": "亿"})'
        ],
        "re-pair": ["[]", 'Relation(type="合作")\nRelation(type="投资")'],
        "ee": [
            'Event(type="收购", trigger="乙", arguments=[Argument(role="环节", text="正式上市")])',
            'Event(type="倒闭", arguments=[])',
        ],
        "ee-trigger": ['Event(type="收购")\nEvent(type="收购", trigger="收购")'],
        "ee-argument": ['Argument(role="环节", text="终止上市")\nArgument(role="时间", text="年")'],
    },
    "tuple": {
        "ner": ["无", "(地点, 乙)\n(组织, 甲公司)", '(组织, "占 5%, 于")', "(组织, 占 5%,)"],
        "re": [
            "(甲, 合作, 乙)",
            "(甲, 投资, 乙, 时间=2020年, 金额=1亿)",
            "(甲, 投资, 5%,, 时间=年)",
        ],
        "re-pair": ["无", "(合作)\n(投资)"],
        "ee": ["(收购, , 环节=正式上市, 时间=年, 环节=未完)\n(倒闭, )", "(倒闭, 收购)"],
        "ee-trigger": ["(收购, )\n(收购, 收购)"],
        "ee-argument": ["(环节, 终止上市)\n(收购方, 乙)"],
    },
}

REFUSED = {
    "json": {
        "ner": [
            "",
            "{",
            '{"人物":["乙"]}',  # a label that was not asked
            '{"组织":["丁"]}',  # no span of the passage
            '{"组织":["乙收"]}',  # two spans joined
            '{"组织":[""]}',
            '{"组织":[]}',
            '{"组织":["丙\\"]}',  # half an escape
            '{"组织":["n占"]}',  # the other half
            '{"组织":["\n"]}',  # not escaped
            '{"组织":["\\u7532"]}',
            '{"组织": ["乙"]}',
            '{"组织":["乙"], "地点":["乙"]}',
            '{"组织":["乙"]} ',
            '{"组织":["乙"]}\n',
            '{"组织":["乙"]}{}',
            '{"组织":["乙"],"组织":["甲"]}',  # a label twice
            '{"组织":["乙"],}',
        ],
        "re": [
            '{"合作":[{"head":"甲"}]}',
            '{"合作":[{"head":"甲","tail":"乙","金额":"1亿"}]}',  # a slot of another relation
            '{"投资":[{"head":"甲","tail":"乙","金额":"1亿","金额":"1亿"}]}',
        ],
        "re-pair": ['["关系"]', '["合作","合作"]', "{}", '["合作", "投资"]'],
        "ee": [
            '{"倒闭":[{"trigger":"收购","arguments":{"时间":["年"]}}]}',  # a role of another type
            '{"收购":[{"trigger":null,"arguments":{}}]}',
            '{"收购":[{"trigger":"收购","arguments":{"时间":["正式上市"]}}]}',  # a class elsewhere
            '{"收购":[{"trigger":"收购"}]}',
        ],
        "ee-trigger": ['{"收购":[""]}', '{"收购":null}'],
        "ee-argument": ['{"环节":["筹备上市"]}', '{"收购方":[null]}'],
    },
    "lines": {
        "ner": [
            "",
            "人物：乙",
            "组织：丁",
            "组织：",
            "组织: 乙",
            "组织： 乙",
            "组织：乙 ",
            "组织：乙\n",
            "组织：乙\n\n地点：乙",
            "无\n组织：乙",
            '组织："丙"股份',  # bare words do not begin with a quote
            '组织："丙\\"',
            "组织：股份\n占",
            "组织：乙。",
        ],
        "re": [
            "合作：甲",
            "合作：甲 →乙",
            "合作：甲 → 乙（金额：1亿）",  # no slots; and such words only in quotes
            "投资：甲 → 乙（金额：1亿；金额：1亿）",
            "投资：甲 → 乙（）",
            "合作：（金额：1亿） →  → 乙",
            "合作：甲 → 年（金额：1亿",
        ],
        "re-pair": ["合作\n合作", "合作、投资", "关系"],
        "ee": ["- 时间：年", "倒闭：收购\n- 时间：年", "收购：收购\n时间：年", "收购：正式上市"],
        "ee-trigger": ["收购：空", "收购"],
        "ee-argument": ["- 时间：年", "时间：正式上市", "环节：筹备上市"],
    },
    "code": {
        "ner": [
            "",
            "[ ]",
            'Entity(type="人物", text="乙")',
            'Entity(type="组织", text="丁")',
            'Entity(type="组织", text="")',
            'Entity(type="组织",text="乙")',
            'Entity(type="组织", text="丙\\")',
            'Entity(type="组织", text="乙")\n',
            'Entity(type="组织", text=乙)',
            'Relation(type="组织", text="乙")',
        ],
        "re": [
            'Relation(type="合作", head="甲", tail="乙", slots={"金额": "1亿"})',
            'Relation(type="投资", head="甲", tail="乙", slots={})',
            'Relation(type="投资", head="甲", tail="乙", slots={"金额": "亿", "金额": "亿"})',
        ],
        "re-pair": ['Relation(type="合作")\nRelation(type="合作")', 'Relation(type="关系")'],
        "ee": [
            'Event(type="倒闭", arguments=[Argument(role="时间", text="年")])',
            'Event(type="收购", trigger="收购")',
            'Event(type="收购", arguments=[Argument(role="时间", text="正式上市")])',
        ],
        "ee-trigger": ['Event(type="收购", trigger="")', 'Event(type="收购", arguments=[])'],
        "ee-argument": ['Argument(role="人", text="乙")', 'Argument(role="环节", text="筹备上市")'],
    },
    "tuple": {
        "ner": [
            "",
            "(人物, 乙)",
            "(组织, 丁)",
            "(组织, )",
            "(组织,乙)",
            "(组织, 乙) ",
            "(组织, 乙)\n",
            "(组织, 乙",
            "组织, 乙",
            "(组织, 占 5%, 于)",
            '(组织, "丙\\")',
            '(组织, "丙"股)',
        ],
        "re": [
            "(甲, 合作)",
            "(甲, 合作, 乙, 金额=1亿)",
            "(甲, 投资, 乙, 金额=亿, 金额=亿)",
            "(合作, 甲, 乙)",
        ],
        "re-pair": ["(合作)\n(合作)", "(关系)", "(合作, 投资)", "合作"],
        "ee": ["(倒闭, 收购, 时间=年)", "(收购, 时间=年)", "(收购, 收购, 时间=正式上市)", "(收购)"],
        "ee-trigger": ["(收购)", "(收购, 空)"],
        "ee-argument": ["(环节, 筹备上市)", "(环节, )"],
    },
}


def rows(table):
    return [(name, sub, one) for name in table for sub in table[name] for one in table[name][sub]]


@pytest.mark.parametrize(("name", "subtask", "answer"), rows(ACCEPTED))
def test_an_answer_of_the_form_is_accepted_in_any_order(name, subtask, answer) -> None:
    answer_format(name).parse(answer, ASKED[subtask])
    assert allowed(name, ASKED[subtask], PASSAGE, answer)


@pytest.mark.parametrize(("name", "subtask", "answer"), rows(REFUSED))
def test_any_other_answer_is_refused(name, subtask, answer) -> None:
    assert not allowed(name, ASKED[subtask], PASSAGE, answer)


@pytest.mark.parametrize("name", format_names())
def test_every_form_has_a_grammar(name) -> None:
    assert grammar_of(Limits(name, ASKED["ner"], "甲")).startswith("start: ")


@pytest.mark.parametrize(("name", "nothing"), [("json", "{}"), ("code", "[]"), ("lines", "无")])
def test_an_event_type_without_roles_has_no_arguments(name, nothing) -> None:
    query = Query("ee-argument", (EE[1],), empty="无", event=EE[1])
    assert allowed(name, query, PASSAGE, nothing)
    assert not allowed(name, query, PASSAGE, nothing + nothing)


@pytest.mark.parametrize("count", [63, 64, 65, 80, 200])
def test_any_number_of_labels_may_be_asked(count) -> None:
    labels = tuple(Label(key=f"k{at}", name=f"名{at}") for at in range(count))
    query = Query("ner", labels)
    lists = [f'"{label.name}":["甲"]' for label in labels]
    assert allowed("json", query, "甲", f"{{{','.join(lists)}}}")
    assert allowed("json", query, "甲", f"{{{','.join(reversed(lists))}}}")
    assert not allowed("json", query, "甲", f"{{{lists[0]},{lists[0]}}}")


@pytest.mark.parametrize(
    ("name", "opening", "item", "comma", "closing"),
    [
        ("json", '{"组织":[', '"甲"', ",", "]}"),
        ("lines", "", "组织：甲", "\n", ""),
        ("code", "", 'Entity(type="组织", text="甲")', "\n", ""),
        ("tuple", "", "(组织, 甲)", "\n", ""),
    ],
)
def test_an_answer_cannot_go_on_without_end(name, opening, item, comma, closing) -> None:
    for times, fits in ((17, True), (60, False)):
        answer = opening + comma.join([item] * times) + closing
        assert allowed(name, ASKED["ner"], "甲", answer) == fits


def test_json_and_the_text_forms_escape_a_character_alike() -> None:
    from orjson import dumps

    for code in [*range(0xD800), *range(0xE000, 0x10000), 0x1F600]:
        assert dumps(chr(code)).decode("utf-8") == quoted(chr(code))
