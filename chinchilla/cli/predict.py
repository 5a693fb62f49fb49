"""The command `chinchilla predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import (
    FILE,
    FOLDER,
    MANY,
    SECONDS,
    batch_size_option,
    check_any_left,
    need,
    note,
    on_error_option,
    say_tally,
    standard_input,
    templates_option,
    trust_option,
    write_out,
)
from chinchilla.cli.eval import note_unconstrained
from chinchilla.cli.progress import answer_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chinchilla.predict.engine import Answer
    from chinchilla.predict.inputs import Defaults
    from chinchilla.schema import Record
    from chinchilla.tally import Tally


ENGINES = ("transformers", "openai")


def _engine(context: click.Context, option: click.Parameter, engine: str | None) -> str | None:
    """Return an engine that there is; raise ConfigError for vLLM, which answers as a server."""
    if engine == "vllm":
        from chinchilla.errors import ConfigError

        todo = "run `vllm serve MODEL`, and pass --engine openai --base-url http://HOST:8000/v1"
        raise ConfigError("--engine vllm", "vLLM is asked as a server", todo)
    if engine not in (None, *ENGINES):
        raise click.BadParameter(f"{engine!r} is not one of {', '.join(ENGINES)}.")
    return engine


@click.command()
@click.argument("model")
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    required=True,
    help='JSON Lines: records, or {"text": ...}; - for standard input.',
)
@click.option(
    "--out",
    type=FILE,
    help="File to write to; answers are kept beside it, so that a break loses none.",
)
@click.option(
    "--engine",
    metavar=f"[{'|'.join(ENGINES)}]",
    callback=_engine,
    help="What answers: openai with --base-url, else transformers by default.",
)
@click.option("--source", help="Whose labels are asked, where the lines do not say.")
@click.option(
    "--processed",
    type=FOLDER,
    help="Build whose labels and prompts are used; of a run its own, where that was moved.",
)
@click.option("--subtask", "subtasks", multiple=True, help="Sub-task to ask; those of the build.")
@click.option("--constrained", is_flag=True, help="Labels from those asked, spans from the text.")
@click.option("--base-url", help="Endpoint of engine openai, up to /v1.")
@click.option("--model-name", help="Name of the model at the endpoint, where MODEL is a run.")
@batch_size_option
@click.option("--max-new-tokens", type=MANY, help="Longest answer.")
@click.option("--concurrency", type=MANY, default=4, help="Prompts asked of an endpoint at once.")
@click.option(
    "--structured",
    type=click.Choice(["vllm", "llama.cpp"]),
    default="vllm",
    help="How an endpoint is sent the grammar of --constrained.",
)
@click.option("--timeout", type=SECONDS, default=120.0, help="Seconds for a whole answer.")
@click.option(
    "--retries",
    type=click.IntRange(0, 2**31 - 1),
    default=5,
    help="Times to ask an endpoint again after the first.",
)
@click.option(
    "--key-variable",
    default="OPENAI_API_KEY",
    help="Environment variable with the key, which is never printed.",
)
@click.option("--extra", help="Further fields of each request, as JSON.")
@trust_option
@on_error_option
@templates_option
def predict(inputs: Path, out: Path | None, on_error: str, **fields: Any) -> None:
    """Extract from texts with MODEL: a run, a model, or an endpoint's name of one."""
    from chinchilla.predict import extract
    from chinchilla.predict.inputs import Defaults
    from chinchilla.predict.model_loading import use_threads
    from chinchilla.tally import Tally

    use_threads(0)
    options = extract.PredictOptions(**fields)
    if not options.at_endpoint:
        need("train")
        if options.constrained:
            need("constrained")
    from chinchilla.runs.prediction import open_predictor, rendering_for

    rendering = rendering_for(options)
    tally = Tally(forgiving=on_error == "count")
    records = list(_records(inputs, Defaults(options.source, rendering.labels), tally))
    asked = extract.asked_rows(records, rendering, tally)
    _say_silent([record.id for record, rows in asked if not rows])
    check_any_left(asked, str(inputs), tally)
    engine, job = open_predictor(options, note, forgiving=tally.forgiving)
    asked = extract.fitting_rows(asked, engine, rendering, tally)
    check_any_left(asked, str(inputs), tally)
    prompts = extract.prompts_of(asked, rendering, limited=options.constrained)
    if not prompts:
        note(f"nothing to ask about {len(records):,} records")
    answers = extract.ask(engine, job, prompts, out, answer_progress("predicting"))
    note_unconstrained(engine.unconstrained)
    asked = extract.answered_rows(asked, answers, engine.refused, tally)
    _say_empty(answers)
    check_any_left(asked, str(inputs), tally)
    write_out(extract.predicted_lines(asked, answers, rendering), out)
    if out is not None:
        note(f"{len(asked):,} records in {out}")
    say_tally(tally)


def _records(inputs: Path, defaults: "Defaults", tally: "Tally") -> "Iterator[Record]":
    from chinchilla.errors import InputError
    from chinchilla.predict.inputs import read_inputs

    if str(inputs) == "-":
        yield from read_inputs(standard_input(), "-", defaults, tally)
        return
    try:
        with inputs.open("rb") as file:
            yield from read_inputs(file, str(inputs), defaults, tally)
    except OSError as error:
        what = error.strerror or "cannot be read"
        raise InputError(str(inputs), what, "pass another file") from error


def _say_silent(ids: list[str]) -> None:
    if ids:
        what = "records have nothing to ask (re-pair needs pairs, ee-argument events)"
        note(f"{len(ids):,} {what}, the first {ids[0]}")


def _say_empty(answers: "Mapping[str, Answer]") -> None:
    """Say how many answers are empty: they are read as answers that failed."""
    empty = [answer.id for answer in answers.values() if not answer.raw.strip()]
    if empty:
        note(f"{len(empty):,} answers are empty, the first {empty[0]}")
