"""The short check of plain records accepts nothing that the model would not, and most of DuIE."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.read import Known, plain_record
from chinchilla.errors import ChinchillaError, Tally
from chinchilla.readers import jsonl
from chinchilla.readers.lines import Slice
from chinchilla.schema import Record, Relation, check_record
from chinchilla.sources.duie import to_relation

NOWHERE = Path("nowhere")
TEXT = "甲书是乙写的"
OWN = {"id": "x-train-000001", "source": "x", "split": "train", "task": "re"}
SLOTS = {"tail_slots": {"s": "乙写"}, "tail_slot_types": {"s": "T"}}


def known() -> Known:
    met = Known.of([])
    met.meet(Relation.model_validate(relation(**SLOTS)))
    met.meet(Relation.model_validate(relation(head_type=None)))
    return met


def relation(**changes: Any) -> dict[str, Any]:
    ends = {"predicate": "p", "head": "甲书", "head_type": "H", "tail": "乙", "tail_type": "T"}
    places = {"head_start": None, "tail_start": None}
    return ends | places | {"tail_slots": {}, "tail_slot_types": {}} | changes


def fields(text: Any, *relations: Any) -> dict[str, Any]:
    return {"text": text, "relations": list(relations), **OWN}


@pytest.mark.parametrize("source", sorted(catalogue.card_paths(NOWHERE)))
def test_every_record_of_the_samples_would_pass_the_model(source) -> None:
    found = catalogue.find(catalogue.load_card(source, NOWHERE), NOWHERE)
    assert found is not None
    for split in found.files:
        records = list(catalogue.records(found, split, Tally()))
        again = [Record.model_validate(record.model_dump()) for record in records]
        assert again == records
        assert [one.model_dump_json() for one in again] == [
            one.model_dump_json() for one in records
        ]


def test_most_records_of_the_duie_sample_need_no_model() -> None:
    found = catalogue.find(catalogue.load_card("duie", NOWHERE), NOWHERE)
    assert found is not None
    records = list(catalogue.records(found, "train", Tally()))
    met = Known.of([])
    for record in records:
        for item in record.relations:
            met.meet(item)
    rows = jsonl.rows(Slice(found.files["train"]), Tally())
    made = [
        plain_record(fields(row["text"], *map(to_relation, row["spo_list"])), met)
        for _, row in rows
    ]
    own = {name: OWN[name] for name in ("id", "source")}
    assert made == [record.model_copy(update=own) for record in records]


@pytest.mark.parametrize("item", [relation(), relation(head_type=None), relation(**SLOTS)])
def test_a_plain_record_equals_the_record_of_the_model(item) -> None:
    given = fields(TEXT, item, relation())
    record = plain_record(given, known())
    assert record is not None
    checked = check_record(given)
    assert record == checked
    assert list(record.__dict__) == list(checked.__dict__)
    assert record.model_copy(update={"text": "?"}) == checked.model_copy(update={"text": "?"})


WORDS = st.sampled_from(
    ["甲书", "乙", "乙写", "丙", "", "p", "H", "T", "s", "\ud800", 1, True, None]
)
ODD = WORDS | st.binary(max_size=2) | st.just([]) | st.just({"s": "乙"}) | st.just(0.5)
PARTS = st.dictionaries(WORDS.filter(lambda one: isinstance(one, str)), ODD, max_size=2)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "predicate": ODD,
        "head": ODD,
        "head_type": ODD,
        "tail": ODD,
        "tail_type": ODD,
        "head_start": ODD | st.integers(-1, 6),
        "tail_start": ODD | st.integers(-1, 6),
        "tail_slots": PARTS | ODD,
        "tail_slot_types": PARTS | ODD,
        "spelling": ODD,
    },
)


@given(
    st.sampled_from([TEXT, "乙", "", TEXT + "\ud800", TEXT.encode(), None, [TEXT]]),
    st.lists(
        st.builds(
            lambda start, more: start | more,
            st.sampled_from([relation(), relation(**SLOTS)]),
            CHANGES,
        )
    ),
    st.sets(st.sampled_from(list(relation())), max_size=1),
    st.fixed_dictionaries({}, optional={"labelled": st.booleans(), "title": ODD, "entities": ODD}),
)
def test_what_the_model_refuses_is_never_plain(text, items, missing, further) -> None:
    items = [{name: one for name, one in item.items() if name not in missing} for item in items]
    given = fields(text, *items) | further
    record = plain_record(given, known())
    try:
        checked = check_record(given)
    except ValidationError:
        assert record is None
    else:
        assert record is None or record == checked


GOOD = (
    '"predicate": "作者", "subject": "甲书", "subject_type": "图书作品", '
    '"object": {"@value": "乙"}, "object_type": {"@value": "人物"}'
)


def last_read(raw: Path, triples: list[str]) -> str:
    path = raw / "duie" / "duie_train.json"
    path.parent.mkdir(exist_ok=True)
    lines = [f'{{"text": "{TEXT}", "spo_list": [{{{triple}}}]}}' for triple in triples]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = catalogue.find(catalogue.load_card("duie", raw), raw)
    assert found is not None
    try:
        return str(list(catalogue.records(found, "train", Tally()))[-1].relations)
    except ChinchillaError as error:
        return str(error).replace(f":{len(triples)}: ", ":N: ")


@pytest.mark.parametrize("name", ["predicate", "subject", "subject_type"])
@pytest.mark.parametrize("words", ['"丙"', '""', "1", "null", "[]", "{}", "true"])
def test_an_odd_triple_is_refused_alike_before_and_after_a_good_one(tmp_path, name, words) -> None:
    # of a name that comes twice the last counts
    odd = f'{GOOD}, "{name}": {words}'
    assert last_read(tmp_path, [odd]) == last_read(tmp_path, [GOOD, odd])
