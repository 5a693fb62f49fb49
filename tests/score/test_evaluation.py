"""Files to scores: what is chosen, counted, said; and the quick way equals the general one."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.errors import ConfigError
from chinchilla.schema import Record, Task
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.evaluate import evaluate
from chinchilla.score.metrics import metrics_of
from chinchilla.score.result import Result
from chinchilla.score.rows import read_rows

TEXT = "hxyztabc"


def write(path: Path, rows: list[dict]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def row(name: str, task: str = "ner", **items) -> dict:
    return {"id": name, "text": TEXT, "task": task, **items}


def entity(words: str, start: int | None = None, label: str = "A") -> dict:
    end = None if start is None else start + len(words)
    return {"type": label, "text": words, "start": start, "end": end}


def evaluated(task: Task, gold: Path, pred: Path, **options) -> Result:
    return evaluate(read_rows(gold, task), read_rows(pred, task), ScoreOptions(task, **options))


def test_all_metrics_of_the_task_are_the_default(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [row("a", entities=[entity("x", 1)])])
    found = evaluated("ner", gold, gold)
    assert tuple(found.scores) == metrics_of("ner")
    assert found.headline == "ner_span"
    assert {one.micro.f1 for one in found.scores.values()} == {1.0}


def test_gold_without_offsets_has_no_span_metrics(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [row("a", entities=[entity("x")])])
    found = evaluated("ner", gold, gold)
    assert tuple(found.scores) == ("ner_string", "ner_string_set", "cluener")
    with pytest.raises(ConfigError, match="gold 'a' has entities without offsets"):
        evaluated("ner", gold, gold, metrics=("ner_span",))


def test_predicted_strings_without_offsets_are_placed(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [row("a", entities=[entity("x", 1)])])
    pred = write(tmp_path / "pred.jsonl", [row("a", entities=[entity("x"), entity("gone")])])
    found = evaluated("ner", gold, pred)
    # 1 right of 2 predicted: what is not in the text stays wrong
    assert found.scores["ner_span"].counts == (1, 2, 1)
    assert found.stats == (2, 1, 0, 0)


def test_invented_repeated_and_unknown_items_are_counted(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [row("a", entities=[entity("x", 1)])])
    items = [entity("x"), entity("x"), entity("no"), entity("y", 2, "Z")]
    pred = write(tmp_path / "pred.jsonl", [row("a", entities=items)])
    # 4 items: one invented, one copy too many, one label that gold does not have
    assert evaluated("ner", gold, pred).stats == (4, 1, 1, 1)


def test_class_values_and_titles_are_not_invented(tmp_path: Path) -> None:
    def event(*arguments: dict) -> list[dict]:
        return [{"event_type": "E", "trigger": "x", "arguments": list(arguments)}]

    marked = {"role": "stage", "text": "closed", "where": "class"}
    gold = row("a", "ee", events=event(marked), title="headline")
    told = event({"role": "stage", "text": "open"}, {"role": "b", "text": "line"})
    pred = row("a", "ee", events=told)
    paths = (write(tmp_path / "gold.jsonl", [gold]), write(tmp_path / "pred.jsonl", [pred]))
    assert evaluated("ee", *paths).stats == (3, 0, 0, 0)


def test_missing_ids_are_counted_and_scored_as_empty(tmp_path: Path) -> None:
    gold = write(tmp_path / "g.jsonl", [row(name, entities=[entity("x", 1)]) for name in "ab"])
    pred = write(tmp_path / "p.jsonl", [row("b", entities=[entity("x", 1)])])
    found = evaluated("ner", gold, pred).to_dict()
    assert (found["missing"], found["extra"], found["documents"]) == (1, 0, 2)
    assert found["metrics"]["ner_span"]["recall"] == 0.5


def test_the_result_says_what_it_is(tmp_path: Path) -> None:
    gold = write(tmp_path / "g.jsonl", [row("a", entities=[entity("x", 1)])])
    found = evaluated("ner", gold, gold, metrics=("ner_span",), bootstrap=10).to_dict()
    assert found["signature"].startswith("metrics:ner_span|task:ner|na:unknown|gold:")
    assert "|bootstrap:10|seed:0|version:" in found["signature"]
    assert found["metrics"]["ner_span"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "tp": 1,
        "n_pred": 1,
        "n_gold": 1,
        "macro": {"precision": 1.0, "recall": 1.0, "f1": 1.0},
        "interval": {"precision": [1.0, 1.0], "recall": [1.0, 1.0], "f1": [1.0, 1.0]},
    }
    label = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "tp": 1, "n_pred": 1, "n_gold": 1}
    assert found["per_label"] == {"ner_span": {"A": label}}
    assert (found["parse"], found["missing"], found["extra"]) == ({}, 0, 0)


def test_groups_add_up_to_the_whole(tmp_path: Path) -> None:
    rows = [row(name, entities=[entity("x", 1)], source=f"s{name}") for name in "ab"]
    gold = write(tmp_path / "g.jsonl", rows)
    pred = write(tmp_path / "p.jsonl", [rows[0]])
    found = evaluated("ner", gold, pred, metrics=("ner_string",), by="source")
    assert {name: one.f1 for name, one in found.groups["ner_string"].items()} == {"sa": 1, "sb": 0}
    found = evaluated("ner", gold, pred, metrics=("ner_string",), by="length")
    assert list(found.groups["ner_string"]) == ["0-31"]


METRIC = ("re_boundary",)
RELATIONS = st.lists(
    st.builds(
        lambda p, h, t: {"predicate": p, "head": h, "tail": t},
        st.sampled_from(["p", "q", "unknown"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["x", "gone", "z"]),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(RELATIONS, RELATIONS), min_size=1, max_size=4))
def test_triples_counted_while_reading_are_those_counted_at_leisure(documents) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        golds, preds = [], []
        for at, (gold, pred) in enumerate(documents):
            known = [item for item in gold if item["tail"] != "gone"]
            golds.append(row(str(at), "re", relations=known))
            preds.append(row(str(at), "re", relations=pred))
        paths = (write(Path(folder) / "g", golds), write(Path(folder) / "p", preds[::-1]))
        quick, slow, streamed = (
            evaluated("re", *paths, metrics=metrics, keep=keep)
            for metrics, keep in ((METRIC, False), (METRIC, True), (METRIC * 2, False))
        )
    assert (quick.pairs, len(slow.pairs)) == ((), len(documents))
    assert quick.to_dict() == slow.to_dict() == streamed.to_dict()


def record(name: str, *strings: str) -> Record:
    entities = tuple(entity(one, TEXT.find(one)) for one in strings)
    return Record(id=name, source="s", split="dev", task="ner", text=TEXT, entities=entities)


def test_records_and_objects_in_memory_are_scored_as_those_of_files(tmp_path: Path) -> None:
    gold = [record("a", "x", "y"), record("b", "z")]
    pred = [{"id": "b", "entities": [entity("z"), entity("no")]}, record("a", "x")]
    options = ScoreOptions(bootstrap=20, seed=3)
    result = evaluate(iter(gold), iter(pred), options)
    files = (
        write(tmp_path / "g", [one.model_dump(mode="json") for one in gold]),
        write(tmp_path / "p", [pred[0], pred[1].model_dump(mode="json")]),
    )
    of_files = evaluated("ner", *files, bootstrap=20, seed=3)
    assert result.scores.keys() == of_files.scores.keys()
    assert result.to_dict()["metrics"] == of_files.to_dict()["metrics"]
    assert result.stats == of_files.stats
    # x and z of x, y, z; predicted are x, z and a string that is in no text
    assert (result.precision, result.recall, result.f1) == (2 / 3, 2 / 3, 2 / 3)
    low, high = result.interval
    assert 0 <= low <= 2 / 3 <= high <= 1
    kinds = [finding.kind for document in result.errors() for finding in document.findings]
    assert kinds == ["right", "missed", "right", "hallucinated"]


def test_a_printed_result_has_the_table_the_counts_and_the_signature() -> None:
    result = evaluate([record("a", "x", "y")], [record("a", "x")])
    head, _, first, *_ = str(result).split("\n")
    assert head.split()[:4] == ["metric", "P", "R", "F1"]
    assert first.split() == ["ner_span", "100.00", "50.00", "66.67", "66.67", "1", "1", "2"]
    assert str(result).endswith(f"\n\n{result.signature}")
    assert repr(result) == f"<ner_span F1 66.67 (tp 1, n_pred 1, n_gold 2) {result.signature}>"


def test_the_signature_of_records_in_memory_depends_on_them_alone() -> None:
    def signed(*pred: Record) -> str:
        return evaluate([record("a", "x"), record("b")], pred).signature

    assert signed(record("a", "x")) == signed(record("a", "x"))
    assert signed(record("a", "x")) != signed(record("a", "y"))
