"""Raw answers: a status for each, three scores, answers joined by record."""

import os
from pathlib import Path

import orjson
import pytest

from chinchilla.answers import Content, Query
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import Label
from chinchilla.score.answers import RowReading
from chinchilla.score.evaluate import Request, evaluate
from chinchilla.score.registry import metrics_of
from chinchilla.score.result import result

ROOT = Path(__file__).resolve().parent.parent.parent
RAW = Path(os.environ.get("CHINCHILLA_SHARED", ROOT.parent / "shared")) / "scorer-cases"
RAW = RAW / "raw_01_ner_outputs" / "raw.jsonl"
EMPTY, ODD = ("ok_empty", "ok_empty_marker"), ("failed", "failed_empty_output")


def write(path: Path, rows: list[dict]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


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
def test_the_published_answers_get_their_statuses(tmp_path: Path) -> None:
    if not RAW.is_file():
        pytest.skip(f"the published answers are not here: no {RAW} (CHINCHILLA_SHARED)")
    rows = [orjson.loads(line) for line in RAW.read_bytes().split(b"\n") if line]
    gold = [{"id": r["id"], "text": r["text"], "entities": r["gold"]} for r in rows]
    answers = [{"id": r["id"], "raw": r["raw"]} for r in rows]
    files = (write(tmp_path / "gold.jsonl", gold), None, write(tmp_path / "raw.jsonl", answers))
    found = evaluate(Request("ner", *files))
    assert found.answers is not None
    for row in rows:
        assert found.answers.status[row["id"]] in status_of(row["recommended_status"]), row["name"]
    scores = [each["ner_string"] for each in (found.strict, found.scores, found.parsed_only)]
    assert scores[0].micro.f1 < scores[1].micro.f1 < scores[2].micro.f1
    # without repair: what the reference scorer reads
    reference = orjson.loads((RAW.parent / "expected.json").read_bytes())["iepile_normal"]
    assert scores[0].counts == (8, 12, 69)
    assert scores[0].micro.f1 == pytest.approx(reference["f1"], abs=1e-9)
    # two answers could not be read; their gold stays in the headline
    assert [each.counts.n_gold for each in scores] == [69, 69, 63]
    # one string not in the text, one copy, one label that gold does not have
    assert found.stats[1:] == (1, 1, 1)


LABELS = (Label(key="PER", name="person"),)


def row(name: str, record: str, template: str, subtask: str = "ner") -> dict:
    base = {"id": name, "record_id": record, "source": "made", "task": "ner", "subtask": subtask}
    asked = {"instruction": "?", "input": "", "output": "{}", "labels": ["PER"], "window": [0, 3]}
    return {**base, **asked, "template": template, "form": "json"}


def joined(text: str, told: list, mentions: bool) -> Content:
    return Content(tuple(entity for _, content in told for entity in content.entities))


READING = RowReading(lambda _: Query("ner", LABELS), joined)


def test_answers_to_one_record_are_joined_and_named_as_in_gold(tmp_path: Path) -> None:
    people = [
        {"type": "PER", "text": one, "start": at, "end": at + 1} for at, one in ((0, "x"), (1, "y"))
    ]
    gold = [{"id": name, "text": "xyz", "entities": people} for name in "ab"]
    rows = [row("a.0", "a", "t"), row("a.1", "a", "u"), row("b.0", "b", "t")]
    answers = [{"id": "a.0", "raw": '{"person": ["x"]}'}, {"id": "a.1", "raw": '{"person": ["y"]}'}]
    request = Request(
        "ner",
        write(tmp_path / "gold", gold),
        answers=write(tmp_path / "raw", answers),
        rows=write(tmp_path / "rows", rows),
        by="template",
    )
    found = evaluate(request, READING)
    assert found.scores["ner_span"].counts == (2, 2, 4)
    assert found.parsed_only["ner_span"].counts == (2, 2, 2)
    assert result(found)["parse"] == {"missing": 1, "ok": 2}
    assert set(found.groups["ner_span"]) == {"(several)", "(none)"}
    assert found.stats == (2, 0, 0, 0)


MENDED = [
    # a bare string, an item that is no string, a fence: what a reader without repair makes of it
    ('{"PER": "x"}', '{"person": "x"}', (0, 0, 1)),
    ('{"PER": ["x", 1]}', '{"person": ["x", 1]}', (1, 1, 1)),
    ('```\n{"PER": ["x"]}\n```', '```\n{"person": ["x"]}\n```', (0, 0, 1)),
]


@pytest.mark.parametrize(("raw", "asked", "counts"), MENDED)
def test_repaired_content_is_in_no_strict_score(tmp_path: Path, raw, asked, counts) -> None:
    people = [{"type": "PER", "text": "x", "start": 0, "end": 1}]
    gold = write(tmp_path / "gold", [{"id": "a", "text": "xyz", "entities": people}])
    request = Request("ner", gold, answers=write(tmp_path / "raw", [{"id": "a", "raw": raw}]))
    rows = write(tmp_path / "rows", [row("a.0", "a", "t")])
    to_rows = write(tmp_path / "asked", [{"id": "a.0", "raw": asked}])
    of_rows = evaluate(request._replace(answers=to_rows, rows=rows), READING)
    for found in (evaluate(request), of_rows):
        assert result(found)["parse"] == {"repaired": 1}
        assert found.scores["ner_string"].counts == (1, 1, 1)
        assert found.strict["ner_string"].counts == counts


def test_a_document_without_an_answer_is_missing(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold", [{"id": name, "text": "x"} for name in "ab"])
    answers = write(tmp_path / "raw", [{"id": "a", "raw": "{}"}])
    found = result(evaluate(Request("ner", gold, answers=answers)))
    assert (found["parse"], found["missing"]) == ({"missing": 1, "ok_empty": 1}, 1)


GOLD_OF_TASK = {
    "ner": {"entities": [{"type": "PER", "text": "x", "start": 0, "end": 1}]},
    "re": {"relations": [{"predicate": "p", "head": "x", "tail": "x"}]},
    "ee": {"events": [{"event_type": "e", "arguments": [{"role": "r", "text": "x"}]}]},
}


@pytest.mark.parametrize("items", [True, False])
@pytest.mark.parametrize("task", GOLD_OF_TASK)
def test_every_metric_is_zero_where_no_answer_can_be_read(tmp_path: Path, task, items) -> None:
    gold = write(
        tmp_path / "gold", [{"id": "a", "text": "x", **(GOLD_OF_TASK[task] if items else {})}]
    )
    answers = write(tmp_path / "raw", [{"id": "a", "raw": "?"}])
    found = evaluate(Request(task, gold, answers=answers, bootstrap=10))
    assert list(found.parsed_only) == list(found.scores) == list(metrics_of(task))
    for one in (*found.scores.values(), *found.parsed_only.values()):
        assert (one.micro, one.undefined) == ((0, 0, 0), True)


@pytest.mark.parametrize(
    ("lines", "error", "message"),
    [
        (b'{"id": "a"}\n', InputError, "raw:1: id or raw is not a string; "),
        (b'{"id": "a", "raw": "{}"}\n' * 2, InputError, "raw:2: the id 'a' comes twice; "),
        (b'\n{"id"\n', InputError, "raw:2: "),
        (b"[]\n", InputError, "raw:1: not an object; "),
        (b'{"id": "z", "raw": ""}\n', ConfigError, "1 predicted ids are not in gold"),
    ],
)
def test_a_bad_line_of_answers_is_named(tmp_path: Path, lines, error, message: str) -> None:
    gold = write(tmp_path / "gold", [{"id": "a", "text": "x"}])
    (tmp_path / "raw").write_bytes(lines)
    with pytest.raises(error) as raised:
        evaluate(Request("ner", gold, answers=tmp_path / "raw"))
    assert message in str(raised.value)


def test_an_answer_to_no_row_is_an_error(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold", [{"id": "a", "text": "x"}])
    rows = write(tmp_path / "rows", [row("a.0", "a", "t")])
    answers = write(tmp_path / "raw", [{"id": "a.1", "raw": "{}"}])
    with pytest.raises(ConfigError, match=r"no row has the id 'a\.1'"):
        evaluate(Request("ner", gold, answers=answers, rows=rows), READING)


def test_rows_of_several_sub_tasks_are_scored_one_at_a_time(tmp_path: Path) -> None:
    people = [{"type": "PER", "text": "x", "start": 0, "end": 1}]
    gold = write(tmp_path / "gold", [{"id": "a", "text": "x", "entities": people}])
    rows = write(tmp_path / "rows", [row("a.0", "a", "t"), row("a.1", "a", "t", "other")])
    raw = '{"person": ["x"]}'
    answers = write(tmp_path / "raw", [{"id": name, "raw": raw} for name in ("a.0", "a.1")])
    request = Request("ner", gold, answers=answers, rows=rows)
    with pytest.raises(ConfigError, match="rows: the rows are of ner, other; pass rows of one"):
        evaluate(request, READING)
    with pytest.raises(ConfigError, match="the rows are of ner, other"):
        evaluate(request._replace(subtask="no"), READING)
    found = evaluate(request._replace(subtask="ner"), READING)
    assert found.scores["ner_span"].counts == (1, 1, 1)
    assert result(found)["parse"] == {"ok": 1}


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold", [{"id": "a", "text": "x"}])
    rows = write(tmp_path / "rows", [row("a.0", "a", "t"), {"id": "a.1"}])
    request = Request("ner", gold, answers=write(tmp_path / "raw", []), rows=rows)
    with pytest.raises(InputError, match=r"rows:2: instruction: is missing; pass the"):
        evaluate(request, READING)
