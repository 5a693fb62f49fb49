"""Evaluate a run on a split: keep every answer, parse each once, score each set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.dataset.read import read_confusions
from chinchilla.errors import ConfigError
from chinchilla.files import write_whole
from chinchilla.predict.answer_log import Advice, AnswerJob, answer_all, open_answer_log
from chinchilla.predict.engine import Answer, Engine, Prompt
from chinchilla.predict.extract import PromptRendering, held_out, rendering_of
from chinchilla.predict.postprocess import (
    AnswerParser,
    ParsedAnswer,
    documents_of,
    predicted_record,
    prompt_of,
)
from chinchilla.prompts.few_shot import DemonstrationPool, PoolSize
from chinchilla.runs.eval_sets import (
    EvalSet,
    make_eval_sets,
    parse_eval_set,
    score_eval_set,
    write_eval_set,
)
from chinchilla.schema import InstructionRow, Record
from chinchilla.score.result import Result
from chinchilla.train.data import Data, split_records, split_rows

BOOTSTRAP = 1_000
ANSWER_LOG = "answers.jsonl"
PREDICTIONS = "predictions.jsonl"
SCORE = "score.json"
_IN_A_RUN = Advice(
    "delete it to ask anew",
    "wait for the other eval",
    "make room there, or evaluate a copy of the run",
)


Watching = Callable[[int], AbstractContextManager[Callable[[object], object]]]
"""From the number of answers to come to what is called with each."""


class EvalRun(NamedTuple):
    """The evaluation sets of a split, asked once: free or constrained."""

    eval_sets: Sequence[EvalSet]
    folder: Path
    parser: AnswerParser
    constrained: bool

    @property
    def name(self) -> str:
        """Return how the answers came about."""
        return "constrained" if self.constrained else "free"


def eval_sets_of(data: Data, split: str, rendering: PromptRendering | None = None) -> list[EvalSet]:
    """Return the evaluation sets of a whole split: its built rows, or those of a rendering.

    Raises ConfigError where the build has no such split.
    """
    records = list(split_records(data, split))
    if not records:
        splits = ", ".join(data.processed.splits)
        raise ConfigError(str(data.folder), f"no split {split!r}", f"it has {splits}")
    rows: Sequence[InstructionRow]
    rows = list(split_rows(data, split) if rendering is None else rendering.rows(records))
    eval_sets = make_eval_sets(rows, records, data.metrics)
    if not eval_sets:
        what = f"no question about {split}"
        raise ConfigError(str(data.folder), what, "build with the sub-tasks of the run")
    return eval_sets


def held_out_rendering(data: Data) -> PromptRendering:
    """Return the rendering by held-out wordings; examples come from the build's train split."""
    config = data.processed.manifest.config.model_dump(mode="json")
    confusions = read_confusions(data.folder, data.processed.hashes)
    rendering = held_out(rendering_of(config, data.labels, confusions, data.subtasks))
    return rendering._replace(pools=pools_of(data, rendering))


def pools_of(data: Data, rendering: PromptRendering) -> dict[str, DemonstrationPool]:
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


def run_eval_sets(
    eval_run: EvalRun, engine: Engine, job: AnswerJob, watch: Watching
) -> dict[str, Answer]:
    """Return all answers: what was not answered before is asked. Gold and rows are written too."""
    prompts = prompts_of(eval_run)
    try:
        eval_run.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"no folder can be made here ({error.strerror})"
        raise ConfigError(str(eval_run.folder), what, "move away what is in its place") from error
    with open_answer_log(eval_run.folder / ANSWER_LOG, job, prompts, _IN_A_RUN) as answer_log:
        left = len(prompts) - len(answer_log.answers)
        with watch(left) as step:
            answers = answer_all(engine, prompts, answer_log, step)
    for eval_set in eval_run.eval_sets:
        write_eval_set(eval_set, answers, eval_run.folder)
    return answers


def prompts_of(eval_run: EvalRun) -> list[Prompt]:
    """Return what is asked, limits in it where the answers are constrained."""
    prompts = []
    for eval_set in eval_run.eval_sets:
        records = {record.id: record for record in eval_set.records}
        labels = eval_run.parser.labels[eval_set.source]
        prompts += [
            prompt_of(row, records[row.record_id], labels, limited=eval_run.constrained)
            for row in eval_set.rows
        ]
    return prompts


def score_eval_run(eval_run: EvalRun, answers: Mapping[str, Answer]) -> dict[str, Result]:
    """Write the predicted records, and return the score of each set with its interval."""
    parsed = {
        eval_set.name: parse_eval_set(eval_set, answers, eval_run.parser)
        for eval_set in eval_run.eval_sets
    }
    lines = (
        orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        for eval_set in eval_run.eval_sets
        for record in _predicted(eval_set, parsed[eval_set.name], eval_run.parser)
    )
    write_whole(eval_run.folder / PREDICTIONS, lines)
    return {
        eval_set.name: score_eval_set(
            eval_set, parsed[eval_set.name], eval_run.folder, eval_run.parser, BOOTSTRAP
        )
        for eval_set in eval_run.eval_sets
    }


def _predicted(
    eval_set: EvalSet, parsed: Mapping[str, ParsedAnswer], parser: AnswerParser
) -> Iterator[dict[str, Any]]:
    by_record: dict[str, list[ParsedAnswer]] = {}
    for row in eval_set.rows:
        by_record.setdefault(row.record_id, []).append(parsed[row.id])
    mentions = documents_of(eval_set.records).mentions
    for record in eval_set.records:
        yield predicted_record(record, by_record[record.id], parser, mentions=mentions)


def write_score(
    eval_run: EvalRun, scores: Mapping[str, Result], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write score.json: what was asked of which run, and the result of each set."""
    report = {**facts, "exams": {name: result.to_dict() for name, result in scores.items()}}
    data = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_whole(eval_run.folder / SCORE, [data])
    return report
