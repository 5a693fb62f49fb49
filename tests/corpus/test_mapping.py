"""Any JSON data set by a card with a field mapping alone."""

import orjson
import pytest

from chinchilla.corpus import find as catalogue
from chinchilla.errors import CardError, ChinchillaError
from chinchilla.tally import Tally

HEAD = 'title = "我的数据"\ntask = "{task}"\n[[editions]]\nsplits.train = ["train.json"]\n'
NER = (
    HEAD.format(task="ner")
    + '[labels]\nPER = {{ name = "人名" }}\n[mapping]\ntext = "text"\n{rest}'
)


def read(tmp_path, put, card: str, data: str) -> list:
    put("mine/card.toml", card)
    put("mine/train.json", data)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("mine", raw), raw)
    return list(catalogue.records(found, "train", Tally()))


ENTITIES = [
    (
        'offsets = "none"\nentities = { list = "ents", type = "label", text = "word" }',
        '{"text": "张三来了", "ents": [{"label": "PER", "word": "张三"}]}',
        (None, None),
    ),
    (
        'offsets = "start"\n'
        'entities = { list = "ents", type = "label", text = "word", start = "at" }',
        '{"text": "张三来了", "ents": [{"label": "PER", "word": "张三", "at": 0}]}',
        (0, 2),
    ),
    (
        'offsets = "end-exclusive"\n'
        'entities = { list = "entity_list", type = "entity_type", text = "entity", '
        'start = "entity_index.begin", end = "entity_index.end" }',
        '{"text": "张三来了", "entity_list": [{"entity_index": {"begin": 0, "end": 2}, '
        '"entity_type": "PER", "entity": "张三"}]}',
        (0, 2),
    ),
    (
        'offsets = "end-inclusive"\n'
        'entities = { list = "label.*.*.*", type = "$1", text = "$2", start = "0", end = "1" }',
        '{"text": "张三来了", "label": {"PER": {"张三": [[0, 1]]}}}',
        (0, 2),
    ),
    (
        'offsets = "end-exclusive"\n'
        'entities = { list = "label", type = "2", start = "0", end = "1" }',
        '{"text": "张三来了", "label": [[0, 2, "PER"]]}',
        (0, 2),
    ),
]


@pytest.mark.parametrize(("mapping", "row", "offsets"), ENTITIES)
def test_entities_are_read_with_offsets_of_every_kind(tmp_path, put, mapping, row, offsets) -> None:
    [record] = read(tmp_path, put, NER.format(rest=mapping), row + "\n")
    [entity] = record.entities
    assert (entity.type, entity.text, entity.start, entity.end) == ("PER", "张三", *offsets)
    assert record.id == "mine-train-000001"


TITLES = [
    ("title", '"title": "题"', "题"),
    ("meta.title", '"meta": {"title": "题"}', "题"),
    ("titles.1", '"titles": ["甲", "乙"]', "乙"),
    ("meta.title", '"meta": {}', None),
    ("meta.title", '"meta": null', None),
    ("meta.title", '"meta": "题"', None),
    ("title", '"title": null', None),
]


@pytest.mark.parametrize(("path", "field", "title"), TITLES)
def test_the_title_is_where_its_path_leads(tmp_path, put, path, field, title) -> None:
    entities = 'entities = { list = "ents", type = "label", text = "word" }'
    card = NER.format(rest=f'title = "{path}"\n{entities}')
    ents = '"ents": [{"label": "PER", "word": "张三"}]'
    [record] = read(tmp_path, put, card, f'{{"text": "张三来了", {ents}, {field}}}')
    assert record.title == title


def test_relations_are_read_from_names_and_from_entity_ids(tmp_path, put) -> None:
    card = (
        HEAD.format(task="re")
        + '[labels]\n"住" = { name = "住在" }\n[types]\nPER = { name = "人" }\n'
    )
    card += '[mapping]\ntext = "content"\n'
    plain = card + 'relations = { list = "spo", predicate = "p", head = "s", tail = "o.@value" }'
    row = '{"content": "张三住北京", "spo": [{"p": "住", "s": "张三", "o": {"@value": "北京"}}]}'
    [record] = read(tmp_path, put, plain, row)
    assert [(r.predicate, r.head, r.tail, r.head_start) for r in record.relations] == [
        ("住", "张三", "北京", None)
    ]
    by_id = card + (
        'offsets = "end-exclusive"\n'
        'entities = { list = "ents", id = "id", type = "l", start = "s", end = "e" }\n'
        'relations = { list = "rels", predicate = "t", head = "from", tail = "to", by_id = true }\n'
    )
    row = (
        '{"content": "张三住北京", "ents": [{"id": 7, "l": "PER", "s": 0, "e": 2}, '
        '{"id": 9, "l": "PER", "s": 3, "e": 5}], "rels": [{"t": "住", "from": 7, "to": 9}]}'
    )
    [record] = read(tmp_path, put, by_id, row)
    [relation] = record.relations
    assert (relation.head, relation.tail, relation.head_start, relation.tail_start) == (
        "张三",
        "北京",
        0,
        3,
    )


def test_events_are_read_with_their_arguments(tmp_path, put) -> None:
    card = HEAD.format(task="ee") + (
        '[labels]\n"裁员" = { name = "裁员", roles = ["公司"] }\n'
        '[roles]\n"公司" = { name = "公司" }\n'
        '[mapping]\ntext = "text"\noffsets = "start"\n'
        'events = { list = "events", type = "type", trigger = "trigger.text", '
        'trigger_start = "trigger.offset" }\n'
        'arguments = { list = "args", role = "role", text = "text", start = "offset" }\n'
    )
    row = (
        '{"text": "甲厂裁员", "events": [{"type": "裁员", '
        '"trigger": {"text": "裁员", "offset": 2}, '
        '"args": [{"role": "公司", "text": "甲厂", "offset": 0}]}]}'
    )
    [record] = read(tmp_path, put, card, row)
    [event] = record.events
    assert (event.event_type, event.trigger, event.trigger_start) == ("裁员", "裁员", 2)
    assert [(a.role, a.text, a.start, a.end) for a in event.arguments] == [("公司", "甲厂", 0, 2)]


def test_a_mapping_that_does_not_fit_shows_the_keys_and_what_was_tried(tmp_path, put) -> None:
    card = NER.format(rest='entities = { list = "ents", type = "label", text = "word" }')
    with pytest.raises(ChinchillaError) as caught:
        read(tmp_path, put, card, '{"sentence": "张三", "tags": []}')
    assert str(caught.value) == (
        f"{tmp_path / 'raw/mine/train.json'}:1: no field 'text'; the record has the keys "
        "sentence, tags; tried text='text' offsets='none' entities.list='ents' "
        "entities.type='label' entities.text='word'; "
        f"correct [mapping] in {tmp_path / 'raw/mine/card.toml'}"
    )


def test_a_user_card_overrides_ours_and_adds_labels(tmp_path, put) -> None:
    put("finre/card.toml", '[labels]\n"结盟" = { name = "结盟" }\n')
    put("finre/train.txt", "甲\t乙\t结盟\t甲与乙结盟\n")
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("finre", raw), raw)
    [record] = catalogue.records(found, "train", Tally())
    assert record.relations[0].predicate == "结盟"


CARDS = [
    (
        HEAD.format(task="ner") + '[[editions]]\nsplits.dev = ["dev.json"]\n',
        "two [[editions]] are of the name 'default'; make one table of them, or give one another "
        "name",
    ),
    (
        'title = "x"\ntask = "ner"\n',
        "editions: is missing; see docs/en/cards.md for the fields of a card",
    ),
    (
        "title = ",
        "not TOML (Invalid value (at end of document)); correct the card; put every string in "
        "quotes, and every key that is not ASCII",
    ),
    (
        HEAD.format(task="re") + '[labels]\na = { name = "甲" }\nb = { name = "甲" }\n',
        "labels 'a' and 'b' are both named '甲'; give each label a name of its own",
    ),
    (
        NER.format(rest='entities = { list = "l.*.*", type = "$x", start = "0" }'),
        "mapping.entities: the path '$x' names no star; its list has 2 of them; "
        "see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.format(rest='entities = { list = "l.*.*", type = "$3", start = "0" }'),
        "mapping.entities: the path '$3' names no star; its list has 2 of them; "
        "see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.replace('text = "text"', 'text = "l.*"').format(rest=""),
        "mapping.text: the path 'l.*' has a star; name one key in its place; "
        "see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.format(rest='title = "l.*.t"'),
        "mapping.title: the path 'l.*.t' has a star; name one key in its place; "
        "see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.format(rest='title = "$1"'),
        "mapping.title: the path '$1' names no star; its list has 0 of them; "
        "see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.format(rest='id = "id"'),
        "mapping.id: is not known here; see docs/en/cards.md for the fields of a card",
    ),
    (
        NER.replace('text = "text"', 'text = "$1"').format(rest=""),
        "mapping.text: the path '$1' names no star; its list has 0 of them; "
        "see docs/en/cards.md for the fields of a card",
    ),
    *(
        (
            NER.format(rest=f"{offsets}\n{name} = {{ list = 'l', {fields} }}"),
            f"mapping: {name} without text need start and end, and "
            'offsets = "end-exclusive" or "end-inclusive"; '
            "see docs/en/cards.md for the fields of a card",
        )
        for offsets, name, fields in (
            ("offsets = 'start'", "entities", "type = 't', start = 's'"),
            ("offsets = 'start'", "entities", "type = 't', start = 's', end = 'e'"),
            ("offsets = 'end-exclusive'", "entities", "type = 't', start = 's'"),
            ("offsets = 'end-inclusive'", "entities", "type = 't', end = 'e'"),
            ("", "entities", "type = 't', start = 's', end = 'e'"),
            ("offsets = 'start'", "arguments", "role = 'r', start = 's'"),
        )
    ),
    (
        HEAD.format(task="ee") + '[labels]\na = { name = "甲", roles = ["时间"] }\n',
        "label 'a' uses the role '时间'; describe it under [roles]",
    ),
    (
        f'na = "b"\n{HEAD.format(task="re")}'
        '[labels]\na = { name = "无" }\nb = { name = "无" }\n',
        "labels 'a' and 'b' are both named '无'; give each label a name of its own",
    ),
    (
        HEAD.format(task="re") + '[labels]\na = { name = "甲", slots = ["s", "t"] }\n'
        '[slots]\ns = { name = "时间" }\nt = { name = "时间" }\n',
        "slots 's' and 't' of 'a' are both named '时间'; give each slot a name of its own",
    ),
    (
        HEAD.format(task="ee") + '[labels]\na = { name = "甲", roles = ["s", "t"] }\n'
        '[roles]\ns = { name = "时间" }\nt = { name = "时间" }\n',
        "roles 's' and 't' of 'a' are both named '时间'; give each role a name of its own",
    ),
    *(
        (
            HEAD.format(task="re") + '[labels]\na = { name = "甲", slots = ["s"] }\n'
            f'[slots]\ns = {{ name = "{end}" }}\n',
            f"the slot 's' is named '{end}', as an end of a relation is; give it another name",
        )
        for end in ("head", "tail")
    ),
]


@pytest.mark.parametrize(("card", "message"), CARDS)
def test_a_card_that_cannot_be_used_says_why(tmp_path, put, card, message) -> None:
    path = put("mine/card.toml", card)
    with pytest.raises(ChinchillaError) as caught:
        catalogue.load_card("mine", tmp_path / "raw")
    assert str(caught.value) == f"{path}: {message}"


def test_the_negative_label_may_be_of_another_edition(tmp_path, put) -> None:
    card = 'title = "x"\ntask = "re"\nna = "N"\n'
    card += '[[editions]]\nname = "a"\nsplits.train = ["a.json"]\n'
    card += '[[editions]]\nname = "b"\nsplits.train = ["b.json"]\n'
    card += '[labels]\nA = { name = "甲" }\nN = { name = "无", only = "b" }\n'
    put("mine/card.toml", card)
    found = catalogue.load_card("mine", tmp_path / "raw")
    assert found.label_set("a").na is None
    assert found.label_set("b").na.name == "无"


STUDIO = (
    '[mapping]\ntext = "text"\noffsets = "end-exclusive"\n'
    'entities = { list = "annotations.*.result", id = "id", type = "value.labels", '
    'start = "value.start", end = "value.end", where = { type = "labels" } }\n'
    'relations = { list = "annotations.*.result", predicate = "labels", head = "from_id", '
    'tail = "to_id", by_id = true, where = { type = "relation" } }\n'
    '[labels]\n"住" = { name = "住在" }\n[types]\nPER = { name = "人" }\nLOC = { name = "地" }\n'
)


def span(name: str, start: int, end: int, *labels: str) -> dict[str, object]:
    return {
        "id": name,
        "type": "labels",
        "value": {"start": start, "end": end, "labels": list(labels)},
    }


def task(*items: dict[str, object]) -> str:
    row = {"text": "张三住北京", "annotations": [{"was_cancelled": False, "result": items}]}
    return orjson.dumps(row).decode()


LINK = {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["住"]}


def test_spans_and_relations_of_one_list_are_separated(tmp_path, put) -> None:
    data = task(span("a", 0, 2, "PER"), span("b", 3, 5, "LOC", "PER"), LINK)
    [record] = read(tmp_path, put, HEAD.format(task="re") + STUDIO, data)
    assert [(one.type, one.text) for one in record.entities] == [
        ("PER", "张三"),
        ("LOC", "北京"),
        ("PER", "北京"),
    ]
    assert [(one.predicate, one.head, one.tail) for one in record.relations] == [
        ("住", "张三", "北京")
    ]


BY_ID = [
    (task(span("a", 0, 2, "PER"), span("a", 3, 5, "LOC"), LINK), "two entities have the id 'a'"),
    (task(span("a", 0, 2, "PER"), span("a", 0, 2, "PER"), LINK), "the entity of the id 'a' comes"),
    (task(span("a", 0, 2, "PER"), LINK), "no entity has the id 'b', the tail of a relation"),
    (
        task(span("a", 0, 2), LINK),
        "'value.labels' of an item of 'annotations.*.result' is an empty",
    ),
    (task(span("a", 0, 2, "ORG"), LINK), "no entity has the id 'b'"),
]


@pytest.mark.parametrize(("data", "message"), BY_ID)
def test_ids_that_name_no_entity_or_two_are_refused(tmp_path, put, data, message) -> None:
    with pytest.raises(ChinchillaError) as caught:
        read(tmp_path, put, HEAD.format(task="re") + STUDIO, data)
    assert str(caught.value).startswith(f"{tmp_path / 'raw/mine/train.json'}:1: {message}")


IGNORED = [
    ('entities = { list = "e", type = "t", text = "w", end = "e" }', "entities.start is not"),
    (
        'entities = { list = "e", type = "t", text = "w" }\n'
        'arguments = { list = "a", role = "r", text = "w" }',
        "arguments are mapped and events are not",
    ),
    ('entities = { list = "e", type = "t", text = "w" }\noffsets_unit = "utf-16"', "no offset is"),
    ('relations = { list = "r", predicate = "p", head = "h", tail = "t", by_id = true }', "map"),
    ('events = { list = "e", type = "t", trigger_start = "s" }', "events.trigger is not"),
    (
        'relations = { list = "r", predicate = "p", head = "h", tail = "t" }',
        "entities are not mapped",
    ),
]


@pytest.mark.parametrize(("rest", "message"), IGNORED)
def test_a_mapping_of_which_a_part_would_not_be_read_is_refused(
    tmp_path, put, rest, message
) -> None:
    put("mine/card.toml", NER.format(rest=rest))
    with pytest.raises(CardError, match=message):
        catalogue.load_card("mine", tmp_path / "raw")


NEAR = [
    ("per", "where 'PER' differs in letter case, width or blanks alone"),
    ("ＰＥＲ", "where 'PER' differs in letter case, width or blanks alone"),
    ("organisatoin", "the nearest is 'organisation'"),
]


@pytest.mark.parametrize(("label", "words"), NEAR)
def test_an_unknown_label_is_shown_with_the_nearest_one(tmp_path, put, label, words) -> None:
    card = NER.format(rest='entities = { list = "e", type = "l", text = "w" }')
    card = card.replace("[mapping]", 'organisation = { name = "机构" }\n[mapping]')
    data = f'{{"text": "张三", "e": [{{"l": "{label}", "w": "张三"}}]}}'
    with pytest.raises(ChinchillaError) as caught:
        read(tmp_path, put, card, data)
    assert f"the label {label!r} is not on the card of mine, {words}; " in str(caught.value)


@pytest.mark.parametrize("value", ["null", '""'])
@pytest.mark.parametrize("source", ["duee", "iree"])
def test_an_event_without_a_trigger_has_no_place_of_one(tmp_path, put, source, value) -> None:
    kind = {"duee": "组织关系-裁员", "iree": "业绩预增"}[source]
    event = f'{{"event_type": "{kind}", "trigger": {value}, "trigger_start_index": 2, '
    line = f'{{"text": "甲厂裁员", "id": "1", "event_list": [{event}"arguments": []}}]}}'
    put(f"{source}/train.json", line)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card(source, raw), raw)
    tally = Tally()
    [record] = catalogue.records(found, "train", tally)
    [one] = record.events
    assert (one.trigger, one.trigger_start) == (None, None)
    assert tally.fixed["trigger-start-without-trigger"].times == 1
