"""Rows are read leniently, and a misshapen line is named."""

from pathlib import Path

import orjson
import pytest

from chinchilla.errors import ChinchillaError, ConfigError, InputError
from chinchilla.files import hash_file
from chinchilla.schema import Record, Task
from chinchilla.score.pairing import Names, Pairing
from chinchilla.score.rows import (
    Row,
    ScoredArgument,
    ScoredEntity,
    ScoredEvent,
    ScoredRelation,
    read_rows,
    row_set,
)

GOOD = b'{"id": "a", "text": "x"}\n'
BAD = [
    ("ner", b'{"text": "x"}\n', "f:1: Object missing required field `id`; "),
    ("ner", GOOD + b"{\n", "f:2: Input data was truncated; "),
    ("ner", GOOD + b"\n" + GOOD, "f:3: the id 'a' comes twice; "),
    ("ner", b'{"id": "a", "task": "RE"}\n', "f:1: a row of task 'RE', not 'ner'; "),
    (
        "ner",
        b'{"id": "a", "entities": [{"type": "A", "text": 1}]}\n',
        "f:1: Expected `str`, got `int` - at `$.entities[0].text`; ",
    ),
    (
        "ner",
        b'{"id": "a", "entities": [{"type": "A", "text": "x", "start": 1}]}\n',
        "f:1: start and end are not two numbers or two nulls - at `$.entities[0]`; ",
    ),
    ("re", b'{"id": "a", "relations": {}}\n', "f:1: Expected `array`, got `object`"),
    (
        "re",
        b'{"id": "a", "relations": [{"predicate": "p", "head": "h"}]}\n',
        "f:1: Object missing required field `tail` - at `$.relations[0]`; ",
    ),
    ("ee", b'{"id": "a", "events": [{}]}\n', "f:1: Object missing required field `event_type`"),
    ("ee", b"[1]\n", "f:1: Expected `object`, got `array`; "),
    ("ner", b'{"id": "a", "entites": []}\n', "f:1: Object contains unknown field `entites`; "),
]


@pytest.mark.parametrize(("task", "lines", "message"), BAD)
def test_a_misshapen_line_is_named(tmp_path: Path, task: Task, lines: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, lines, task)
    assert str(error.value).startswith(f"{tmp_path}/{message}")


def read(folder: Path, lines: bytes, task: Task) -> list[Row]:
    (folder / "f").write_bytes(lines)
    return list(read_rows(folder / "f", task).rows)


def test_a_misshapen_line_behind_many_good_ones_is_named(tmp_path: Path) -> None:
    lines = b"".join(b'{"id": "%d", "text": "%s"}\n' % (n, b"x" * 99) for n in range(3000))
    for last, message in ((b"{", "f:3001: Input data was truncated"), (lines[:12], "f:3001: ")):
        with pytest.raises(InputError, match=message):
            read(tmp_path, lines + last, "ner")


def test_absent_keys_null_offsets_and_unknown_keys_of_an_item_are_read(
    tmp_path: Path,
) -> None:
    line = b'{"id": "a", "task": "NER", "entities": [{"type": "A", "text": "x", "more": 1}]}\n'
    assert read(tmp_path, line, "ner") == [
        Row("a", "NER", entities=(ScoredEntity("A", "x", None, None),))
    ]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(read_rows(tmp_path / "none.jsonl", "ner").rows)


def test_rows_are_the_same_from_a_file_from_objects_and_from_records(tmp_path: Path) -> None:
    entities = ({"type": "A", "text": "y", "start": 1, "end": 2},)
    fields = {"id": "a", "source": "s", "split": "dev", "task": "ner", "text": "xy"}
    record = Record(**fields, entities=entities)
    [of_file] = read(tmp_path, orjson.dumps(record.model_dump(mode="json")), "ner")
    for item in (record, record.model_dump(mode="json"), record.model_dump(), of_file):
        rows = row_set([item], "gold")
        [row] = rows.rows
        assert (row.id, row.text, row.source, row.entities) == ("a", "xy", "s", of_file.entities)
        assert rows.sha256 == row_set([record], "gold").sha256
        assert (rows.task, rows.name) == ("ner", "gold")


def test_the_hash_of_a_file_is_known_when_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(GOOD + b"\n\n")
    rows = read_rows(path, "ner")
    assert len(list(rows.rows)) == 1
    assert rows.sha256 == hash_file(path)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"text": "x", "task": "ner"}], "gold, row 1: Object missing required field `id`"),
        ([{"id": "a", "task": "ner"}] * 2, "gold, row 2: the id 'a' comes twice"),
        (
            [{"id": "a", "task": "ner"}, {"id": "b", "task": "re"}],
            "gold, row 2: a row of task 're'",
        ),
        ([{"id": "a", "task": "ner", "entites": []}], "gold, row 1: Object contains unknown field"),
        ([{"id": "a"}], "gold, row 1: no task that is known"),
        ([], "gold: no rows and no task"),
    ],
)
def test_a_row_in_memory_that_does_not_fit_is_named(items: list[dict], message: str) -> None:
    with pytest.raises(ChinchillaError) as error:
        row_set(items, "gold")
    assert str(error.value).startswith(message)


def pairing(gold: str, pred: str, allow_extra: bool = False) -> Pairing:
    return Pairing([Row(name) for name in gold], [Row(name) for name in pred], allow_extra)


@pytest.mark.parametrize("pred", ["abc", "cba", "bca"])
def test_documents_come_in_the_order_of_gold(pred: str) -> None:
    pairs = list(pairing("abc", pred))
    assert [(one.gold.id, one.pred.id) for one in pairs] == [("a", "a"), ("b", "b"), ("c", "c")]


def test_a_document_without_a_prediction_is_empty_and_counted() -> None:
    found = pairing("abc", "ca")
    assert [one.pred for one in found] == [Row("a"), Row("b"), Row("c")]
    assert (found.missing, found.extra, found.documents) == (["b"], [], 3)


def test_an_extra_id_is_an_error_unless_allowed() -> None:
    with pytest.raises(ConfigError, match="2 predicted ids are not in gold, the first 'x'"):
        list(pairing("ab", "axby"))
    found = pairing("ab", "axby", allow_extra=True)
    assert len(list(found)) == 2
    assert found.extra == ["x", "y"]


def test_gold_without_rows_and_unlabelled_gold_are_errors() -> None:
    with pytest.raises(ConfigError, match="no gold rows"):
        list(pairing("", ""))
    with pytest.raises(ConfigError, match="'a' is marked as not labelled"):
        list(Pairing([Row("a", labelled=False)], [], False))


def test_what_records_and_predict_write_is_read(tmp_path: Path) -> None:
    record = Record(id="a", source="s", split="dev", task="re", text="xy", labelled=False)
    fields = {**dict.fromkeys(Record.model_fields), **record.model_dump(mode="json")}
    line = orjson.dumps({**fields, "na_pairs": [], "answers": [{"id": "a-0", "raw": "{}"}]})
    [row] = read(tmp_path, line, "re")
    assert (row.text, row.source, row.labelled) == ("xy", "s", False)


def test_a_prediction_of_another_text_is_refused() -> None:
    gold, names = Row("a", text="xy"), Names("g", "p")
    for text in ("xy", ""):
        assert len(list(Pairing([gold], [Row("a", text=text)], False, names))) == 1
    with pytest.raises(ConfigError, match="p: the text of 'a' is not the one that gold has"):
        list(Pairing([gold], [Row("a", text="x y")], False, names))


ELSEWHERE = [
    ({"entities": (ScoredEntity("A", "x", 1, 2),)}, "'y' at 1:2, not 'x'"),
    ({"events": (ScoredEvent("E", "y", 0),)}, "'x' at 0:1, not 'y'"),
    (
        {"events": (ScoredEvent("E", "x", 0, (ScoredArgument("r", "yz", 1),)),)},
        "'y' at 1:3, not 'yz'",
    ),
]


@pytest.mark.parametrize(("items", "told"), ELSEWHERE)
def test_gold_that_is_not_at_its_offsets_is_refused(items: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=f"g: 'a' has {told};"):
        list(Pairing([Row("a", text="xy", **items)], [], False, Names("g", "p")))


def test_a_relation_keeps_its_slots_and_score(tmp_path: Path) -> None:
    line = b"""{"id": "a", "relations": [{"predicate": "p", "head": "h", "tail": "t",
        "tail_slots": {"inWork": "w"}, "score": 1}]}""".replace(b"\n", b"")
    [row] = read(tmp_path, line, "re")
    assert row.relations == (ScoredRelation("p", "h", "t", None, None, {"inWork": "w"}, 1.0),)
