"""The command `chinchilla eval`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import (
    batch_size_option,
    need,
    say,
    table,
    templates_option,
    trust_option,
)
from chinchilla.cli.score import check_any_parsed

if TYPE_CHECKING:
    from chinchilla.predict.engine import Answer
    from chinchilla.runs.evaluate import EvalRun
    from chinchilla.runs.folder import Run
    from chinchilla.score.result import Result
    from chinchilla.train.data import Data


@click.command("eval")
@click.option("--split", default="dev", show_default=True, help="Split of the build to ask.")
@click.option(
    "--run", type=click.Path(path_type=Path, file_okay=False), help="Run; the newest by default."
)
@click.option("--task", type=click.Choice(["ner", "re", "ee", "all"]), help="Task of the run.")
@click.option(
    "--processed",
    type=click.Path(path_type=Path, file_okay=False),
    help="Build to ask; that of the run by default.",
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder in which the newest run is looked for.",
)
@click.option(
    "--templates",
    type=click.Choice(["built", "held-out"]),
    default="built",
    show_default=True,
    help="Wordings of the build, or those that no training saw.",
)
@click.option("--constrained", is_flag=True, help="Ask again, bound to labels asked and text.")
@batch_size_option
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@templates_option
def evaluate(
    split: str, run: Path | None, task: str | None, processed: Path | None, **options: Any
) -> None:
    """Predict a split with a run and score it; interrupted, it goes on where it stopped."""
    need("train")
    if options["constrained"]:
        need("constrained")
    from chinchilla.predict.model_loading import use_threads

    use_threads(0)
    from chinchilla.runs.folder import finished_run, newest_run
    from chinchilla.train.data import open_data

    folder = run or newest_run(options["runs"], task)
    facts = finished_run(folder)
    data = open_data(facts.build_folder(processed), task or facts.task, _subtasks_of(facts, task))
    _check_templates(facts, data)
    say(f"run {folder}, {split} of {data.folder}", err=True)
    name = split if task in (None, facts.task) else f"{split}-{task}"
    name += "" if options["templates"] == "built" else "-held-out"
    if data.processed.sha256 != facts.data.manifest:
        say("note: another build than the one this run was trained on", err=True)
        name += f"-{data.processed.sha256[:8]}"
    eval_runs = _eval_runs(data, folder / "eval" / name, split, options)
    _evaluate(eval_runs, folder, data, options)


def _subtasks_of(facts: "Run", task: str | None) -> "Sequence[str]":
    """Return the sub-tasks of a task that a run was trained on alone; none are all."""
    from chinchilla.errors import ConfigError

    trained = facts.config.subtasks
    subtasks = [name for name in trained if task in (None, "all", name.partition("-")[0])]
    if trained and not subtasks:
        what = f"this run was not trained on {task}, only on {', '.join(trained)}"
        raise ConfigError(str(facts.folder), what, "pass another --task, or another --run")
    return subtasks


def _check_templates(facts: "Run", data: "Data") -> None:
    """Raise TrainError where a run was trained by other templates than those here or of a build."""
    from chinchilla.runs.evaluate import check_templates
    from chinchilla.templates import template_hashes

    check_templates(facts, template_hashes())
    check_templates(facts, data.processed.manifest.templates, str(data.folder))


def _eval_runs(
    data: "Data", folder: Path, split: str, options: Mapping[str, Any]
) -> "list[EvalRun]":
    from chinchilla.runs.evaluate import EvalRun, eval_sets_of, other_wordings

    held_out = options["templates"] == "held-out"
    eval_sets = eval_sets_of(data, split, other_wordings(data) if held_out else None)
    names = {"free": False, "constrained": True} if options["constrained"] else {"free": False}
    return [
        EvalRun(eval_sets, folder / name, data.parser, constrained)
        for name, constrained in names.items()
    ]


def _evaluate(
    eval_runs: "Sequence[EvalRun]", folder: Path, data: "Data", options: Mapping[str, Any]
) -> None:
    """Ask, score and print each evaluation run."""
    import orjson

    from chinchilla.cli.progress import answer_progress
    from chinchilla.errors import ConstraintError
    from chinchilla.runs.evaluate import run_eval_sets, score_eval_run, write_score
    from chinchilla.runs.model import EngineOptions, constrain, open_engine

    facts = {
        "run": str(folder),
        "data": data.processed.sha256,
        "templates": options["templates"],
    }
    reports: dict[str, Any] = {}
    rows: list[list[str]] = []
    results: list[Result] = []
    wanted = EngineOptions(options["batch_size"])
    free = open_engine(str(folder), wanted, _say, options["trust_remote_code"])
    for eval_run in eval_runs:
        try:
            engine, job = constrain(*free) if eval_run.constrained else free
        except ConstraintError as error:
            _say(f"no constrained answers: {error}")
            continue
        answers = run_eval_sets(eval_run, engine, job, answer_progress(eval_run.name))
        say_unconstrained(engine.unconstrained)
        scores = score_eval_run(eval_run, answers)
        results += scores.values()
        rows += _pages(eval_run, answers, scores)
        reports[eval_run.name] = write_score(eval_run, scores, {**facts, "answers": eval_run.name})
    click.echo(orjson.dumps(reports) if options["as_json"] else _table(rows))
    for eval_run in eval_runs:
        if eval_run.name in reports:
            _say(f"predictions, score.json and pages in {eval_run.folder}")
    _say_unparsed(results)


def _say_unparsed(results: "Sequence[Result]") -> None:
    """Say that no answer could be read: a model that has hardly been trained is scored."""
    from chinchilla.errors import InputError

    try:
        check_any_parsed(results)
    except InputError as error:
        _say(f"note: {error}")


def _pages(
    eval_run: "EvalRun", answers: "Mapping[str, Answer]", scores: "Mapping[str, Result]"
) -> "Iterator[list[str]]":
    """Write the page of each evaluation set, and yield its row of the table."""
    from chinchilla.runs.evaluate import cut_in
    from chinchilla.score.page import write_page

    for name, result in scores.items():
        write_page(result, eval_run.folder / f"{name}.html")
        yield _row(name, eval_run.name, result, cut_in(eval_run, name, answers))


def _say(message: str) -> None:
    say(message, err=True)


def say_unconstrained(unconstrained: Mapping[str, str]) -> None:
    """Say which answers could not be held to their limits."""
    if unconstrained:
        name, why = next(iter(unconstrained.items()))
        say(f"{len(unconstrained):,} answers were left free, the first {name}: {why}", err=True)


def _row(name: str, answers: str, result: "Result", cut: int) -> list[str]:
    """Return the row of the table about one evaluation set."""
    score = result.scores[result.headline]
    low, high = result.interval or (0.0, 0.0)
    statuses = result.statuses
    read = statuses["ok"] + statuses["ok_empty"]
    failed = statuses["failed"] + statuses["refusal"] + statuses["missing"]
    return [
        name,
        answers,
        result.headline,
        *(f"{100 * part:.2f}" for part in score.micro),
        f"{100 * low:.2f}-{100 * high:.2f}",
        *(f"{count:,.2f}".removesuffix(".00") for count in score.counts),
        f"{read:,}/{statuses.total() - read - failed:,}/{failed:,}",
        f"{cut:,}",
    ]


def _table(rows: list[list[str]]) -> str:
    head = ("set", "answers", "metric", "P", "R", "F1", "95 %", "TP", "predicted", "gold")
    return table((*head, "ok/repaired/failed", "cut"), rows)
