"""What `chinchilla train --dry-run` prints."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chinchilla.cli.common import need, say, templates_option, trust_option
from chinchilla.errors import shown

if TYPE_CHECKING:
    from chinchilla.train.callbacks import Look
    from chinchilla.train.config import TrainConfig
    from chinchilla.train.estimate import Estimate
    from chinchilla.train.fit import Prepared


def forecast_text(found: "Estimate") -> str:
    """Return the estimate as a table of two columns."""
    from chinchilla.cli.common import table

    lengths = f"p50 {found.p50:,}, p95 {found.p95:,}, longest {found.longest:,}"
    rows = [
        ["rows", f"{found.rows:,}"],
        ["rows refused", f"{found.refused:,}"],
        ["tokens an epoch", f"{found.tokens:,} ({lengths})"],
        ["parameters", f"{found.parameters:,}, trained {found.trained:,}"],
        ["memory, about", f"{found.memory / 2**30:.2f} GiB"],
        ["steps", f"{found.steps:,}"],
        ["tokens a second", f"{found.tokens_per_second:,.0f} (three timed steps)"],
        ["time of the steps, about", _time(found.seconds)],
        ["looks at dev", f"{found.looks}, each {_time(found.look_seconds)} if answers are longest"],
    ]
    return table(("what", "how much"), rows)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


processed_option = click.option(
    "--processed",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("processed"),
    show_default=True,
    help="Folder that `chinchilla build` wrote.",
)
runs_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder of the runs.",
)


@click.command()
@click.option("--task", type=click.Choice(["ner", "re", "ee", "all"]), help="Rows to learn.")
@click.option("--base", help="Folder, .gguf file, hub name, or tiny (a demo without download).")
@click.option("--method", type=click.Choice(["lora", "qlora", "full"]), help="What is trained.")
@click.option("--subtask", "subtasks", multiple=True, help="Sub-task to learn; all by default.")
@click.option("--config", type=click.Path(path_type=Path), help="train.toml; options win over it.")
@processed_option
@runs_option
@click.option("--epochs", type=float, help="Passes over the rows.")
@click.option("--max-steps", type=int, help="Stop after so many steps; 0 for epochs.")
@click.option("--learning-rate", type=float, help="Peak rate.")
@click.option("--batch-size", type=int, help="Rows of one device in one pass.")
@click.option("--max-tokens", type=int, help="Longest row; a longer one is refused, never cut.")
@click.option("--seed", type=int, help="Seed of weights, order and dropout.")
@click.option(
    "--tracker",
    type=click.Choice(["none", "tensorboard", "trackio"]),
    help="Where the curve is shown beside curve.csv and curve.png.",
)
@trust_option
@click.option(
    "--resume", type=click.Path(path_type=Path, file_okay=False), help="Run to go on with."
)
@click.option("--dry-run", is_flag=True, help="Say what a training would take, train nothing.")
@templates_option
def train(task: str | None, config: Path | None, processed: Path, out: Path, **given: Any) -> None:
    """Fine-tune a model on built rows; the best checkpoint by F1 on dev is kept."""
    need("train")
    resume, dry_run = given.pop("resume"), given.pop("dry_run")
    if resume is not None:
        _resume(resume)
        return
    trusted = given.pop("trust_remote_code")
    changes = {key: value for key, value in given.items() if value not in (None, ())}
    if trusted:
        changes["trust_remote_code"] = True
    if task is None:
        raise click.UsageError("pass --task ner, re, ee or all")
    from chinchilla.templates import template_hashes
    from chinchilla.train.config import read_train_config
    from chinchilla.train.data import check_build, open_data

    settings = read_train_config(config, changes)
    _check_trust(settings, config, trusted)
    if settings.tracker != "none":
        need("track", settings.tracker)
    data = open_data(processed, task, settings.subtasks)
    check_build(data, template_hashes())
    from chinchilla.predict.local import use_threads

    use_threads(settings.threads)
    from chinchilla.train.fit import prepare

    prepared = prepare(data, task, settings, _say)
    _say(*_summary(prepared))
    if dry_run:
        from chinchilla.cli.train import forecast_text
        from chinchilla.train.distributed import is_first
        from chinchilla.train.estimate import estimate

        found = estimate(prepared)
        if is_first():
            click.echo(forecast_text(found))
        return
    _train(prepared, out)


def _check_trust(settings: "TrainConfig", config: Path | None, trusted: bool) -> None:
    """Raise ConfigError where a file alone would let code of others run."""
    from chinchilla.errors import ConfigError

    if settings.trust_remote_code and not trusted:
        what = "trust_remote_code = true in a file lets no code run"
        raise ConfigError(str(config), what, "read that code, then pass --trust-remote-code")


def _train(prepared: "Prepared", out: Path) -> None:
    from datetime import datetime

    from chinchilla.train.fit import begin

    folder = begin(prepared, out, datetime.now(), " ".join(sys.argv))
    _say(f"run {folder}")
    try:
        _fit(prepared, folder)
    except Exception:
        _clear(folder)
        raise


def _clear(folder: Path) -> None:
    """Remove a run that failed before it learnt anything, so that nobody goes on with it."""
    import shutil

    from chinchilla.runs.folder import last_checkpoint
    from chinchilla.train.distributed import is_first

    if is_first() and last_checkpoint(folder) is None:
        shutil.rmtree(folder)


_WITH_RESUME = ("--resume", "--processed", "--trust-remote-code")


def _resume(folder: Path) -> None:
    """Go on with a run as it was begun: only its build may have moved meanwhile."""
    given = _given()
    if changed := [name for name in given if name not in _WITH_RESUME]:
        words = "--resume goes on in the run, with its settings; leave out "
        raise click.UsageError(words + ", ".join(changed))
    from chinchilla.predict.local import use_threads

    use_threads(0)
    from chinchilla.runs.evaluate import check_templates
    from chinchilla.runs.folder import read_run
    from chinchilla.templates import template_hashes
    from chinchilla.train.resume import reopen

    facts = read_run(folder)
    if (tracker := facts["config"].get("tracker", "none")) != "none":
        need("track", tracker)
    check_templates(facts, template_hashes())
    trusted = bool(given.get("--trust-remote-code"))
    prepared = reopen(folder, _say, given.get("--processed"), trusted)
    use_threads(prepared.config.threads)
    _fit(prepared, folder)


def _given() -> dict[str, Any]:
    """Return what stands on the command line, by the name of the option."""
    context = click.get_current_context()
    return {
        one.opts[0]: context.params[str(one.name)]
        for one in context.command.params
        if context.get_parameter_source(str(one.name)) is ParameterSource.COMMANDLINE
    }


def _fit(prepared: "Prepared", folder: Path) -> None:
    from chinchilla.runs.folder import resume_command
    from chinchilla.train.callbacks import Stop
    from chinchilla.train.distributed import how_many, is_first
    from chinchilla.train.fit import fit

    stop = Stop()
    try:
        with _progress() as look, stop.on_interrupt(_say):
            done = fit(prepared, folder, look, stop)
    except KeyboardInterrupt:
        config = prepared.config
        told = {"trust_remote_code": config.trust_remote_code, "trainer": config.trainer}
        begun = {"processes": how_many(), "config": told}
        _say(f"stopped; go on with {resume_command(folder, begun)}")
        sys.exit(130)
    if not is_first():
        return
    best = done.facts["best"]
    words = f"best F1 on dev {100 * best['eval_f1']:.2f} at step {best['step']}" if best else ""
    click.echo(f"{shown(str(done.folder))}\t{words}")
    more = " --trust-remote-code" if prepared.config.trust_remote_code else ""
    say(f"score it on a split with: chinchilla eval --split dev{more}", err=True)


def _summary(prepared: "Prepared") -> list[str]:
    from chinchilla.train.distributed import idle_gpus

    config, encoded = prepared.config, prepared.encoded
    lines = [
        f"{len(encoded.examples):,} rows of train, {encoded.tokens:,} tokens; "
        f"{sum(len(exam.rows) for exam in prepared.exams):,} rows of dev asked at each look",
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
            say(line, err=True)


@contextmanager
def _progress() -> Iterator["Look"]:
    """Yield what shows a training; of several processes the first alone shows it."""
    from chinchilla.cli.progress import training_progress
    from chinchilla.train.distributed import is_first

    if not is_first():
        yield lambda moment: None
        return
    with training_progress() as look:
        yield look
