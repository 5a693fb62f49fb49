"""What a model is asked on a split, and its score: an exam for each source and sub-task."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import orjson

from chinchilla.files import write_whole
from chinchilla.predict.engine import Answer
from chinchilla.prompts.queries import query_of
from chinchilla.schema import InstructionRow, LabelSet, Record, Task
from chinchilla.score.answers import RowReading
from chinchilla.score.evaluate import Evaluation, Request, evaluate
from chinchilla.score.registry import HEADLINE
from chinchilla.windows.merge import RowAnswer, merge_rows
from chinchilla.windows.project import Policy

METRIC_OF_SUBTASK = {
    "re-pair": "re_boundary_set",
    "ee-trigger": "ee_trigger",
    "ee-argument": "ee_argument",
}
"""What scores a sub-task that is only a part of what its source's metric looks at."""


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
        """Return the name under which its files are kept."""
        return f"{self.source}-{self.subtask}"


def make_eval_sets(
    rows: Iterable[InstructionRow], records: Iterable[Record], metrics: Mapping[str, str | None]
) -> list[EvalSet]:
    """Group rows and records by source and sub-task; `metrics` is the metric of each source."""
    gold = {record.id: record for record in records}
    grouped: dict[tuple[str, str], list[InstructionRow]] = {}
    for row in rows:
        if row.record_id in gold:
            grouped.setdefault((row.source, row.subtask), []).append(row)
    eval_sets = []
    for (source, subtask), some in grouped.items():
        asked = dict.fromkeys(row.record_id for row in some)
        own = metrics.get(source) or HEADLINE[gold[next(iter(asked))].task]
        metric = METRIC_OF_SUBTASK.get(subtask, own)
        eval_sets.append(
            EvalSet(source, subtask, metric, tuple(some), tuple(gold[one] for one in asked))
        )
    return eval_sets


def sample(rows: Sequence[InstructionRow], wanted: int, seed: int) -> list[InstructionRow]:
    """Choose whole records, about `wanted` rows in all, shared fairly among the sources.

    Which records come first is decided by seed and id, so that a larger sample holds a smaller.
    """
    by_source: dict[str, dict[str, list[InstructionRow]]] = {}
    for row in rows:
        by_source.setdefault(row.source, {}).setdefault(row.record_id, []).append(row)
    queues = [
        [records[name] for name in sorted(records, key=lambda name: _place(seed, name))]
        for records in by_source.values()
    ]
    chosen: list[InstructionRow] = []
    for turn in zip_longest(*queues):
        for some in turn:
            if some is not None and (len(chosen) < wanted):
                chosen.extend(some)
    return chosen


def _place(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}-{name}".encode(), digest_size=8).digest()


def write_eval_set(eval_set: EvalSet, folder: Path) -> None:
    """Write gold and rows of an exam below a folder of its name."""
    place = folder / eval_set.name
    place.mkdir(parents=True, exist_ok=True)
    _write(place / "gold.jsonl", (one.model_dump_json().encode() for one in eval_set.records))
    _write(place / "rows.jsonl", (one.model_dump_json().encode() for one in eval_set.rows))


def write_answers(eval_set: EvalSet, answers: Mapping[str, Answer], folder: Path) -> Path:
    """Write the answers to an exam in the order of its rows; return the file."""
    path = folder / eval_set.name / "answers.jsonl"
    found = (answers[row.id] for row in eval_set.rows if row.id in answers)
    lines = (orjson.dumps({"id": one.id, "raw": one.raw, "cut": one.cut}) for one in found)
    _write(path, lines)
    return path


def _write(path: Path, lines: Iterator[bytes]) -> None:
    write_whole(path, (line + b"\n" for line in lines))


class ScoringOptions(NamedTuple):
    """How answers are read and scored: labels by source, how windows of one event are joined.

    `bootstrap` is the number of resamples of the interval; `keep` keeps the documents, which a
    page shows.
    """

    labels: Mapping[str, LabelSet]
    policy: Policy = "keep"
    bootstrap: int = 0
    keep: bool = False

    @property
    def reading(self) -> RowReading:
        """Return how rows are read and their answers merged."""
        labels, policy = self.labels, self.policy
        return RowReading(
            lambda row: query_of(row, labels[row.source]),
            lambda text, told, mentions: merge_rows(
                text,
                [RowAnswer(*one) for one in told],
                policy,
                mentions,
                _na(labels[told[0][0].source]),
            ),
            policy,
        )


def score_eval_set(eval_set: EvalSet, folder: Path, marking: ScoringOptions) -> Evaluation:
    """Score the answers written to an exam; its metric stands first."""
    place = folder / eval_set.name
    request = Request(
        task=eval_set.task,
        gold=place / "gold.jsonl",
        answers=place / "answers.jsonl",
        rows=place / "rows.jsonl",
        metrics=(eval_set.metric,),
        na=_na(marking.labels.get(eval_set.source)),
        bootstrap=marking.bootstrap,
        subtask=eval_set.subtask,
    )
    return evaluate(request, marking.reading, keep=marking.keep)


def _na(labels: LabelSet | None) -> str:
    return labels.na.key if labels is not None and labels.na is not None else "unknown"


def f1_of(found: Evaluation) -> float:
    """Return the F1 of the headline metric."""
    return found.scores[found.headline].micro.f1
