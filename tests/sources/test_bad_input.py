"""Bad input of a whole source: one line says where, what and what next; nothing is lost."""

import re

import orjson
import pytest

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.check import schema_surprises
from chinchilla.errors import ChinchillaError, InputError
from chinchilla.tally import Tally

TODO = "correct the line or leave it out"


def duee(**changes: object) -> str:
    event = {
        "event_type": "组织关系-裁员",
        "trigger": "裁员",
        "trigger_start_index": 2,
        "arguments": [
            {"argument_start_index": 0, "role": "裁员方", "argument": "甲厂", "alias": []}
        ],
        "class": "组织关系",
    }
    return orjson.dumps({"text": "甲厂裁员", "id": "0", "event_list": [event | changes]}).decode()


CASES = [
    (
        "duee",
        "duee/duee_train.json",
        duee() + "\n" + duee(trigger_start_index=1),
        "{path}:2: offset 1:3 quotes '厂裁', not '裁员'; " + TODO,
    ),
    (
        "duee",
        "duee/duee_train.json",
        duee(event_type="组织关系-搬家"),
        "{path}:1: the label '组织关系-搬家' is not on the card of duee; "
        "correct the line, or describe the label in {raw}/duee/card.toml",
    ),
    (
        "duee",
        "duee/duee_train.json",
        duee(arguments=[{"argument_start_index": 0, "role": "老板", "argument": "甲厂"}]),
        "{path}:1: the role '组织关系-裁员/老板' is not on the card of duee; "
        "correct the line, or describe the role in {raw}/duee/card.toml",
    ),
    (
        "duee",
        "duee/duee_train.json",
        '{"text": "甲厂裁员", "id": "0"}',
        "{path}: no record of this training file has a label; "
        "put the labelled file there, or correct how {raw}/duee/card.toml says it is read",
    ),
    (
        "duie",
        "duie/duie_train.json",
        '{"text": "甲书是乙写的", "spo_list": [{"predicate": "作者", "subject": "甲书"}]}',
        "{path}:1: no 'subject_type' in spo_list.0; compare the line with the format of DuIE",
    ),
    (
        "finre",
        "finre/train.txt",
        "甲\t乙\t结盟\t甲与乙结盟\n",
        "{path}:1: the label '结盟' is not on the card of finre; "
        "correct the line, or describe the label in {raw}/finre/card.toml",
    ),
    (
        "finre",
        "finre/train.txt",
        "甲\t丙\t合作\t甲与乙合作\n",
        "{path}:1: '丙' is not in the text; " + TODO,
    ),
    (
        "msra",
        "msra/train.bio",
        "中\tO\n国\tI-LOC\n人\tO\n",
        "{path}:2: the tag I-LOC begins an entity, as in IOB1; BIO is read; "
        "convert the tags to BIO (IOB2): begin every entity with B-",
    ),
    (
        "msra",
        "msra/train.bio",
        "中\tB-LOC\n国\tI-LOC\n人\tI-PER\n",
        "{path}:3: wrong tag sequence: I-PER after I-LOC; begin each entity with B-",
    ),
    (
        "msra",
        "msra/train.bio",
        "中\tB-GPE\n国\tI-GPE\n",
        "{path}:1: the label 'GPE' is not on the card of msra; "
        "correct the line, or describe the label in {raw}/msra/card.toml",
    ),
    (
        "boson",
        "boson/boson.train.bmes",
        "中 M-location\r\n国 E-location\r\n",
        "{path}:1: wrong tag sequence: M-location after the start; begin each entity with B-",
    ),
]


@pytest.mark.parametrize(("source", "name", "content", "message"), CASES)
def test_a_record_that_does_not_fit_its_source_is_one_line(
    tmp_path, put, source, name, content, message
) -> None:
    path = put(name, content)
    raw = tmp_path / "raw"
    with pytest.raises(ChinchillaError) as caught:
        found = catalogue.find(catalogue.load_card(source, raw), raw, None, samples=False)
        for split in ("train", "dev"):
            list(catalogue.records(found, split, Tally()))
    assert str(caught.value) == message.format(path=path, raw=raw)
    assert "\n" not in str(caught.value)


TRIPLE = (
    '{"text": "甲书是乙写的", "spo_list": [{"predicate": "作者", "subject": "甲书", "object": '
    '{"@value": "乙"}, "subject_type": "图书作品", "object_type": {"@value": "人物"}}]}'
)


@pytest.mark.parametrize("spos", ["5", "[1]", '["x", {}]', "{}", '""', "null"])
def test_what_is_no_list_of_triples_is_counted_where_the_user_asked_to_go_on(
    tmp_path, put, spos
) -> None:
    put("duie/duie_train.json", f'{{"text": "甲", "spo_list": {spos}}}\n{TRIPLE}\n')
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("duie", raw), raw, None, samples=False)
    tally = Tally(forgiving=True)
    texts = [record.text for record in catalogue.records(found, "train", tally)]
    assert texts == ["甲书是乙写的"]
    assert sum(count.times for count in tally.refused.values()) == 1


@pytest.mark.parametrize("row", ['{"id": 1}', '{"event_type": ["a"]}'])
def test_a_label_file_that_is_another_file_is_one_line(tmp_path, put, row) -> None:
    put("duee/duee_train.json", duee())
    path = put("duee/duee_event_schema.json", row)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("duee", raw), raw, None, samples=False)
    assert schema_surprises(found) == [
        f"{path}:1: no string under 'event_type'; was another file put under this name?"
    ]


def test_an_error_of_a_brat_relation_names_its_line_and_loses_it_alone(tmp_path, put) -> None:
    put("sanwen/train/a.txt", "外婆爱别人。")
    put("sanwen/train/a.ann", "")
    put("sanwen/train/b.txt", "外婆爱别人。")
    path = put(
        "sanwen/train/b.ann",
        "T1\tPerson 0 2\t外婆\nT2\tPerson 3 5\t别人\nR1\tSorcery Arg1:T1 Arg2:T2\n",
    )
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("sanwen", raw), raw, None, samples=False)
    tally = Tally(forgiving=True)
    records = list(catalogue.records(found, "train", tally))
    assert [(record.id, record.relations) for record in records] == [
        ("sanwen-train-000001", ()),
        ("sanwen-train-000002", ()),
    ]
    assert tally.lost["unknown-label"].example == (
        f"{path}:3: the label 'Sorcery' is not on the card of sanwen; "
        f"correct the line, or describe the label in {raw / 'sanwen/card.toml'}"
    )


CARVED = [
    (
        "boson",
        "raw",
        "boson/origindata.txt",
        "".join(f"第{n}段{{{{time:今天}}}}。\n" for n in range(60)),
        "{{time:甲\n",
    ),
    (
        "msra",
        "word-tag",
        "msra/train1.txt",
        "".join(f"第{n}句/o 中国/ns\n" for n in range(60)),
        "无标记\n",
    ),
]


@pytest.mark.parametrize(("source", "edition", "name", "good", "bad"), CARVED)
def test_a_bad_line_of_a_file_of_several_splits_counts_once(
    tmp_path, put, source, edition, name, good, bad
) -> None:
    path = put(name, good + bad)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card(source, raw), raw, edition, samples=False)
    tallies = {split: Tally(forgiving=True) for split in found.files}
    read = {
        split: len(list(catalogue.records(found, split, tally, every=True)))
        for split, tally in tallies.items()
    }
    assert sum(read.values()) == 60
    assert all(read.values())
    times = {
        split: sum(count.times for count in one.refused.values()) for split, one in tallies.items()
    }
    assert times == {split: int(split == "train") for split in found.files}
    [refused] = tallies["train"].refused.values()
    assert refused.example.startswith(f"{path}:61: ")


@pytest.mark.parametrize(("source", "edition", "name", "good", "bad"), CARVED)
def test_a_bad_line_of_a_file_of_several_splits_is_an_error_in_each(
    tmp_path, put, source, edition, name, good, bad
) -> None:
    path = put(name, good + bad)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card(source, raw), raw, edition, samples=False)
    for split in found.files:
        with pytest.raises(ChinchillaError, match=re.escape(f"{path}:61: ")):
            list(catalogue.records(found, split, Tally()))


def test_a_folder_named_like_the_file_is_read_if_it_holds_the_file(tmp_path, put) -> None:
    inner = put("duie/duie_train.json/duie_train.json", f"{TRIPLE}\n")
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("duie", raw), raw, None, samples=False)
    assert found.files["train"] == inner
    [record] = catalogue.records(found, "train", Tally())
    assert record.text == "甲书是乙写的"


def test_a_folder_named_like_the_file_without_it_is_an_error(tmp_path, put) -> None:
    folder = put("duee/duee_train.json/License.docx", b"x").parent
    raw = tmp_path / "raw"
    with pytest.raises(ChinchillaError) as caught:
        found = catalogue.find(catalogue.load_card("duee", raw), raw, None, samples=False)
        list(catalogue.records(found, "train", Tally()))
    assert str(caught.value) == (
        f"{folder}: is a folder, not a file; put the file duee_train.json itself there"
    )


EMPTY = [
    ("iree", "iree/train.json", b""),
    ("iree", "iree/train.json", b"\n"),
    ("iree", "iree/train.json", b"\xef\xbb\xbf"),
    ("iree", "iree/train.json", b" \n" * 2000),
    ("iree", "iree/train.json", b"[\n]"),
    ("duie", "duie/duie_train.json", b"[]"),
    ("finre", "finre/train.txt", b"\n\n"),
    ("msra", "msra/train.bio", b"\n\n"),
    ("msra", "msra/train1.txt", b"\n"),
    ("boson", "boson/boson.train.bmes", b"\r\n"),
]


@pytest.mark.parametrize(("source", "name", "content"), EMPTY)
def test_a_file_without_a_record_is_an_empty_file(tmp_path, put, source, name, content) -> None:
    path = put(name, content)
    raw = tmp_path / "raw"
    with pytest.raises(ChinchillaError) as caught:
        found = catalogue.find(catalogue.load_card(source, raw), raw, None, samples=False)
        list(catalogue.records(found, "train", Tally()))
    assert str(caught.value) == f"{path}:1: the file is empty; fetch or copy it again"


def test_a_joined_msra_file_of_another_length_is_refused(tmp_path, put) -> None:
    path = put("msra/dh_msra.txt", "中\tO\n\n国\tO\n")
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("msra", raw), raw, "bio", samples=False)
    with pytest.raises(ChinchillaError) as caught:
        list(catalogue.records(found, "train", Tally()))
    assert str(caught.value) == (
        f"{path}: 2 sentences, not the 55289 of train and test; "
        "put train and test there as two files"
    )


OTHERS = [
    ("msra", "bio", "msra/train1.txt", "word-tag"),
    ("msra", "word-tag", "MSRANER/msra_test_bio", "bio"),
    ("boson", "bmes", "boson/origindata.txt", "raw"),
]


@pytest.mark.parametrize("samples", [True, False])
@pytest.mark.parametrize(("source", "wanted", "name", "there"), OTHERS)
def test_our_sample_does_not_replace_an_edition_the_user_lacks(
    tmp_path, put, source, wanted, name, there, samples
) -> None:
    folder = put(name, "\n").parent
    raw = tmp_path / "raw"
    with pytest.raises(InputError) as caught:
        catalogue.find(catalogue.load_card(source, raw), raw, wanted, samples)
    assert str(caught.value) == (
        f"{folder}: the files here are of the edition {there}, not {wanted}; "
        f"add the files of {wanted} or choose {there}"
    )


def test_an_unknown_source_names_the_known_ones(tmp_path) -> None:
    with pytest.raises(ChinchillaError) as caught:
        catalogue.load_card("cluener", tmp_path)
    assert str(caught.value).startswith("cluener: no such source; known sources are boson, duee,")


def places_of(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the paths of all keys of a JSON value."""
    if isinstance(value, dict):
        inner = value.items()
        return [
            one for key, item in inner for one in [(*path, key), *places_of(item, (*path, key))]
        ]
    if isinstance(value, list):
        return [one for n, item in enumerate(value) for one in places_of(item, (*path, n))]
    return []


def spoilt(row: dict, path: tuple[str | int, ...], how: object) -> dict:
    """Return a copy of a row with one key dropped, misspelt or of another value."""
    copy = orjson.loads(orjson.dumps(row))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    value = holder.pop(path[-1])
    if how == "misspelt":
        holder[f"{path[-1]}s"] = value
    elif how != "dropped":
        holder[path[-1]] = how
    return copy


@pytest.mark.parametrize("name", ["duee", "duee_fin", "duie", "iree"])
@pytest.mark.parametrize("how", ["dropped", "misspelt", 7, None, {}, [1]], ids=str)
def test_what_is_wrong_with_a_record_names_its_field(tmp_path, name, how) -> None:
    sample = catalogue.find(catalogue.load_card(name, tmp_path), tmp_path)
    rows = [orjson.loads(line) for line in sample.files["train"].read_text("utf-8").splitlines()]
    gold = "spo_list" if name == "duie" else "event_list"
    row = max((row for row in rows if row.get(gold)), key=lambda row: len(row[gold]))
    bad = [spoilt(row, path, how) for path in places_of(row)]
    path = tmp_path / name / sample.files["train"].name
    path.parent.mkdir()
    path.write_bytes(b"\n".join(map(orjson.dumps, [row, *bad])))
    found = catalogue.find(catalogue.load_card(name, tmp_path), tmp_path)
    tally = Tally(forgiving=True, keep=10_000)
    list(catalogue.records(found, "train", tally))
    assert tally.errors
    assert not [error for error in tally.errors if "not of the shape of the others" in error]
