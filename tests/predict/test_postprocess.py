"""Raw answers become predicted records once: a status for each, three scores, windows merged."""

import os
from pathlib import Path

import orjson
import pytest

from chinchilla.errors import ConfigError, InputError
from chinchilla.predict.engine import Answer
from chinchilla.predict.inputs import read_answered_rows, read_answers
from chinchilla.predict.postprocess import (
    AnswerParser,
    documents_of,
    parse_answer,
    parse_answers,
    parse_record_answers,
    predicted_record,
    scored_answers,
)
from chinchilla.schema import InstructionRow, Label, LabelSet, Record
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.evaluate import evaluate
from chinchilla.score.metrics import metrics_of
from chinchilla.score.result import Result
from chinchilla.score.rows import row_set

ROOT = Path(__file__).resolve().parent.parent.parent
RAW = Path(os.environ.get("CHINCHILLA_SHARED", ROOT.parent / "shared")) / "scorer-cases"
RAW = RAW / "raw_01_ner_outputs" / "raw.jsonl"
EMPTY, ODD = ("ok_empty", "ok_empty_marker"), ("failed", "failed_empty_output")
LIST, ANNOTATOR = "ner/closed#list", "ner/closed#annotator"
PARSER = AnswerParser(
    {"made": LabelSet(source="made", task="ner", labels=(Label(key="PER", name="person"),))}
)


def write(path: Path, rows: list[dict]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def of_records(gold: list[dict], answers: dict[str, str], options: ScoreOptions) -> Result:
    """Score answers to whole records."""
    rows = row_set(gold, "gold", options.task)
    listed = [Answer(name, raw) for name, raw in answers.items()]
    parsed = parse_record_answers(listed, "json", rows.task, documents_of(rows.rows))
    return evaluate(rows, parsed, options)


def of_rows(
    gold: list[dict],
    rows: list[InstructionRow],
    answers: dict[str, str],
    options: ScoreOptions = ScoreOptions("ner"),  # noqa: B008
) -> Result:
    """Score answers to instruction rows."""
    records, by_id = row_set(gold, "gold", "ner"), {row.id: row for row in rows}
    documents = documents_of(records.rows)
    listed = [Answer(name, raw) for name, raw in answers.items()]
    parsed = parse_answers(by_id, listed, documents, PARSER)
    return evaluate(records, scored_answers(by_id, parsed, documents, PARSER), options)


def status_of(recommended: str) -> set[str]:
    """Return the statuses that the recommended one, which is finer, allows."""
    if recommended in EMPTY:
        return {"ok_empty"}
    if recommended in ODD:
        return {"failed", "refusal"}
    if recommended.startswith("ok"):
        return {"ok", "repaired"}
    return {"repaired", "repaired_partial"} if recommended == "repaired_first" else {recommended}


@pytest.mark.real
def test_the_published_answers_get_their_statuses() -> None:
    if not RAW.is_file():
        pytest.skip(f"the published answers are not here: no {RAW} (CHINCHILLA_SHARED)")
    rows = [orjson.loads(line) for line in RAW.read_bytes().split(b"\n") if line]
    gold = [{"id": r["id"], "text": r["text"], "entities": r["gold"]} for r in rows]
    result = of_records(gold, {r["id"]: r["raw"] for r in rows}, ScoreOptions("ner"))
    assert result.answers is not None
    for row in rows:
        assert result.answers.status[row["id"]] in status_of(row["recommended_status"]), row["name"]
    scores = [each["ner_string"] for each in (result.strict, result.scores, result.parsed_only)]
    assert scores[0].micro.f1 < scores[1].micro.f1 < scores[2].micro.f1
    # without repair: what the reference scorer reads
    reference = orjson.loads((RAW.parent / "expected.json").read_bytes())["iepile_normal"]
    assert scores[0].counts == (8, 12, 69)
    assert scores[0].micro.f1 == pytest.approx(reference["f1"], abs=1e-9)
    # two answers could not be read; their gold stays in the headline
    assert [each.counts.n_gold for each in scores] == [69, 69, 63]
    # one string not in the text, one copy, one label that gold does not have
    assert result.stats[1:] == (1, 1, 1)


def fields(name: str, record: str, template: str = LIST, subtask: str = "ner") -> dict:
    base = {"id": name, "record_id": record, "source": "made", "task": "ner", "subtask": subtask}
    asked = {"instruction": "?", "input": "", "output": "{}", "labels": ["PER"], "window": [0, 3]}
    return {**base, **asked, "template": template, "form": "json"}


def row(name: str, record: str, template: str = LIST) -> InstructionRow:
    return InstructionRow.model_validate(fields(name, record, template))


PEOPLE = [
    {"type": "PER", "text": one, "start": at, "end": at + 1} for at, one in ((0, "x"), (1, "y"))
]


def test_answers_to_one_record_are_joined_and_named_as_in_gold() -> None:
    gold = [{"id": name, "text": "xyz", "entities": PEOPLE} for name in "ab"]
    rows = [row("a.0", "a"), row("a.1", "a", ANNOTATOR), row("b.0", "b")]
    answers = {"a.0": '{"person": ["x"]}', "a.1": '{"person": ["y"]}'}
    result = of_rows(gold, rows, answers, ScoreOptions("ner", by="template"))
    assert result.scores["ner_span"].counts == (2, 2, 4)
    assert result.parsed_only["ner_span"].counts == (2, 2, 2)
    assert result.to_dict()["parse"] == {"missing": 1, "ok": 2}
    assert result.to_dict()["status"] == {"a.0": "ok", "a.1": "ok", "b.0": "missing"}
    assert set(result.groups["ner_span"]) == {"(several)", "(none)"}
    assert result.stats == (2, 0, 0, 0)


def test_a_predicted_record_has_what_is_scored_and_the_raw_answers() -> None:
    record = Record(
        id="a", source="made", split="dev", task="ner", text="xyz", entities=tuple(PEOPLE)
    )
    rows = (row("a.0", "a"), row("a.1", "a", ANNOTATOR))
    raw = {"a.0": '{"person": ["x"]}', "a.1": '```\n{"person": ["x", "z"]}\n```'}
    answers = {name: Answer(name, text, cut=name == "a.1") for name, text in raw.items()}
    parsed = [parse_answer(asked, answers[asked.id], record, PARSER) for asked in rows]
    found = predicted_record(record, parsed, PARSER, mentions=True)
    entity = {"type": "PER", "start": None, "end": None}
    assert found == {
        "id": "a",
        "source": "made",
        "split": "dev",
        "task": "ner",
        "text": "xyz",
        "title": None,
        "entities": [{**entity, "text": "x"}, {**entity, "text": "z"}],
        "relations": [],
        "events": [],
        "answers": [
            {"id": "a.0", "raw": raw["a.0"], "status": "ok", "cut": False},
            {"id": "a.1", "raw": raw["a.1"], "status": "repaired", "cut": True},
        ],
    }
    of_answers, of_record = of_rows([record], list(rows), raw), evaluate([record], [found])
    assert of_answers.to_dict()["metrics"] == of_record.to_dict()["metrics"]


REPAIRED = [
    # a bare string, an item that is no string, a fence: what a reader without repair makes of it
    ('{"PER": "x"}', '{"person": "x"}', (0, 0, 1)),
    ('{"PER": ["x", 1]}', '{"person": ["x", 1]}', (1, 1, 1)),
    ('```\n{"PER": ["x"]}\n```', '```\n{"person": ["x"]}\n```', (0, 0, 1)),
]


@pytest.mark.parametrize(("raw", "asked", "counts"), REPAIRED)
def test_repaired_content_is_in_no_strict_score(raw: str, asked: str, counts: tuple) -> None:
    gold = [{"id": "a", "text": "xyz", "entities": PEOPLE[:1]}]
    for result in (
        of_records(gold, {"a": raw}, ScoreOptions("ner")),
        of_rows(gold, [row("a.0", "a")], {"a.0": asked}),
    ):
        assert result.to_dict()["parse"] == {"repaired": 1}
        assert result.scores["ner_string"].counts == (1, 1, 1)
        assert result.strict["ner_string"].counts == counts


def test_a_document_without_an_answer_is_missing() -> None:
    gold = [{"id": name, "text": "x"} for name in "ab"]
    found = of_records(gold, {"a": "{}"}, ScoreOptions("ner")).to_dict()
    assert (found["parse"], found["missing"]) == ({"missing": 1, "ok_empty": 1}, 1)


GOLD_OF_TASK = {
    "ner": {"entities": [{"type": "PER", "text": "x", "start": 0, "end": 1}]},
    "re": {"relations": [{"predicate": "p", "head": "x", "tail": "x"}]},
    "ee": {"events": [{"event_type": "e", "arguments": [{"role": "r", "text": "x"}]}]},
}


@pytest.mark.parametrize("items", [True, False])
@pytest.mark.parametrize("task", GOLD_OF_TASK)
def test_every_metric_is_zero_where_no_answer_can_be_read(task, items: bool) -> None:
    gold = [{"id": "a", "text": "x", **(GOLD_OF_TASK[task] if items else {})}]
    result = of_records(gold, {"a": "?"}, ScoreOptions(task, bootstrap=10))
    assert list(result.parsed_only) == list(result.scores) == list(metrics_of(task))
    for score in (*result.scores.values(), *result.parsed_only.values()):
        assert (score.micro, score.counts.undefined) == ((0, 0, 0), True)


def test_an_answer_about_no_gold_document_is_an_error() -> None:
    with pytest.raises(ConfigError, match="answers: 1 predicted ids are not in gold"):
        of_records([{"id": "a", "text": "x"}], {"z": ""}, ScoreOptions("ner"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b'{"id": "a"}\n', "raw:1: id or raw is not a string; "),
        (b'{"id": "a", "raw": "{}"}\n' * 2, "raw:2: the id 'a' comes twice; "),
        (b'\n{"id"\n', "raw:2: "),
        (b"[]\n", "raw:1: not an object; "),
    ],
)
def test_a_bad_line_of_answers_is_named(tmp_path: Path, lines: bytes, message: str) -> None:
    (tmp_path / "raw").write_bytes(lines)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path / "raw")


def test_an_answer_to_no_row_is_an_error(tmp_path: Path) -> None:
    asked = read_answered_rows(write(tmp_path / "rows", [fields("a.0", "a")]), None)
    answers = write(tmp_path / "raw", [{"id": "a.1", "raw": "{}"}])
    with pytest.raises(ConfigError, match=r"no row has the id 'a\.1'"):
        read_answers(answers, asked)


def test_rows_of_several_sub_tasks_are_read_one_at_a_time(tmp_path: Path) -> None:
    rows = [fields("a.0", "a"), fields("a.1", "a", subtask="other")]
    path = write(tmp_path / "rows", rows)
    with pytest.raises(ConfigError, match="rows: the rows are of ner, other; pass rows of one"):
        read_answered_rows(path, None)
    with pytest.raises(ConfigError, match="the rows are of ner, other"):
        read_answered_rows(path, "no")
    asked = read_answered_rows(path, "ner")
    assert (list(asked.rows), asked.others) == (["a.0"], {"a.1"})
    raw = write(tmp_path / "raw", [{"id": name, "raw": "{}"} for name in ("a.0", "a.1")])
    assert read_answers(raw, asked)[0] == [Answer("a.0", "{}")]


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows", [fields("a.0", "a"), {"id": "a.1"}])
    with pytest.raises(InputError, match=r"rows:2: instruction: is missing; pass the"):
        read_answered_rows(path, None)


def test_labels_of_a_source_that_is_not_known_are_their_own_names() -> None:
    other = InstructionRow.model_validate({**fields("a.0", "a"), "source": "other"})
    assert [label.name for label in PARSER.query(other).labels] == ["PER"]
    assert [label.name for label in PARSER.query(row("a.0", "a")).labels] == ["person"]
