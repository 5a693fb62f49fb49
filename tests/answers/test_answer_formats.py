import pytest
from answer_cases import EE, NA, NER, QUESTIONS, RE, items

from chinchilla.answers import Content, Query, answer_format, format_names, target
from chinchilla.errors import AnswerError, ConfigError
from chinchilla.schema import Argument, Entity, Event, Record, Relation

EVENTS = (
    Event(
        event_type="财经/交易-出售/收购",
        trigger="卖",
        arguments=(),
    ),
    Event(
        event_type="组织关系-裁员",
        trigger="裁员",
        arguments=(
            Argument(role="when", text="昨天"),
            Argument(role="who", text="甲：乙"),
            Argument(role="who", text=" 丙"),
        ),
    ),
    Event(event_type="组织关系-裁员", trigger=None, arguments=(Argument(role="who", text="丁"),)),
)
CONTENTS = {
    "ner": Content(
        entities=(
            Entity(type="LOC", text="北京"),
            Entity(type="ORG", text="甲：乙, 丙"),
            Entity(type="LOC", text="北京"),
        )
    ),
    "re": Content(
        relations=(
            Relation(predicate="join", head="甲", tail="乙（上海）"),
            Relation(
                predicate="invest", head="甲 → 乙", tail="丙", tail_slots={"amount": "1,000万"}
            ),
        )
    ),
    "re-pair": Content(relations=(Relation(predicate="unknown", head="甲", tail="乙"),)),
    "ee": Content(events=EVENTS),
    "ee-trigger": Content(events=EVENTS[:2]),
    "ee-argument": Content(events=EVENTS[1:2]),
}
GOLDEN = {
    ("json", "ner"): '{"组织":["甲：乙, 丙"],"地点":["北京","北京"]}',
    ("json", "re"): '{"投资":[{"head":"甲 → 乙","tail":"丙","金额":"1,000万"}],'
    '"合作":[{"head":"甲","tail":"乙（上海）"}]}',
    ("json", "re-pair"): '["无关系"]',
    ("json", "ee"): '{"裁员":[{"trigger":"裁员","arguments":{"裁员方":["甲：乙"," 丙"],'
    '"时间":["昨天"]}},{"arguments":{"裁员方":["丁"]}}],'
    '"出售/收购":[{"trigger":"卖","arguments":{}}]}',
    ("json", "ee-trigger"): '{"裁员":["裁员"],"出售/收购":["卖"]}',
    ("json", "ee-argument"): '{"裁员方":["甲：乙"," 丙"],"时间":["昨天"]}',
    ("lines", "ner"): "组织：甲：乙, 丙\n地点：北京\n地点：北京",
    ("lines", "re"): '投资："甲 → 乙" → 丙（金额：1,000万）\n合作：甲 → 乙（上海）',
    ("lines", "re-pair"): "无关系",
    ("lines", "ee"): '裁员：裁员\n- 裁员方：甲：乙\n- 裁员方：" 丙"\n- 时间：昨天\n'
    "裁员：\n- 裁员方：丁\n出售/收购：卖",
    ("lines", "ee-trigger"): "裁员：裁员\n出售/收购：卖",
    ("lines", "ee-argument"): '裁员方：甲：乙\n裁员方：" 丙"\n时间：昨天',
    ("code", "ner"): 'Entity(type="组织", text="甲：乙, 丙")\n'
    'Entity(type="地点", text="北京")\nEntity(type="地点", text="北京")',
    ("code", "re"): 'Relation(type="投资", head="甲 → 乙", tail="丙", slots={"金额": "1,000万"})\n'
    'Relation(type="合作", head="甲", tail="乙（上海）")',
    ("code", "re-pair"): 'Relation(type="无关系")',
    ("code", "ee"): 'Event(type="裁员", trigger="裁员", arguments=[Argument(role="裁员方", '
    'text="甲：乙"), Argument(role="裁员方", text=" 丙"), Argument(role="时间", text="昨天")])\n'
    'Event(type="裁员", arguments=[Argument(role="裁员方", text="丁")])\n'
    'Event(type="出售/收购", trigger="卖", arguments=[])',
    ("code", "ee-trigger"): 'Event(type="裁员", trigger="裁员")\n'
    'Event(type="出售/收购", trigger="卖")',
    ("code", "ee-argument"): 'Argument(role="裁员方", text="甲：乙")\n'
    'Argument(role="裁员方", text=" 丙")\nArgument(role="时间", text="昨天")',
    ("tuple", "ner"): '(组织, "甲：乙, 丙")\n(地点, 北京)\n(地点, 北京)',
    ("tuple", "re"): "(甲 → 乙, 投资, 丙, 金额=1,000万)\n(甲, 合作, 乙（上海）)",
    ("tuple", "re-pair"): "(无关系)",
    ("tuple", "ee"): '(裁员, 裁员, 裁员方=甲：乙, 裁员方=" 丙", 时间=昨天)\n'
    "(裁员, , 裁员方=丁)\n(出售/收购, 卖)",
    ("tuple", "ee-trigger"): "(裁员, 裁员)\n(出售/收购, 卖)",
    ("tuple", "ee-argument"): '(裁员方, 甲：乙)\n(裁员方, " 丙")\n(时间, 昨天)',
}
NOTHING = {"json": "{}", "lines": "无", "code": "[]", "tuple": "无"}
BAD = [
    ("json", "ner", '{"组织": "小米"}'),
    ("json", "ner", '{"组织": [null]}'),
    ("json", "ner", '{"组织": [""]}'),
    ("json", "ner", '["小米"]'),
    ("json", "re", '{"投资": [{"head": "甲"}]}'),
    ("json", "ee", '{"裁员": [{"trigger": "裁", "other": 1}]}'),
    ("lines", "ner", "小米公司"),
    ("lines", "ner", '组织："小米"公司'),
    ("lines", "re", "投资：甲"),
    ("lines", "re", "投资：甲 → 乙（金额：1亿）等"),
    ("lines", "ee", "- 裁员方：甲"),
    ("lines", "ee", "结果如下："),
    ("lines", "ner", ""),
    ("code", "ner", 'Entity(type="组织")'),
    ("code", "ner", 'Entity(type="组织", text="小米", type="地点")'),
    ("code", "re", 'Relation(type="投资", head="甲", tail="乙", slots=["丙"])'),
    ("code", "ner", ""),
    ("tuple", "ner", "(组织)"),
    ("tuple", "ner", "(组织, 小米, 北京)"),
    ("tuple", "ner", "组织, 小米"),
    ("tuple", "ee", "(裁员, 裁, 甲)"),
]


def test_every_module_with_dump_and_parse_is_a_form():
    assert format_names() == ("code", "json", "lines", "tuple")


def test_an_unknown_form_names_the_known_ones():
    with pytest.raises(ConfigError) as error:
        answer_format("yaml")
    assert str(error.value) == ("form 'yaml': no such answer format; use code, json, lines, tuple")


@pytest.mark.parametrize(("name", "subtask"), GOLDEN)
def test_an_answer_reads_as_the_prompt_describes_it(name, subtask):
    query = QUESTIONS[subtask]
    assert answer_format(name).dump(CONTENTS[subtask], query) == GOLDEN[name, subtask]
    assert (
        answer_format(name).dump(answer_format(name).parse(GOLDEN[name, subtask], query), query)
        == (GOLDEN[name, subtask])
    )


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("subtask", QUESTIONS)
def test_nothing_found_has_its_words(name, subtask):
    nothing = "[]" if (name, subtask) == ("json", "re-pair") else NOTHING[name]
    assert answer_format(name).dump(Content(), QUESTIONS[subtask]) == nothing
    assert answer_format(name).parse(nothing, QUESTIONS[subtask]) == Content()


@pytest.mark.parametrize(("name", "subtask", "answer"), BAD)
def test_an_answer_that_is_not_of_the_form_is_refused(name, subtask, answer):
    with pytest.raises(AnswerError):
        answer_format(name).parse(answer, QUESTIONS[subtask])


@pytest.mark.parametrize("name", format_names())
def test_what_was_not_asked_is_not_written(name):
    content = Content(entities=(Entity(type="TIME", text="今天"),))
    with pytest.raises(AnswerError) as error:
        answer_format(name).dump(content, QUESTIONS["ner"])
    assert str(error.value) == (
        "content: the label 'TIME' is not asked; take what is asked with chinchilla.answers.target"
    )


@pytest.mark.parametrize("name", format_names())
def test_a_name_that_was_not_asked_is_read_as_it_stands(name):
    other = Query("ner", (NER[0].model_copy(update={"name": "公司"}),))
    answer = answer_format(name).dump(Content(entities=(Entity(type="ORG", text="小米"),)), other)
    assert items(answer_format(name).parse(answer, QUESTIONS["ner"])) == [("公司", "小米")]


@pytest.mark.parametrize(
    ("subtask", "words"),
    [
        ("ner2", "question: no sub-task 'ner2'; use ner, re, re-pair, ee, ee-trigger, ee-argument"),
        ("re-pair", "question: re-pair without its pair; give head and tail"),
        ("ee-argument", "question: ee-argument without its type; give event"),
    ],
)
def test_a_query_that_lacks_a_part_is_refused(subtask, words):
    with pytest.raises(ConfigError) as error:
        Query(subtask, NER)
    assert str(error.value) == words


def record(**parts):
    whole = {"id": "x", "source": "x", "split": "dev", "text": "甲乙丙丁在昨天裁员，乙投资甲"}
    return Record.model_validate(whole | parts)


def test_located_entities_stand_by_place_and_others_as_annotated():
    located = [
        {"type": "ORG", "text": "丙", "start": 2, "end": 3},
        {"type": "ORG", "text": "甲", "start": 0, "end": 1},
        {"type": "TIME", "text": "昨天", "start": 5, "end": 7},
    ]
    bare = [{"type": one["type"], "text": one["text"]} for one in located]
    asked = [target(record(task="ner", entities=e), QUESTIONS["ner"]) for e in (located, bare)]
    assert [items(one) for one in asked] == [
        [("ORG", "甲"), ("ORG", "丙")],
        [("ORG", "丙"), ("ORG", "甲")],
    ]


@pytest.mark.parametrize(
    ("head", "tail", "labels", "na", "expected"),
    [
        ("甲", "乙", RE, NA, ["unknown"]),
        ("乙", "甲", RE, NA, ["invest", "join"]),
        ("乙", "甲", RE[1:], NA, ["join"]),
        ("乙", "甲", (), NA, ["unknown"]),
        ("甲", "乙", RE, None, []),
    ],
)
def test_a_pair_has_its_labels_or_the_negative_one(head, tail, labels, na, expected):
    pairs = record(
        task="re",
        relations=[
            {"predicate": "invest", "head": "乙", "tail": "甲", "tail_slots": {"amount": "丙"}},
            {"predicate": "invest", "head": "乙", "tail": "甲"},
            {"predicate": "join", "head": "乙", "tail": "甲"},
            {"predicate": "join", "head": "丙", "tail": "甲"},
        ],
        na_pairs=[{"predicate": "unknown", "head": "甲", "tail": "乙"}],
    )
    query = Query("re-pair", labels, na=na, head=head, tail=tail)
    assert items(target(pairs, query)) == [(key, head, tail, ()) for key in expected]


def test_events_of_one_type_and_trigger_share_their_arguments():
    events = [
        {
            "event_type": "组织关系-裁员",
            "trigger": "裁员",
            "arguments": [{"role": role, "text": text}, {"role": "place", "text": "在"}],
        }
        for role, text in (("who", "甲"), ("when", "昨天"))
    ]
    both = record(task="ee", events=events)
    assert items(target(both, QUESTIONS["ee-argument"])) == [
        ("组织关系-裁员", "裁员", (("who", "甲"), ("when", "昨天")))
    ]
    other = Query("ee-argument", EE, event=EE[1], trigger="裁员")
    assert target(both, other) == Content()
    assert items(target(both, QUESTIONS["ee-trigger"])) == [("组织关系-裁员", "裁员", ())] * 2
    assert items(target(both, QUESTIONS["ee"])) == [
        ("组织关系-裁员", "裁员", (("who", "甲"),)),
        ("组织关系-裁员", "裁员", (("when", "昨天"),)),
    ]
