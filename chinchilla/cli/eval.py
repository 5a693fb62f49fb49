"""The command `chinchilla eval`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import click

from chinchilla.cli.common import (
    FOLDER,
    batch_size_option,
    need,
    note,
    table,
    templates_option,
    trust_option,
)
from chinchilla.cli.score import unparsed

if TYPE_CHECKING:
    from chinchilla.runs.evaluate import EvalRun
    from chinchilla.runs.folder import Run
    from chinchilla.score.result import Result
    from chinchilla.train.data import Data


_HEAD = (
    *("set", "answers", "metric", "P", "R", "F1", "95 %", "TP", "predicted", "gold"),
    *("ok/repaired/failed", "cut"),
)


class EvalCommand(TypedDict):
    """Where the newest run is looked for, what is asked of it, and how."""

    runs: Path
    templates: Literal["built", "held-out"]
    constrained: bool
    batch_size: int
    trust_remote_code: bool
    as_json: bool


@click.command("eval")
@click.option("--split", default="dev", help="Split of the build to ask.")
@click.option("--run", type=FOLDER, help="Run; the newest by default.")
@click.option("--task", type=click.Choice(["ner", "re", "ee", "all"]), help="Task of the run.")
@click.option("--processed", type=FOLDER, help="Build to ask; that of the run by default.")
@click.option(
    "--runs",
    type=FOLDER,
    default=Path("runs"),
    help="Folder in which the newest run is looked for.",
)
@click.option(
    "--templates",
    type=click.Choice(["built", "held-out"]),
    default="built",
    help="Wordings of the build, or those that no training saw.",
)
@click.option("--constrained", is_flag=True, help="Ask again, bound to labels asked and text.")
@batch_size_option
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@templates_option
def evaluate(
    split: str,
    run: Path | None,
    task: str | None,
    processed: Path | None,
    **options: Unpack[EvalCommand],
) -> None:
    """Predict a split with a run and score it; interrupted, it goes on where it stopped."""
    need("train")
    if options["constrained"]:
        need("constrained")
    from chinchilla.predict.model_loading import use_threads

    use_threads(0)
    from chinchilla.runs.folder import finished_run, newest_run
    from chinchilla.templates import template_hashes
    from chinchilla.train.data import check_templates, open_data

    folder = run or newest_run(options["runs"], task)
    facts = finished_run(folder)
    data = open_data(facts.build_folder(processed), task or facts.task, _subtasks_of(facts, task))
    trained, built = facts.data.templates, data.processed.manifest.templates
    check_templates("trained", trained, template_hashes())
    check_templates("trained", trained, built, str(data.folder))
    note(f"run {folder}, {split} of {data.folder}")
    name = split if task in (None, facts.task) else f"{split}-{task}"
    name += "" if options["templates"] == "built" else "-held-out"
    if data.processed.sha256 != facts.data.manifest:
        note("note: another build than the one this run was trained on")
        name += f"-{data.processed.sha256[:8]}"
    eval_runs = _eval_runs(data, folder / "eval" / name, split, options)
    _evaluate(eval_runs, folder, data, options)


def _subtasks_of(facts: "Run", task: str | None) -> Sequence[str]:
    """Return the sub-tasks of a task that a run was trained on alone; none are all."""
    from chinchilla.errors import ConfigError

    trained = facts.config.subtasks
    subtasks = [name for name in trained if task in (None, "all", name.partition("-")[0])]
    if trained and not subtasks:
        what = f"this run was not trained on {task}, only on {', '.join(trained)}"
        raise ConfigError(str(facts.folder), what, "pass another --task, or another --run")
    return subtasks


def _eval_runs(data: "Data", folder: Path, split: str, options: EvalCommand) -> "list[EvalRun]":
    from chinchilla.runs.evaluate import EvalRun, eval_sets_of, held_out_rendering

    held_out = options["templates"] == "held-out"
    eval_sets = eval_sets_of(data, split, held_out_rendering(data) if held_out else None)
    free = EvalRun(eval_sets, folder / "free", data.parser, constrained=False)
    if not options["constrained"]:
        return [free]
    return [free, free._replace(folder=folder / "constrained", constrained=True)]


def _evaluate(
    eval_runs: "Sequence[EvalRun]", folder: Path, data: "Data", options: EvalCommand
) -> None:
    """Ask, score and print each evaluation run; write the page of each of its sets."""
    import orjson

    from chinchilla.cli.progress import answer_progress
    from chinchilla.errors import ConstraintError
    from chinchilla.runs.evaluate import run_eval_sets, score_eval_run, write_score
    from chinchilla.runs.model import EngineOptions, constrain, open_engine
    from chinchilla.score.page import write_page

    facts = {"run": str(folder), "data": data.processed.sha256, "templates": options["templates"]}
    reports: dict[str, Any] = {}
    rows: list[list[str]] = []
    results: list[Result] = []
    trusted = options["trust_remote_code"]
    free = open_engine(str(folder), EngineOptions(options["batch_size"]), note, trusted)
    for eval_run in eval_runs:
        name = eval_run.name
        try:
            engine, job = constrain(*free) if eval_run.constrained else free
        except ConstraintError as error:
            note(f"no constrained answers: {error}")
            continue
        answers = run_eval_sets(eval_run, engine, job, answer_progress(name))
        note_unconstrained(engine.unconstrained)
        scores = score_eval_run(eval_run, answers)
        results += scores.values()
        for eval_set, result in zip(eval_run.eval_sets, scores.values(), strict=True):
            write_page(result, eval_run.folder / f"{eval_set.name}.html")
            cut = sum(answers[row.id].cut for row in eval_set.rows)
            rows.append([eval_set.name, name, *_numbers(result), f"{cut:,}"])
        reports[name] = write_score(eval_run, scores, {**facts, "answers": name})
    click.echo(orjson.dumps(reports) if options["as_json"] else table(_HEAD, rows))
    for eval_run in (each for each in eval_runs if each.name in reports):
        note(f"predictions, score.json and pages in {eval_run.folder}")
    # a model that has hardly been trained is scored all the same
    if (problem := unparsed(results)) is not None:
        note(f"note: {problem}")


def note_unconstrained(unconstrained: Mapping[str, str]) -> None:
    """Say which answers could not be constrained."""
    if unconstrained:
        name, why = next(iter(unconstrained.items()))
        note(f"{len(unconstrained):,} answers were left free, the first {name}: {why}")


def _numbers(result: "Result") -> list[str]:
    """Return the cells of the table from the metric to the statuses of the answers."""
    score = result.scores[result.headline]
    low, high = result.interval or (0.0, 0.0)
    statuses = result.statuses
    read = statuses["ok"] + statuses["ok_empty"]
    failed = statuses["failed"] + statuses["refusal"] + statuses["missing"]
    return [
        result.headline,
        *(f"{100 * part:.2f}" for part in score.micro),
        f"{100 * low:.2f}-{100 * high:.2f}",
        *(f"{count:,.2f}".removesuffix(".00") for count in score.counts),
        f"{read:,}/{statuses.total() - read - failed:,}/{failed:,}",
    ]
