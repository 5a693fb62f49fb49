"""From texts to predicted records: rows, prompts, answers; what is left out is counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import orjson

from chinchilla.errors import EngineError, LengthError, PromptError, Tally
from chinchilla.files import check_writable, write_whole
from chinchilla.predict.answer_log import AnswerJob, answer_all, open_answer_log
from chinchilla.predict.chat_api import EndpointOptions, Structured, extra_fields
from chinchilla.predict.engine import Answer, Engine, Prompt
from chinchilla.predict.postprocess import AnswerParser, AskedRow, predicted, prompt_of
from chinchilla.predict.prompting import PromptRendering
from chinchilla.schema import Record

Progress = Callable[[int], AbstractContextManager[Callable[[object], object]]]
"""From the number of answers to come to what is called with each of them."""
_OUT = "pass another file with --out"


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


def asked_rows(
    records: Iterable[Record], rendering: PromptRendering, tally: Tally
) -> list[AskedRow]:
    """Return the rows that ask about each record; a record too long for its window is refused."""
    asked = []
    for record in records:
        try:
            asked.append(AskedRow(record, tuple(rendering.rows([record]))))
        except LengthError as error:
            tally.refuse(error)
    return asked


def fitting_rows(
    asked: Sequence[AskedRow], engine: Engine, rendering: PromptRendering, tally: Tally
) -> list[AskedRow]:
    """Return the records whose prompts leave the model room to answer; refuse the others."""
    errors = engine.too_long(prompts_of(asked, rendering))
    kept = []
    for record in asked:
        error = next((errors[row.id] for row in record.rows if row.id in errors), None)
        if error is None:
            kept.append(record)
        else:
            tally.refuse(error)
    return kept


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
    check_writable(out, _OUT)
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
    for line in predicted(asked, answers, parser):
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def write_predictions(out: Path, lines: Iterable[bytes]) -> None:
    """Write predicted records to a file, whole or not at all."""
    write_whole(out, lines, _OUT)
