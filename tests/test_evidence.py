"""Nothing of a file's labels is lost in silence: each record is as before, refused or counted."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chinchilla.corpus import evidence
from chinchilla.corpus import find as catalogue
from chinchilla.corpus.find import FoundSource
from chinchilla.errors import CardError, ChinchillaError, InputError, Tally
from chinchilla.schema import Record, Split

SAMPLES = Path(__file__).resolve().parent.parent / "raw" / "samples"
TRAIN = {
    "duie": "duie_train.json",
    "duee": "duee_train.json",
    "duee_fin": "duee_fin_train.json",
    "iree": "train.json",
}
OWN = {
    "cluener": (
        'entities = { list = "label.*.*.*", type = "$1", text = "$2", start = "0", end = "1" }\n'
        'offsets = "end-inclusive"\n',
        [
            {
                "text": "张三到北京了",
                "label": {"PER": {"张三": [[0, 1]]}, "LOC": {"北京": [[3, 4]]}},
            },
            {"text": "李四走了", "label": {"PER": {"李四": [[0, 1]]}}},
            {"text": "无事", "label": {}},
        ],
    ),
    "doccano": (
        'entities = { list = "entities", type = "label", start = "start_offset", '
        'end = "end_offset", id = "id" }\noffsets = "end-exclusive"\n',
        [
            {
                "text": "张三到北京了",
                "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2}],
            },
            {
                "text": "李四走了",
                "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 2}],
            },
            {"text": "无事", "entities": []},
        ],
    ),
    "studio": (
        'entities = { list = "annotations.0.result", type = "value.labels", text = "value.text", '
        'start = "value.start", end = "value.end", where = { type = "labels" } }\n'
        'offsets = "end-exclusive"\n',
        [
            {
                "data": {"text": "张三到北京了"},
                "annotations": [
                    {
                        "was_cancelled": False,
                        "result": [
                            {
                                "type": "labels",
                                "value": {"start": 0, "end": 2, "text": "张三", "labels": ["PER"]},
                            },
                            {"type": "choices", "value": {"choices": ["好"]}},
                        ],
                    }
                ],
            },
            {"data": {"text": "无事"}, "annotations": [{"was_cancelled": False, "result": []}]},
        ],
    ),
}
CARD = (
    'title = "x"\ntask = "ner"\n[labels]\nPER = {{ name = "人" }}\nLOC = {{ name = "地" }}\n'
    '[[editions]]\nsplits.train = ["train.json"]\nsplits.dev = ["dev.json"]\n'
    'splits.test = ["test.json"]\n[mapping]\ntext = "{text}"\n{rest}'
)
NAMES = [*TRAIN, *OWN]


def rows_of(source: str) -> list[dict[str, Any]]:
    if source in OWN:
        return list(OWN[source][1])
    lines = (SAMPLES / source / TRAIN[source]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:12]]


def own_card(source: str) -> str:
    return CARD.format(text="data.text" if source == "studio" else "text", rest=OWN[source][0])


def write(raw: Path, source: str, lines: list[str], split: Split = "train") -> Path:
    folder = raw / source
    folder.mkdir(parents=True, exist_ok=True)
    if source in OWN:
        (folder / "card.toml").write_text(own_card(source), encoding="utf-8")
    name = TRAIN.get(source, "train.json").replace("train", split)
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / name


def find(raw: Path, source: str) -> FoundSource:
    found = catalogue.find(catalogue.load_card(source, raw), raw, None, samples=False)
    assert found is not None
    return found


def read(raw: Path, source: str, split: Split = "train") -> tuple[list[Record], Tally]:
    """Read a split with errors counted; those of a whole file count too."""
    tally = Tally(forgiving=True)
    try:
        found = find(raw, source)
        tally.merge(found.tally)
        return list(catalogue.records(found, split, tally)), tally
    except ChinchillaError as error:
        tally.refuse(error)
        return [], tally


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of each key of an object, at any depth."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    own = [(*path, key) for key, _ in pairs if isinstance(value, dict)]
    return own + [one for key, inner in pairs for one in places(inner, (*path, key))]


def change(row: dict[str, Any], place: tuple[Any, ...], how: str, other: Any) -> str:
    """Write a row with one key renamed, dropped, repeated, or with another value."""
    row = json.loads(json.dumps(row))
    holder: Any = row
    for step in place[:-1]:
        holder = holder[step]
    key = place[-1]
    if how == "drop":
        del holder[key]
    elif how == "rename":
        items = [(other if name == key else name, value) for name, value in holder.items()]
        holder.clear()
        holder.update(items)
    elif how == "repeat":
        marked = f"{key}\u0001"
        holder[marked] = other
        return json.dumps(row, ensure_ascii=False).replace(json.dumps(marked)[1:-1], key)
    else:
        holder[key] = other
    return json.dumps(row, ensure_ascii=False)


def erases(row: dict[str, Any], place: tuple[Any, ...], how: str, other: Any) -> bool:
    """Tell whether a change takes labels away as a publisher would write it: nothing is wrong."""
    before: Any = row
    for step in place:
        before = before[step]
    emptied = how == "value" and other in ([], {}) and type(before) is type(other)
    # in an object of labels the keys are data
    of_label = place[0] == "label" and how != "rename" and (how, len(place)) != ("drop", 1)
    no_event = "title" in row and how == "drop" and place == ("event_list",)
    return emptied or (of_label and (how == "drop" or other in ([], {}))) or no_event


def labels(record: Record) -> int:
    events = sum(1 + len(event.arguments) for event in record.events)
    slots = sum(len(relation.tail_slots) for relation in record.relations)
    return len(record.entities) + len(record.relations) + events + slots


VALUES = st.sampled_from(
    [None, "", "甲", 0, 1, 7, True, 0.5, [], {}, [1], ["甲"], {"a": 1}, [None]]
)
WORDS = st.sampled_from(
    ["evnt_list", "entitys", "lables", "x", "abcdef", "argments", "结果", "Text"]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data(), st.sampled_from(NAMES))
def test_a_record_changed_in_one_key_is_as_before_refused_or_counted(
    tmp_path_factory, data, source
) -> None:
    raw = tmp_path_factory.mktemp("raw")
    rows = rows_of(source)
    number = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.sampled_from(places(rows[number])))
    how = data.draw(st.sampled_from(["drop", "rename", "repeat", "value"]))
    other = data.draw(WORDS if how == "rename" else VALUES)
    assume(not erases(rows[number], place, how, other))
    changed = change(rows[number], place, how, other)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write(raw, source, lines)
    before, quiet = read(raw, source)
    assert not quiet.refused
    write(raw, source, [*lines[:number], changed, *lines[number + 1 :]])
    after, tally = read(raw, source)
    told = sum(
        count.times - getattr(quiet, kind).get(reason, (0,))[0]
        for kind in ("refused", "mended", "warned")
        for reason, count in getattr(tally, kind).items()
    )
    told += sum(not one.labelled for one in after)
    assert told or [labels(one) for one in after] == [labels(one) for one in before]
    for message in [count.example for count in tally.refused.values()]:
        for word in ("NoneType", "concatenate", "'int'", "'str'", "subscript", "tuple", "dict"):
            assert word not in message, message


UNLABELLED: list[tuple[str, str, str, str, str]] = [
    ("duie", "duie_train.json", "duie_dev.json", '{"text": "甲", "spo_list": []}', ""),
    ("duie", "duie_train.json", "duie_dev.json", '{"text": "甲", "spo_list": null}', ""),
    ("duee", "duee_train.json", "duee_dev.json", '{"text": "甲", "id": "1"}', ""),
    ("duee_fin", "duee_fin_train.json", "duee_fin_dev.json", '{"text": "甲", "title": "乙"}', ""),
    ("iree", "train.json", "dev.json", '{"text": "甲"}', '{"text": "甲", "event_list": null}'),
    ("iree", "train.json", "dev.json", '{"text": "甲"}', '{"text": "甲", "event_list": []}'),
    ("msra", "train.bio", "test.bio", "甲\tO\n乙\tO\n", "丙\tO\n"),
    ("boson", "boson.train.bmes", "boson.dev.bmes", "甲 O\n乙 O\n", "丙 O\n"),
]


@pytest.mark.parametrize(("source", "train", "name", "one", "two"), UNLABELLED)
def test_a_split_without_labels_is_unlabelled_or_an_error_never_negatives(
    tmp_path, put, source, train, name, one, two
) -> None:
    good = (SAMPLES / source / train).read_text(encoding="utf-8")
    put(f"{source}/{train}", good)
    path = put(f"{source}/{name}", f"{one}\n{two}\n")
    raw, split = tmp_path / "raw", "test" if "test" in name else "dev"
    records, tally = read(raw, source, split)
    assert records
    assert not any(record.labelled for record in records)
    assert tally.warned["split-without-labels"].places == (str(path),)
    todo = tally.warned["split-without-labels"].todo
    assert f'"{split}"] under [[editions]]' in todo
    assert f" in {raw / source / 'card.toml'}, or add the labels" in todo
    put(f"{source}/{train}", f"{one}\n{two}\n")
    with pytest.raises((InputError, CardError)) as caught:
        find(raw, source)
    assert str(caught.value).startswith(str(raw / source / train))


@pytest.mark.parametrize(("pairs", "labelled"), [(evidence.MANY - 1, True), (evidence.MANY, False)])
def test_many_pairs_without_any_relation_are_a_split_without_labels(
    tmp_path, put, pairs, labelled
) -> None:
    put("finre/train.txt", "甲\t乙\t合作\t甲与乙合作\n")
    rows = (f"甲\t乙\tunknown\t甲与乙见面{number}次\n" for number in range(pairs))
    put("finre/valid.txt", "".join(rows))
    records, tally = read(tmp_path / "raw", "finre", "dev")
    assert {record.labelled for record in records} == {labelled}
    assert ("split-without-labels" in tally.warned) is not labelled


@pytest.mark.parametrize(
    ("annotations", "labelled"),
    [
        ("[]", False),
        ("null", False),
        ('[{"was_cancelled": true, "result": []}]', False),
        ('[{"was_cancelled": false, "result": []}]', True),
        ('[{"was_cancelled": true, "result": []}, {"result": []}]', True),
    ],
)
def test_a_task_of_label_studio_that_nobody_did_is_unlabelled(
    tmp_path, annotations, labelled
) -> None:
    good = json.dumps(OWN["studio"][1][0], ensure_ascii=False)
    row = f'{{"data": {{"text": "甲"}}, "annotations": {annotations}}}'
    write(tmp_path, "studio", [good, row, '{"data": {"text": "乙"}}'])
    records, tally = read(tmp_path, "studio")
    assert not tally.refused
    assert [record.labelled for record in records] == [True, labelled, False]


def test_a_list_path_in_no_record_is_an_error_with_the_nearest_key(tmp_path) -> None:
    card = own_card("doccano").replace('list = "entities"', 'list = "entites"')
    path = write(tmp_path, "doccano", [json.dumps(row) for row in OWN["doccano"][1]])
    (path.parent / "card.toml").write_text(card, encoding="utf-8")
    with pytest.raises(CardError) as caught:
        find(tmp_path, "doccano")
    assert str(caught.value).startswith(
        f"{path}: no record has entities.list 'entites'; the first has the keys text, entities, "
        "the nearest is 'entities'; "
    )


@pytest.mark.parametrize("key", ["entitys", "labels", "xyz"])
def test_a_record_whose_list_has_another_name_is_refused_with_its_line(tmp_path, key) -> None:
    rows = [*OWN["doccano"][1]]
    rows[1] = {"text": rows[1]["text"], key: rows[1]["entities"]}
    path = write(tmp_path, "doccano", [json.dumps(row, ensure_ascii=False) for row in rows])
    records, tally = read(tmp_path, "doccano")
    assert [record.id for record in records] == ["doccano-train-000001", "doccano-train-000003"]
    assert tally.refused["bad-record"].example == (
        f"{path}:2: no list 'entities', but there is {key!r}; "
        f"correct the line, or [mapping] in {path.parent / 'card.toml'}"
    )


@pytest.mark.parametrize("source", ["finre", "sanwen"])
def test_a_sentence_whose_only_relation_cannot_be_read_is_no_negative(
    tmp_path, put, source
) -> None:
    name = "合作" if source == "finre" else "Located"
    rows = [
        f"甲\t乙\t{name}\t甲与乙",
        "甲\t乙\t甲与乙吵",
        "甲\t吵\tunknown\t甲与乙吵",
        f"甲\t丙\t{name}\t甲与丙",
        "甲\t甲与丙",
    ]
    put(f"{source}/train.txt", "".join(f"{row}\n" for row in rows))
    records, tally = read(tmp_path / "raw", source)
    assert [(one.text, one.labelled) for one in records] == [
        ("甲与乙", True),
        ("甲与乙吵", False),
        ("甲与丙", True),
    ]
    assert tally.refused["wrong-number-of-fields"].times == 2


def test_an_empty_list_beside_one_of_a_near_name_is_warned_of(tmp_path) -> None:
    good = OWN["doccano"][1][0]
    (name,) = (key for key, value in good.items() if isinstance(value, list))
    rows = [good, good | {name: []}, {**good, name: [], f"{name}s": good[name]}]
    path = write(tmp_path, "doccano", [json.dumps(row, ensure_ascii=False) for row in rows])
    records, tally = read(tmp_path, "doccano")
    assert [bool(one.entities) for one in records] == [True, False, False]
    assert tally.warned[f"empty-list-{name}"].places == (f"{path}:3",)


def test_a_list_that_is_missing_in_some_records_is_counted_with_its_places(tmp_path) -> None:
    rows = [*OWN["doccano"][1], {"text": "甲"}, {"text": "乙", "entities": None}]
    path = write(tmp_path, "doccano", [json.dumps(row, ensure_ascii=False) for row in rows])
    _, tally = read(tmp_path, "doccano")
    assert tally.warned["no-list-entities"].times == 2
    assert tally.warned["no-list-entities"].places == (f"{path}:4", f"{path}:5")


def test_labels_of_a_split_that_the_card_says_has_none_are_counted(tmp_path, put) -> None:
    good = (SAMPLES / "duie/duie_train.json").read_text(encoding="utf-8")
    put("duie/duie_train.json", good)
    put("duie/duie_test1.json", good)
    _, tally = read(tmp_path / "raw", "duie", "test")
    assert tally.warned["labels-not-read"].times == sum(
        '"spo_list": []' not in line for line in good.splitlines()
    )


def renamed(value: Any, name: str, other: str) -> Any:
    """Rename a key wherever it stands."""
    if isinstance(value, dict):
        return {
            other if key == name else key: renamed(one, name, other) for key, one in value.items()
        }
    return [renamed(one, name, other) for one in value] if isinstance(value, list) else value


KEYS = {
    "duie": "text spo_list predicate subject subject_type object object_type @value",
    "duee": "text event_list event_type trigger trigger_start_index arguments role argument "
    "argument_start_index",
    "duee_fin": "text title event_list event_type trigger arguments role argument",
    "iree": "text event_list event_type trigger trigger_start_index arguments role argument "
    "argument_start_index",
    "cluener": "text label",
    "doccano": "text entities label start_offset end_offset id",
    "studio": "data text annotations result value start end labels type",
}


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize("other", ["qqq", "Near"])
@pytest.mark.parametrize(
    ("source", "key"), [(source, key) for source in KEYS for key in KEYS[source].split()]
)
def test_a_key_misspelt_in_every_record_of_a_file_is_refused(
    tmp_path, source, key, other, split
) -> None:
    rows = rows_of(source)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write(tmp_path, source, lines)
    other = f"{key[:-1]}_" if other == "Near" else other
    wrong = [json.dumps(renamed(row, key, other), ensure_ascii=False) for row in rows]
    write(tmp_path, source, wrong, split)
    records, tally = read(tmp_path, source, split)
    empty = sum(labels(record) == 0 and record.labelled for record in records)
    given = [row for row in rows if not any(row.get(name) for name in ("spo_list", "event_list"))]
    assert tally.refused or key == "type"
    assert source in OWN or empty <= len(given)
    if key == "type":
        assert tally.warned or tally.fixed or tally.refused


BY_ID = """title = "我的"
task = "re"
na = "无"
[[editions]]
splits.train = ["train.json"]
splits.dev = ["dev.json"]
[mapping]
text = "text"
entities = { list = "ents", type = "t", text = "x", id = "id" }
relations = { list = "rels", predicate = "p", head = "h", tail = "o", by_id = true }
[labels]
"任职" = { name = "任职" }
"无" = { name = "无关系" }
[types]
PER = { name = "人名" }
"""


def related(*predicates: str) -> str:
    ents = [{"id": 1, "t": "PER", "x": "张三"}, {"id": 2, "t": "PER", "x": "李四"}]
    rels = [{"p": predicate, "h": 1, "o": 2} for predicate in predicates]
    return json.dumps({"text": "张三请李四", "ents": ents, "rels": rels}, ensure_ascii=False) + "\n"


def test_entities_beside_empty_relations_do_not_label_a_split(tmp_path, put) -> None:
    put("my/card.toml", BY_ID)
    put("my/train.json", related("任职") + related())
    put("my/dev.json", related() * 2)
    records, tally = read(tmp_path / "raw", "my", "dev")
    assert [record.labelled for record in records] == [False, False]
    assert "split-without-labels" in tally.warned
    put("my/train.json", related() * 2)
    with pytest.raises(InputError, match="no record of this training file has a label"):
        find(tmp_path / "raw", "my")


def test_a_training_file_of_pairs_without_relation_alone_is_warned_of(tmp_path, put) -> None:
    put("my/card.toml", BY_ID)
    path = put("my/train.json", related("无") * 2)
    pair = put("finre/train.txt", "甲\t乙\tunknown\t甲与乙\n")
    for source, where in (("my", path), ("finre", pair)):
        assert find(tmp_path / "raw", source).tally.warned["no-relation-in-the-file"].places == (
            str(where),
        )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"event_list": None}, "event_list is null, not a list"),
        ({"event_list": [{"trigger": "买", "event_type": "公司上市"}]}, "no 'arguments' in event"),
        (
            {"event_list": [{"trigger": "买", "event_type": "公司上市", "argument": []}]},
            "no 'arguments' in event_list.0, but there is 'argument'",
        ),
        ({"gold": []}, "no 'event_list', but there is 'gold'"),
    ],
)
def test_a_document_of_duee_fin_says_which_key_is_wrong(tmp_path, put, row, words) -> None:
    good = (SAMPLES / "duee_fin/duee_fin_train.json").read_text(encoding="utf-8")
    line = json.dumps({"text": "甲买了", "title": "乙", **row}, ensure_ascii=False)
    put("duee_fin/duee_fin_train.json", f"{good}{line}\n")
    _, tally = read(tmp_path / "raw", "duee_fin")
    assert words in tally.refused["bad-record"].example


@pytest.mark.parametrize("start", [True, 0.0, "0", None])
def test_an_offset_of_duee_is_a_whole_number(tmp_path, put, start) -> None:
    good = (SAMPLES / "duee/duee_train.json").read_text(encoding="utf-8")
    row = json.loads(good.split("\n")[0])
    row["event_list"][0]["arguments"][0]["argument_start_index"] = start
    put("duee/duee_train.json", good + json.dumps(row, ensure_ascii=False) + "\n")
    _, tally = read(tmp_path / "raw", "duee")
    example = tally.refused["bad-record"].example
    assert "arguments.0.argument_start_index is " in example
    assert "not a whole number" in example
