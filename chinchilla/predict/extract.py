"""From texts to predicted records: rows, prompts, answers; what is left out is counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.answers import SUBTASKS
from chinchilla.errors import ConfigError, EngineError, LengthError, PromptError
from chinchilla.files import check_writable
from chinchilla.predict.answer_log import OUT, AnswerJob, answer_all, open_answer_log
from chinchilla.predict.chat_api import EndpointOptions, Structured, extra_fields
from chinchilla.predict.engine import Answer, Engine, Prompt
from chinchilla.predict.postprocess import (
    AnswerParser,
    parse_answer,
    predicted_record,
    prompt_of,
)
from chinchilla.prompts.budget import Cutter, make_cutter
from chinchilla.prompts.few_shot import DemonstrationPool
from chinchilla.prompts.hard_negatives import Confusions
from chinchilla.prompts.options import PromptOptions, WindowOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import InstructionRow, LabelSet, Record
from chinchilla.tally import Tally

Progress = Callable[[int], AbstractContextManager[Callable[[object], object]]]
"""From the number of answers to come to what is called with each of them."""


class PromptRendering(NamedTuple):
    """How a build renders rows: labels, options and seed.

    By source: `pools` has the examples to show, `confusions` the labels that are batched together.
    """

    labels: Mapping[str, LabelSet]
    prompts: PromptOptions
    windows: WindowOptions
    seed: int
    pools: Mapping[str, DemonstrationPool]
    confusions: Mapping[str, Confusions]

    def _prompter(self, source: str) -> Prompter:
        """Return what renders the rows of a source; raise ConfigError where it cannot."""
        if source not in self.labels:
            known = ", ".join(self.labels)
            what = f"no labels are known for source {source!r}"
            raise ConfigError("records", what, f"pass --source, one of {known}")
        if self.prompts.demonstrations and source not in self.pools:
            what = f"the prompts show examples, but there is no train split of {source} here"
            raise ConfigError("records", what, "pass --processed with the build of the run")
        return Prompter(
            self.labels[source],
            self.seed,
            self.prompts,
            confusions=self.confusions.get(source, {}),
            pool=self.pools.get(source),
        )

    def rows(self, records: Iterable[Record]) -> Iterator[InstructionRow]:
        """Yield the rows of each record, as the build renders those of dev and test."""
        return chain.from_iterable(map(self.renderer(), records))

    def renderer(self) -> Callable[[Record], Iterator[InstructionRow]]:
        """Return what yields the rows of a record; what a source needs is made once."""
        ways: dict[str, tuple[Prompter, Cutter | None]] = {}

        def rows_of(record: Record) -> Iterator[InstructionRow]:
            if record.source not in ways:
                prompter = self._prompter(record.source)
                ways[record.source] = prompter, make_cutter(self.windows, prompter)
            prompter, cutter = ways[record.source]
            if cutter is None:
                yield from prompter.rows(record)
                return
            for window, part in cutter.windows(record, Counter()):
                yield from map(prompter.row, prompter.queries_of_record(part, window))

        return rows_of


def rendering_of(
    config: Mapping[str, Any],
    labels: Mapping[str, LabelSet],
    confusions: Mapping[str, Confusions],
    subtasks: tuple[str, ...] = (),
) -> PromptRendering:
    """Return the rendering of a build's configuration, as its manifest has it.

    Raises:
        ConfigError: a sub-task is unknown, or the build batched labels by confusions it lacks.
    """
    prompts = PromptOptions.model_validate(config["prompts"])
    unknown = [name for name in subtasks if name not in SUBTASKS]
    if unknown:
        todo = f"the known ones are {', '.join(SUBTASKS)}"
        raise ConfigError("--subtask", f"no sub-task {unknown[0]!r}", todo)
    for source in prompts.hard_negatives:
        batched = source in labels and prompts.batch_size(labels[source].task) > 0
        if batched and source not in confusions:
            what = "the build kept no confusable labels, so its prompts cannot be made again"
            raise ConfigError(f"hard_negatives.{source}", what, "build and train again")
    if subtasks:
        prompts = prompts.model_copy(update={"subtasks": subtasks})
    windows = WindowOptions.model_validate(config["windows"])
    return PromptRendering(labels, prompts, windows, config["seed"], {}, confusions)


def held_out(rendering: PromptRendering) -> PromptRendering:
    """Return the rendering by templates that no training row was made with."""
    prompts = rendering.prompts.model_copy(update={"templates": "held-out", "wordings": ()})
    return rendering._replace(prompts=prompts)


@dataclass(frozen=True)
class PredictOptions:
    """The options of `chinchilla predict` that say what is asked, and of which model.

    `engine` is `transformers` or `openai`; None is chosen by whether there is a `base_url`.
    `max_new_tokens` None is as many as the model was trained to write. The rest are those of
    `EndpointOptions`, `extra` as JSON.
    """

    model: str
    engine: str | None
    source: str | None
    processed: Path | None
    subtasks: tuple[str, ...]
    constrained: bool
    batch_size: int
    max_new_tokens: int | None
    trust_remote_code: bool
    base_url: str | None
    model_name: str | None
    concurrency: int
    structured: Structured
    timeout: float
    retries: int
    key_variable: str
    extra: str | None

    @property
    def at_endpoint(self) -> bool:
        """Whether an endpoint is asked."""
        return (self.engine or ("openai" if self.base_url else "")) == "openai"

    def endpoint(self, base_url: str, model: str, max_tokens: int) -> EndpointOptions:
        """Return how an endpoint is asked; raise ConfigError for a value that cannot be used."""
        return EndpointOptions(
            base_url,
            model,
            max_tokens=max_tokens,
            concurrency=self.concurrency,
            timeout=self.timeout,
            retries=self.retries,
            extra=extra_fields(self.extra or "{}"),
            key_variable=self.key_variable,
            structured=self.structured if self.constrained else "off",
        )


class AskedRow(NamedTuple):
    """A record and the rows that ask about it."""

    record: Record
    rows: tuple[InstructionRow, ...]


def asked_rows(
    records: Iterable[Record], rendering: PromptRendering, tally: Tally
) -> list[AskedRow]:
    """Return the rows that ask about each record; a record too long for its window is refused."""
    asked, rows_of = [], rendering.renderer()
    for record in records:
        try:
            asked.append(AskedRow(record, tuple(rows_of(record))))
        except LengthError as error:
            tally.refuse(error)
    return asked


def fitting_rows(
    asked: Sequence[AskedRow], engine: Engine, rendering: PromptRendering, tally: Tally
) -> list[AskedRow]:
    """Return the records whose prompts leave the model room to answer; refuse the others."""
    errors = engine.too_long(prompts_of(asked, rendering))
    for record in asked:
        if error := next((errors[row.id] for row in record.rows if row.id in errors), None):
            tally.refuse(error)
    return [record for record in asked if not any(row.id in errors for row in record.rows)]


def prompts_of(
    asked: Iterable[AskedRow], rendering: PromptRendering, *, limited: bool = False
) -> list[Prompt]:
    """Return the prompt of each row, with its limits for constrained answers."""
    return [
        prompt_of(row, record, rendering.labels[row.source], limited=limited)
        for record, rows in asked
        for row in rows
    ]


def ask(
    engine: Engine, job: AnswerJob, prompts: Sequence[Prompt], out: Path | None, progress: Progress
) -> dict[str, Answer]:
    """Return the answers by prompt id.

    With `out` every answer is kept in `<out>.answers`, and what is there is not asked again.

    Raises:
        ConfigError: `out` cannot be written, or its answers are those of another job.
        EngineError: the model cannot be asked.
    """
    if out is None:
        answers = {}
        with progress(len(prompts)) as step:
            for answer in engine.answers(prompts):
                answers[answer.id] = answer
                step(answer)
        return answers
    out.parent.mkdir(parents=True, exist_ok=True)
    check_writable(out, OUT.unusable)
    with (
        open_answer_log(out.with_name(f"{out.name}.answers"), job, prompts) as answer_log,
        progress(len(prompts) - len(answer_log.answers)) as step,
    ):
        return answer_all(engine, prompts, answer_log, step)


def answered_rows(
    asked: Iterable[AskedRow],
    answers: Mapping[str, Answer],
    refused: Mapping[str, PromptError],
    tally: Tally,
) -> list[AskedRow]:
    """Return the records all of whose prompts were answered; the refused prompts are counted.

    Raises:
        EngineError: no prompt was answered; it names the most common reason.
    """
    errors = [refused[id_] for id_ in sorted(refused)]
    for error in errors:
        tally.refuse(error)
    if errors and not answers:
        ((reason, times),) = Counter(error.reason for error in errors).most_common(1)
        first = next(error for error in errors if error.reason == reason)
        what = f"no prompt was answered, {times:,} times {reason}; first {first.what}"
        raise EngineError(first.where, what, first.todo)
    return [record for record in asked if all(row.id in answers for row in record.rows)]


def predicted_lines(
    asked: Iterable[AskedRow], answers: Mapping[str, Answer], rendering: PromptRendering
) -> Iterator[bytes]:
    """Yield each predicted record as a line of JSON."""
    parser = AnswerParser(rendering.labels, rendering.windows.events)
    for record, rows in asked:
        parsed = [parse_answer(row, answers[row.id], record, parser) for row in rows]
        line = predicted_record(record, parsed, parser, mentions=True)
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
