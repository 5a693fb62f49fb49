"""Evaluation sets: what a model is asked on a split, one set for each source and sub-task."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import orjson

from chinchilla.files import hash_file, write_whole
from chinchilla.predict.engine import Answer
from chinchilla.predict.postprocess import (
    AnswerParser,
    ParsedAnswer,
    documents_of,
    parse_answers,
    scored_answers,
)
from chinchilla.schema import InstructionRow, Record, Task
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.evaluate import evaluate
from chinchilla.score.metrics import HEADLINE
from chinchilla.score.result import Result
from chinchilla.score.rows import row_set

METRIC_OF_SUBTASK = {
    "re-pair": "re_boundary_set",
    "ee-trigger": "ee_trigger",
    "ee-argument": "ee_argument",
}
"""The metric of a sub-task that is only a part of what its source's metric looks at."""
GOLD, ROWS, ANSWERS = "gold.jsonl", "rows.jsonl", "answers.jsonl"


class EvalSet(NamedTuple):
    """The rows of a sub-task over records of one source, and the metric that scores them."""

    source: str
    subtask: str
    metric: str
    rows: tuple[InstructionRow, ...]
    records: tuple[Record, ...]

    @property
    def task(self) -> Task:
        """Return the task of the source."""
        return self.records[0].task

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return f"{self.source}-{self.subtask}"


def make_eval_sets(
    rows: Iterable[InstructionRow], records: Iterable[Record], metrics: Mapping[str, str | None]
) -> list[EvalSet]:
    """Return rows and records by source and sub-task; `metrics` is the metric of each source."""
    gold = {record.id: record for record in records}
    grouped: dict[tuple[str, str], list[InstructionRow]] = {}
    for row in rows:
        if row.record_id in gold:
            grouped.setdefault((row.source, row.subtask), []).append(row)
    eval_sets = []
    for (source, subtask), group in grouped.items():
        asked = [gold[name] for name in dict.fromkeys(row.record_id for row in group)]
        usual = metrics.get(source) or HEADLINE[asked[0].task]
        metric = METRIC_OF_SUBTASK.get(subtask, usual)
        eval_sets.append(EvalSet(source, subtask, metric, tuple(group), tuple(asked)))
    return eval_sets


def sample(rows: Sequence[InstructionRow], size: int, seed: int) -> list[InstructionRow]:
    """Return the rows of whole records, about `size` in all, shared fairly among the sources.

    Which records come first is decided by seed and id, so that a larger sample holds a smaller.
    """
    by_source: dict[str, dict[str, list[InstructionRow]]] = {}
    for row in rows:
        by_source.setdefault(row.source, {}).setdefault(row.record_id, []).append(row)
    queues = [
        [records[name] for name in sorted(records, key=lambda name: _rank(seed, name))]
        for records in by_source.values()
    ]
    chosen: list[InstructionRow] = []
    for turn in zip_longest(*queues, fillvalue=()):
        for record_rows in turn:
            if len(chosen) < size:
                chosen.extend(record_rows)
    return chosen


def _rank(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}-{name}".encode(), digest_size=8).digest()


def write_eval_set(eval_set: EvalSet, answers: Mapping[str, Answer], folder: Path) -> None:
    """Write gold, rows and the answers, in the order of the rows, below a folder of its name."""
    own = folder / eval_set.name
    own.mkdir(parents=True, exist_ok=True)
    for name, models in ((GOLD, eval_set.records), (ROWS, eval_set.rows)):
        write_whole(own / name, (model.model_dump_json().encode() + b"\n" for model in models))
    lines = (
        orjson.dumps({"id": answer.id, "raw": answer.raw, "cut": answer.cut}) + b"\n"
        for answer in answers_to(eval_set, answers)
    )
    write_whole(own / ANSWERS, lines)


def answers_to(eval_set: EvalSet, answers: Mapping[str, Answer]) -> Iterator[Answer]:
    """Yield the answers to the rows of a set, in their order."""
    return (answers[row.id] for row in eval_set.rows if row.id in answers)


def parse_eval_set(
    eval_set: EvalSet, answers: Mapping[str, Answer], parser: AnswerParser
) -> dict[str, ParsedAnswer]:
    """Return the answers to a set parsed, by the ids of its rows."""
    rows = {row.id: row for row in eval_set.rows}
    return parse_answers(
        rows, answers_to(eval_set, answers), documents_of(eval_set.records), parser
    )


def score_eval_set(
    eval_set: EvalSet,
    parsed: Mapping[str, ParsedAnswer],
    folder: Path,
    parser: AnswerParser,
    bootstrap: int = 0,
) -> Result:
    """Return the score of the answers to a set by its metric.

    The signature has the hashes of the files of the set, written to `folder` before.
    """
    own = folder / eval_set.name
    rows = {row.id: row for row in eval_set.rows}
    answers = scored_answers(rows, parsed, documents_of(eval_set.records), parser)
    inputs = {"answers": hash_file(own / ANSWERS), "rows": hash_file(own / ROWS)}
    answers = answers._replace(name=str(own / ANSWERS), inputs=inputs)
    labels = parser.labels.get(eval_set.source)
    options = ScoreOptions(
        metrics=(eval_set.metric,),
        na=labels.na.key if labels is not None and labels.na is not None else "unknown",
        bootstrap=bootstrap,
    )
    gold = row_set(eval_set.records, str(own / GOLD), eval_set.task)
    digest = sha256((own / GOLD).read_bytes())
    return evaluate(gold._replace(digest=digest), answers, options)
