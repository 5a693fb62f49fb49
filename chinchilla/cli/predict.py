"""The command `chinchilla predict`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import (
    MANY,
    SECONDS,
    batch_size_option,
    check_any_left,
    need,
    on_error_option,
    say,
    say_tally,
    standard_input,
    templates_option,
    trust_option,
)
from chinchilla.cli.eval import say_lifted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chinchilla.errors import PromptError, Tally
    from chinchilla.predict.answer_log import Job
    from chinchilla.predict.engine import Engine, Prompt
    from chinchilla.predict.postprocess import Asked
    from chinchilla.predict.prompting import Rendering
    from chinchilla.schema import Record


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
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write to; answers are kept beside it, so that a break loses none.",
)
@click.option(
    "--engine",
    type=click.Choice(["transformers", "openai", "vllm"]),
    help="What answers: openai with --base-url, else transformers by default.",
)
@click.option("--source", help="Whose labels are asked, where the lines do not say.")
@click.option(
    "--processed",
    type=click.Path(path_type=Path, file_okay=False),
    help="Build whose labels and prompts are used; of a run its own, where that was moved.",
)
@click.option("--subtask", "subtasks", multiple=True, help="Sub-task to ask; those of the build.")
@click.option("--constrained", is_flag=True, help="Labels from those asked, spans from the text.")
@click.option("--base-url", help="Endpoint of engine openai, up to /v1.")
@click.option("--model-name", help="Name of the model at the endpoint, where MODEL is a run.")
@batch_size_option
@click.option("--max-new-tokens", type=MANY, help="Longest answer.")
@click.option(
    "--concurrency",
    type=MANY,
    default=4,
    show_default=True,
    help="Prompts asked of an endpoint at once.",
)
@click.option(
    "--structured",
    type=click.Choice(["vllm", "llama.cpp"]),
    default="vllm",
    show_default=True,
    help="How an endpoint is sent the grammar of --constrained.",
)
@click.option(
    "--timeout", type=SECONDS, default=120.0, show_default=True, help="Seconds for a whole answer."
)
@click.option(
    "--retries",
    type=click.IntRange(0, 2**31 - 1),
    default=5,
    show_default=True,
    help="Times to ask an endpoint again after the first.",
)
@click.option(
    "--key-variable",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Environment variable with the key, which is never printed.",
)
@click.option("--extra", help="Further fields of each request, as JSON.")
@trust_option
@on_error_option
@templates_option
def predict(model: str, inputs: Path, out: Path | None, on_error: str, **given: Any) -> None:
    """Extract from texts with MODEL: a run, a model, or an endpoint's name of one."""
    from chinchilla.errors import Tally
    from chinchilla.predict.local import use_threads

    use_threads(0)
    given["engine"] = given["engine"] or ("openai" if given["base_url"] else "transformers")
    if given["engine"] != "openai":
        need("train")
    if given["constrained"] and given["engine"] == "transformers":
        need("constrained")
    rendering = _rendering(model, given)
    tally = Tally(forgiving=on_error == "count")
    records = list(_records(inputs, rendering, given["source"], tally))
    asked = _asked(records, rendering, tally)
    check_any_left(asked, str(inputs), tally)
    engine, job = _engine(model, given, tally.forgiving)
    asked = _with_room(engine, asked, rendering, tally)
    check_any_left(asked, str(inputs), tally)
    prompts = _prompts(asked, rendering, given["constrained"])
    if not prompts:
        say(f"nothing to ask about {len(records):,} records", err=True)
    answers = _answered(engine, job, prompts, out)
    say_lifted(getattr(engine, "lifted", {}))
    asked = _all_answered(asked, answers, getattr(engine, "refused", {}), tally)
    _say_empty(answers)
    check_any_left(asked, str(inputs), tally)
    _write(answers, asked, rendering, out)
    say_tally(tally)


def _rendering(model: str, given: dict[str, Any]) -> "Rendering":
    """Return how the run's build asked, or the build named."""
    from chinchilla.dataset.read import MANIFEST, read_confusions, read_labels
    from chinchilla.errors import ConfigError
    from chinchilla.predict.prompting import rendering_of
    from chinchilla.runs.evaluate import check_templates, pools_of
    from chinchilla.runs.folder import RUN, finished_run, is_run, kept_by
    from chinchilla.templates import template_hashes
    from chinchilla.train.data import open_data

    wanted, processed = given["subtasks"], given["processed"]
    if is_run(Path(model)):
        facts = finished_run(Path(model))
        check_templates(facts, template_hashes())
        if processed is not None:
            _check_moved(facts, processed)
        kept, named, by = Path(model), kept_by(Path(model), facts), RUN
        config = facts["data"]["build"]
        subtasks = wanted or tuple(facts["config"]["subtasks"])
    elif processed is not None:
        build = open_data(processed, "all", ()).processed
        kept, named, by = processed, build.hashes, MANIFEST
        config, subtasks = build.manifest["config"], wanted
    else:
        what = "not a run, so it brings no labels and no prompts"
        raise ConfigError(model, what, "pass --processed with a build")
    labels, confusions = read_labels(kept, named, by), read_confusions(kept, named, by)
    rendering = rendering_of(config, labels, confusions, subtasks)
    if processed is not None and rendering.prompts.demonstrations:
        data = open_data(processed, "all", ())
        rendering = rendering._replace(pools=pools_of(data, rendering))
    return rendering


def _check_moved(facts: dict[str, Any], processed: Path) -> None:
    """Raise ConfigError unless a build is the one that a run was trained on."""
    from chinchilla.errors import ConfigError
    from chinchilla.train.data import open_data

    if open_data(processed, "all", ()).processed.sha256 != facts["data"]["manifest"]:
        what = "not the build that this run was trained on (another manifest)"
        raise ConfigError(str(processed), what, "leave --processed out, or name that build")


def _records(
    inputs: Path, rendering: "Rendering", source: str | None, tally: "Tally"
) -> "Iterator[Record]":
    from chinchilla.errors import InputError
    from chinchilla.predict.inputs import Defaults, read_inputs

    defaults = Defaults(source, rendering.labels)
    if str(inputs) == "-":
        yield from read_inputs(standard_input(), "-", defaults, tally)
        return
    try:
        with inputs.open("rb") as file:
            yield from read_inputs(file, str(inputs), defaults, tally)
    except OSError as error:
        what = error.strerror or "cannot be read"
        raise InputError(str(inputs), what, "pass another file") from error


def _asked(records: "Sequence[Record]", rendering: "Rendering", tally: "Tally") -> "list[Asked]":
    from chinchilla.errors import LengthError
    from chinchilla.predict.postprocess import Asked

    found = []
    for record in records:
        try:
            found.append(Asked(record, tuple(rendering.rows([record]))))
        except LengthError as error:
            tally.refuse(error)
    silent = [one.record.id for one in found if not one.rows]
    if silent:
        words = "records have nothing to ask (re-pair needs pairs, ee-argument events)"
        say(f"{len(silent):,} {words}, the first {silent[0]}", err=True)
    return found


def _with_room(
    engine: "Engine", asked: "list[Asked]", rendering: "Rendering", tally: "Tally"
) -> "list[Asked]":
    """Return the records whose prompts leave a model here room to answer; refuse the others."""
    too_long = getattr(engine, "too_long", None)
    if too_long is None:
        return asked
    wrong = too_long(_prompts(asked, rendering, False))
    kept = []
    for one in asked:
        errors = [wrong[row.id] for row in one.rows if row.id in wrong]
        if errors:
            tally.refuse(errors[0])
        else:
            kept.append(one)
    return kept


def _prompts(asked: "Sequence[Asked]", rendering: "Rendering", limited: bool) -> "list[Prompt]":
    from chinchilla.predict.postprocess import prompt_of

    return [
        prompt_of(row, one.record, rendering.labels[row.source], limited=limited)
        for one in asked
        for row in one.rows
    ]


def _engine(model: str, given: dict[str, Any], forgiving: bool) -> "tuple[Engine, Job]":
    if given["engine"] == "openai":
        return _endpoint(model, given, forgiving)
    if given["engine"] == "vllm":
        return _vllm(model, given)
    from chinchilla.runs.model import Wanted, open_engine

    room = given["max_new_tokens"] or 0
    wanted = Wanted(given["batch_size"], room, constrained=given["constrained"])
    return open_engine(model, wanted, _say, given["trust_remote_code"])


def _endpoint(model: str, given: dict[str, Any], forgiving: bool) -> "tuple[Engine, Job]":
    from chinchilla.errors import ConfigError
    from chinchilla.predict.chat_api import EndpointOptions
    from chinchilla.predict.constrained import grammar_of
    from chinchilla.predict.endpoint import Endpoint

    if given["base_url"] is None:
        raise ConfigError("--engine openai", "no endpoint", "pass --base-url, as far as /v1")
    limited = given["constrained"]
    options = EndpointOptions(
        given["base_url"],
        _name_at_endpoint(model, given["model_name"]),
        max_tokens=given["max_new_tokens"] or _usual_room(model),
        concurrency=given["concurrency"],
        timeout=given["timeout"],
        retries=given["retries"],
        extra=_fields(given["extra"]),
        key_variable=given["key_variable"],
        structured=given["structured"] if limited else "off",
    )
    engine = Endpoint(options, grammar_of if limited else None, forgiving=forgiving)
    return engine, options.job


def _usual_room(model: str) -> int:
    """Return how many tokens an answer may take where nobody says: as many as a run learnt."""
    from chinchilla.predict.engine import UNKNOWN_ANSWER, room_for
    from chinchilla.runs.folder import is_run, read_run

    if not is_run(Path(model)):
        return UNKNOWN_ANSWER
    return room_for(int(read_run(Path(model))["longest_answer"]))


def _name_at_endpoint(model: str, named: str | None) -> str:
    """Return what the server calls the model: the path of a run says nothing to it."""
    from chinchilla.errors import ConfigError
    from chinchilla.runs.folder import is_run

    if named is None and is_run(Path(model)):
        todo = "pass --model-name with the name that the server gives it"
        raise ConfigError(model, "a run, and the endpoint knows no runs", todo)
    return named or model


def _fields(text: str | None) -> dict[str, Any]:
    """Read the further fields of a request."""
    import orjson

    from chinchilla.errors import ConfigError
    from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads

    try:
        found = loads((text or "{}").encode())
    except orjson.JSONDecodeError as error:
        raise ConfigError("--extra", f"not JSON ({error})", "write a JSON object") from error
    except DuplicateKeyError as error:
        raise ConfigError("--extra", str(error), ONE_VALUE) from error
    if not isinstance(found, dict):
        raise ConfigError("--extra", "not an object", "write a JSON object")
    return found


def _vllm(model: str, given: dict[str, Any]) -> "tuple[Engine, Job]":
    need("vllm")
    from chinchilla.predict.constrained import grammar_of
    from chinchilla.predict.vllm import Vllm, load
    from chinchilla.runs.model import vllm_options

    options, encode = vllm_options(
        model, given["max_new_tokens"] or 0, _say, given["trust_remote_code"]
    )
    limited = given["constrained"]
    engine = Vllm(options, load(options, constrained=limited), limited and grammar_of, encode)
    return engine, options.job(constrained=limited)


def _say(words: str) -> None:
    say(words, err=True)


def _answered(
    engine: "Engine", job: "Job", prompts: "Sequence[Prompt]", out: Path | None
) -> "dict[str, Any]":
    """Ask; with --out every answer is kept beside it, and what is there is not asked again."""
    from chinchilla.cli.progress import answer_progress
    from chinchilla.files import check_writable
    from chinchilla.predict.answer_log import answer_all, open_journal

    watch = answer_progress("predicting")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        check_writable(out, "pass another file with --out")
        with open_journal(out.with_name(f"{out.name}.answers"), job, prompts) as journal:
            left = len(prompts) - len(journal.answers)
            with watch(left) as step:
                return answer_all(engine, prompts, journal, step)
    found = {}
    with watch(len(prompts)) as step:
        for answer in engine.answers(prompts):
            found[answer.id] = answer
            step(answer)
    return found


def _all_answered(
    asked: "list[Asked]",
    answers: "dict[str, Any]",
    refused: "dict[str, PromptError]",
    tally: "Tally",
) -> "list[Asked]":
    """Return the records all of whose prompts were answered; count why the others were not."""
    from chinchilla.errors import EngineError

    for name in sorted(refused):
        tally.refuse(refused[name])
    if refused and not answers:
        ((reason, times),) = Counter(one.reason for one in refused.values()).most_common(1)
        first = next(refused[name] for name in sorted(refused) if refused[name].reason == reason)
        what = f"no prompt was answered, {times:,} times {reason}; first {first.what}"
        raise EngineError(first.where, what, first.todo)
    return [one for one in asked if all(row.id in answers for row in one.rows)]


def _say_empty(answers: "dict[str, Any]") -> None:
    """Say how often a model said nothing at all: that is read as an answer that failed."""
    empty = [one.id for one in answers.values() if not one.raw.strip()]
    if empty:
        say(f"{len(empty):,} answers are empty, the first {empty[0]}", err=True)


def _write(
    answers: "dict[str, Any]", asked: "Sequence[Asked]", rendering: "Rendering", out: Path | None
) -> None:
    import orjson

    from chinchilla.files import write_whole
    from chinchilla.predict.postprocess import predicted

    found = predicted(asked, answers, rendering.labels, rendering.windows.events)
    lines = (orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in found)
    if out is None:
        for line in lines:
            click.echo(line, nl=False)
        return
    write_whole(out, lines, "pass another file with --out")
    say(f"{len(asked):,} records in {out}", err=True)
