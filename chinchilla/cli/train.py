"""The command `chinchilla train`."""

import os
import shutil
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click
from click.core import ParameterSource

from chinchilla.cli.common import FOLDER, PATH, need, note, table, templates_option, trust_option
from chinchilla.errors import ConfigError, shown

if TYPE_CHECKING:
    from chinchilla.train.callbacks import Show
    from chinchilla.train.estimate import Estimate
    from chinchilla.train.prepare import Prepared


class Overrides(TypedDict):
    """Settings of train.toml that the command line may set; None and () leave them."""

    base: str | None
    method: str | None
    subtasks: tuple[str, ...]
    epochs: float | None
    max_steps: int | None
    learning_rate: float | None
    batch_size: int | None
    max_tokens: int | None
    seed: int | None
    tracker: str | None


class TrainOptions(Overrides):
    """The options of the command."""

    task: str | None
    config: Path | None
    processed: Path
    out: Path
    resume: Path | None
    dry_run: bool
    trust_remote_code: bool


@click.command()
@click.option("--task", type=click.Choice(["ner", "re", "ee", "all"]), help="Rows to train on.")
@click.option("--base", help="Folder, .gguf file, hub name, or tiny (a demo without download).")
@click.option("--method", type=click.Choice(["lora", "qlora", "full"]), help="What is trained.")
@click.option("--subtask", "subtasks", multiple=True, help="Sub-task to train; all by default.")
@click.option("--config", type=PATH, help="train.toml; options win over it.")
@click.option(
    "--processed",
    type=FOLDER,
    default=Path("processed"),
    help="Folder that `chinchilla build` wrote.",
)
@click.option("--out", type=FOLDER, default=Path("runs"), help="Folder of the runs.")
@click.option("--epochs", type=float, help="Passes over the rows.")
@click.option("--max-steps", type=int, help="Stop after so many steps; 0 for epochs.")
@click.option("--learning-rate", type=float, help="Peak rate.")
@click.option("--batch-size", type=int, help="Rows of one device in one pass.")
@click.option("--max-tokens", type=int, help="Longest row; a longer one is refused, never cut.")
@click.option("--seed", type=int, help="Seed of weights, order and dropout.")
@click.option(
    "--tracker",
    type=click.Choice(["none", "tensorboard", "trackio", "swanlab", "wandb"]),
    help="Where the curve is shown beside curve.csv and curve.png.",
)
@trust_option
@click.option("--resume", type=FOLDER, help="Run to go on with.")
@click.option("--dry-run", is_flag=True, help="Say what a training would take, train nothing.")
@templates_option
def train(**options: Unpack[TrainOptions]) -> None:
    """Fine-tune a model on built rows; the best checkpoint by F1 on dev is kept."""
    need("train")
    if options["resume"] is not None:
        _resume(options["resume"], options)
        return
    prepared = _prepare(options)
    _say(*_summary(prepared))
    if options["dry_run"]:
        _estimate(prepared)
    else:
        _train(prepared, options["out"])


def _prepare(options: TrainOptions) -> "Prepared":
    """Return what a new training begins with."""
    task = options["task"]
    if task is None:
        raise click.UsageError("pass --task ner, re, ee or all")
    from chinchilla.predict.model_loading import use_threads
    from chinchilla.templates import template_hashes
    from chinchilla.train.config import read_train_config
    from chinchilla.train.data import check_templates, open_data

    changes: dict[str, Any] = {
        name: value
        for name, value in options.items()
        if name in Overrides.__annotations__ and value not in (None, ())
    }
    if options["trust_remote_code"]:
        changes["trust_remote_code"] = True
    config = read_train_config(options["config"], changes)
    if config.trust_remote_code and not options["trust_remote_code"]:
        what = "trust_remote_code = true in a file lets no code run"
        todo = "read that code, then pass --trust-remote-code"
        raise ConfigError(str(options["config"]), what, todo)
    _check_tracker(config.tracker)
    data = open_data(options["processed"], task, config.subtasks)
    built = data.processed.manifest.templates
    check_templates("built", built, template_hashes(), str(data.folder))
    use_threads(config.threads)
    from chinchilla.train.prepare import prepare

    return prepare(data, task, config, _say)


def _check_tracker(tracker: str) -> None:
    if tracker != "none" and find_spec(tracker) is None:
        raise ConfigError(f"tracker {tracker}", "not installed", f"pip install {tracker}")


def _estimate(prepared: "Prepared") -> None:
    from chinchilla.train.distributed import is_first
    from chinchilla.train.estimate import estimate

    result = estimate(prepared)
    if is_first():
        click.echo(_estimate_text(result))


def _estimate_text(result: "Estimate") -> str:
    lengths = f"p50 {result.p50:,}, p95 {result.p95:,}, longest {result.longest:,}"
    each = f"each {_time(result.evaluation_seconds)} if answers are longest"
    rows = [
        ["rows", f"{result.rows:,}"],
        ["rows refused", f"{result.refused:,}"],
        ["tokens an epoch", f"{result.tokens:,} ({lengths})"],
        ["parameters", f"{result.parameters:,}, trained {result.trained:,}"],
        ["memory, about", f"{result.memory / 2**30:.2f} GiB"],
        ["steps", f"{result.steps:,}"],
        ["tokens a second", f"{result.tokens_per_second:,.0f} (three timed steps)"],
        ["time of the steps, about", _time(result.seconds)],
        ["evaluations on dev", f"{result.evaluations}, {each}"],
    ]
    return table(("what", "how much"), rows)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _train(prepared: "Prepared", out: Path) -> None:
    from datetime import datetime

    from chinchilla.runs.folder import last_checkpoint
    from chinchilla.train.distributed import is_first
    from chinchilla.train.prepare import begin

    folder = begin(prepared, out, datetime.now(), " ".join(sys.argv))
    _say(f"run {folder}")
    try:
        _fit(prepared, folder)
    except Exception:
        # a run that failed before its first checkpoint is nothing to go on with
        if is_first() and last_checkpoint(folder) is None:
            shutil.rmtree(folder)
        raise


_WITH_RESUME = ("--resume", "--processed", "--trust-remote-code", "--templates-dir")


def _resume(folder: Path, options: TrainOptions) -> None:
    """Go on with a run as it was begun: only its build may have moved meanwhile."""
    context = click.get_current_context()
    written = [
        option.opts[0]
        for option in context.command.params
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if others := [name for name in written if name not in _WITH_RESUME]:
        message = "--resume goes on in the run, with its settings; leave out "
        raise click.UsageError(message + ", ".join(others))
    from chinchilla.predict.model_loading import use_threads

    use_threads(0)
    from chinchilla.runs.folder import read_run
    from chinchilla.templates import template_hashes
    from chinchilla.train.data import check_templates
    from chinchilla.train.prepare import reopen

    run = read_run(folder)
    check_templates("trained", run.data.templates, template_hashes())
    processed = options["processed"] if "--processed" in written else None
    prepared = reopen(folder, _say, processed, options["trust_remote_code"])
    _check_tracker(prepared.config.tracker)
    use_threads(prepared.config.threads)
    _fit(prepared, folder)


def _fit(prepared: "Prepared", folder: Path) -> None:
    from chinchilla.cli.progress import training_progress
    from chinchilla.runs.folder import read_run
    from chinchilla.train.callbacks import Stop
    from chinchilla.train.distributed import is_first
    from chinchilla.train.fit import fit

    stop = Stop()
    # of several processes the first alone shows the training
    progress: AbstractContextManager[Show]
    progress = training_progress() if is_first() else nullcontext(lambda moment: None)
    try:
        with progress as show, stop.on_interrupt(_say):
            run = fit(prepared, folder, show, stop)
    except KeyboardInterrupt:
        if is_first():  # the folder need not be on the disk of another machine
            note(f"stopped; go on with {read_run(folder).resume_command}")
        sys.exit(130)
    if not is_first():
        return
    best = ""
    if run.best is not None:
        best = f"best F1 on dev {100 * run.best.eval_f1:.2f} at step {run.best.step}"
    click.echo(f"{shown(str(folder))}\t{best}")
    more = " --trust-remote-code" if prepared.config.trust_remote_code else ""
    note(f"score it on a split with: chinchilla eval --split dev{more}")


def _summary(prepared: "Prepared") -> list[str]:
    from chinchilla.train.distributed import idle_gpus

    config, encoded = prepared.config, prepared.encoded
    lines = [
        f"{len(encoded.examples):,} rows of train, {encoded.tokens:,} tokens; "
        f"{len(prepared.dev_rows):,} rows of dev at each evaluation",
        f"base {config.base}, method {config.chosen_method}, peak learning rate {config.rate:g}",
    ]
    if config.base == "tiny":
        lines.append("tiny is a demo model with random weights: no model to extract with")
    if encoded.refused.times:
        lines.append(
            f"refused rows: {encoded.refused.times:,} longer than {encoded.limit} tokens, "
            f"the first {encoded.refused.example}"
        )
    if (idle := idle_gpus()) is not None:
        lines.append(idle)
    return lines


def _say(*lines: str) -> None:
    """Print lines to stderr, once where several processes train together."""
    if os.environ.get("RANK", "0") == "0":
        for line in lines:
            note(line)
