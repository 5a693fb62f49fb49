"""Evaluate a run on a split: ask, keep every answer, score each exam."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.dataset.read import read_confusions
from chinchilla.errors import ConfigError, TrainError
from chinchilla.files import write_whole
from chinchilla.predict.answer_log import Advice, Job, answer_all, open_journal
from chinchilla.predict.engine import Answer, Engine, Prompt
from chinchilla.predict.postprocess import Asked, predicted, prompt_of
from chinchilla.predict.prompting import Rendering, held_out, rendering_of
from chinchilla.prompts.few_shot import DemonstrationPool, PoolSize
from chinchilla.runs.eval_sets import (
    Exam,
    Marking,
    make_exams,
    score_exam,
    write_answers,
    write_exam,
)
from chinchilla.schema import InstructionRow, Record
from chinchilla.score.evaluate import Evaluation
from chinchilla.score.result import result
from chinchilla.train.data import Data, changed_in, instead_of, split_records, split_rows

BOOTSTRAP = 1_000
JOURNAL = "answers.jsonl"
PREDICTIONS = "predictions.jsonl"
SCORE = "score.json"
_IN_A_RUN = Advice(
    "delete it to ask anew",
    "wait for the other eval",
    "make room there, or evaluate a copy of the run",
)


Watching = Callable[[int], AbstractContextManager[Callable[[object], object]]]
"""From the number of answers to come to what is called with each."""


class Sitting(NamedTuple):
    """The exams of a split, asked once: free or constrained, by usual or held-out wordings."""

    exams: Sequence[Exam]
    folder: Path
    marking: Marking
    constrained: bool

    @property
    def name(self) -> str:
        """Return how the answers came about."""
        return "constrained" if self.constrained else "free"


def check_templates(
    facts: Mapping[str, Any], now: Mapping[str, str], where: str = "templates"
) -> None:
    """Raise TrainError where prompts are worded otherwise by now than when a run was trained.

    `where` names what they are worded by: the templates here, or a build.
    """
    if changed := changed_in(facts["data"]["templates"], now):
        what = f"trained with other wordings than those here ({changed} changed)"
        todo = "put the templates back as they were, or build and train again"
        todo = instead_of(todo, facts["data"]["templates"], now)
        raise TrainError(where, what, todo)


def exams_of(data: Data, split: str, rendering: Rendering | None = None) -> list[Exam]:
    """Return the exams of a whole split: its built rows, or those of another rendering.

    Raises ConfigError where the build has no such split.
    """
    records = list(split_records(data, split))
    if not records:
        found = ", ".join(data.processed.splits)
        raise ConfigError(str(data.folder), f"no split {split!r}", f"it has {found}")
    rows: Sequence[InstructionRow]
    rows = list(split_rows(data, split) if rendering is None else rendering.rows(records))
    exams = make_exams(rows, records, data.metrics)
    if not exams:
        what = f"no question about {split}"
        raise ConfigError(str(data.folder), what, "build with the sub-tasks of the run")
    return exams


def other_wordings(data: Data) -> Rendering:
    """Return the rendering by held-out wordings; examples come from the build's train split."""
    config = data.processed.manifest["config"]
    confusions = read_confusions(data.folder, data.processed.hashes)
    rendering = held_out(rendering_of(config, data.labels, confusions, data.subtasks))
    return rendering._replace(pools=pools_of(data, rendering))


def pools_of(data: Data, rendering: Rendering) -> dict[str, DemonstrationPool]:
    """Return the examples of each source, where prompts show any."""
    if not rendering.prompts.demonstrations:
        return {}
    by_source: dict[str, list[Record]] = {}
    for record in split_records(data, "train"):
        by_source.setdefault(record.source, []).append(record)
    return {
        source: DemonstrationPool(records, rendering.seed, PoolSize())
        for source, records in by_source.items()
    }


def ask_sitting(sitting: Sitting, engine: Engine, job: Job, watch: Watching) -> dict[str, Answer]:
    """Ask what was not answered before, and write the answers of each exam in order."""
    prompts = prompts_of(sitting)
    try:
        sitting.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"no folder can be made here ({error.strerror})"
        raise ConfigError(str(sitting.folder), what, "move away what is in its place") from error
    with open_journal(sitting.folder / JOURNAL, job, prompts, _IN_A_RUN) as journal:
        left = len(prompts) - len(journal.answers)
        with watch(left) as step:
            answers = answer_all(engine, prompts, journal, step)
    for exam in sitting.exams:
        write_exam(exam, sitting.folder)
        write_answers(exam, answers, sitting.folder)
    _write_predictions(sitting, answers)
    return answers


def prompts_of(sitting: Sitting) -> list[Prompt]:
    """Return what is asked, limits in it where the answers are constrained."""
    prompts = []
    for exam in sitting.exams:
        records = {record.id: record for record in exam.records}
        labels = sitting.marking.labels[exam.source]
        prompts += [
            prompt_of(row, records[row.record_id], labels, limited=sitting.constrained)
            for row in exam.rows
        ]
    return prompts


def _write_predictions(sitting: Sitting, answers: Mapping[str, Answer]) -> None:
    lines = (
        orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        for exam in sitting.exams
        for line in _predicted(exam, answers, sitting.marking)
    )
    write_whole(sitting.folder / PREDICTIONS, lines)


def _predicted(
    exam: Exam, answers: Mapping[str, Answer], marking: Marking
) -> Iterator[dict[str, Any]]:
    rows: dict[str, list[InstructionRow]] = {}
    for row in exam.rows:
        rows.setdefault(row.record_id, []).append(row)
    asked = (Asked(one, tuple(rows[one.id])) for one in exam.records)
    mentions = all(one.start is not None for record in exam.records for one in record.entities)
    return predicted(asked, answers, marking.labels, marking.policy, mentions)


def cut_in(sitting: Sitting, name: str, answers: Mapping[str, Answer]) -> int:
    """Count the answers to an exam that reached the limit before their end."""
    rows = [row for exam in sitting.exams if exam.name == name for row in exam.rows]
    return sum(answers[row.id].cut for row in rows)


def score_sitting(sitting: Sitting) -> dict[str, Evaluation]:
    """Score every exam with its interval; the documents are kept for a page."""
    marking = sitting.marking._replace(bootstrap=BOOTSTRAP, keep=True)
    return {exam.name: score_exam(exam, sitting.folder, marking) for exam in sitting.exams}


def write_score(
    sitting: Sitting, scores: Mapping[str, Evaluation], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write score.json: what was asked of which run, and the result of each exam."""
    found = {**facts, "exams": {name: result(one) for name, one in scores.items()}}
    data = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_whole(sitting.folder / SCORE, [data])
    return found
