"""The command `chinchilla eval`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import batch_size_option, need, say, templates_option, trust_option
from chinchilla.cli.score import check_any_read

if TYPE_CHECKING:
    from chinchilla.predict.engine import Answer
    from chinchilla.runs.evaluate import EvalRun
    from chinchilla.runs.folder import Run
    from chinchilla.score.evaluate import Evaluation
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
    split: str, run: Path | None, task: str | None, processed: Path | None, runs: Path, **given: Any
) -> None:
    """Predict a split with a run and score it; interrupted, it goes on where it stopped."""
    need("train")
    if given["constrained"]:
        need("constrained")
    from chinchilla.predict.model_loading import use_threads

    use_threads(0)
    from chinchilla.runs.folder import finished_run, newest_run
    from chinchilla.train.data import open_data

    folder = run or newest_run(runs, task)
    facts = finished_run(folder)
    data = open_data(facts.build_folder(processed), task or facts.task, _subtasks_of(facts, task))
    _same_templates(facts, data)
    say(f"run {folder}, {split} of {data.folder}", err=True)
    name = split if task in (None, facts.task) else f"{split}-{task}"
    name += "" if given["templates"] == "built" else "-held-out"
    if data.processed.sha256 != facts.data.manifest:
        say("note: another build than the one this run was trained on", err=True)
        name += f"-{data.processed.sha256[:8]}"
    _sit(_sittings(data, folder / "eval" / name, split, given), folder, data, given)


def _subtasks_of(facts: "Run", task: str | None) -> "Sequence[str]":
    """Return those sub-tasks of a task that a run was told to learn; none are all."""
    from chinchilla.errors import ConfigError

    told = facts.config.subtasks
    mine = [one for one in told if task in (None, "all", one.partition("-")[0])]
    if told and not mine:
        what = f"this run has learnt nothing of {task}, only {', '.join(told)}"
        raise ConfigError(str(facts.folder), what, "pass another --task, or another --run")
    return mine


def _same_templates(facts: "Run", data: "Data") -> None:
    """Raise TrainError where a run learnt by other wordings than those here or of the build."""
    from chinchilla.runs.evaluate import check_templates
    from chinchilla.templates import template_hashes

    check_templates(facts, template_hashes())
    check_templates(facts, data.processed.manifest.templates, str(data.folder))


def _sittings(data: "Data", place: Path, split: str, given: Mapping[str, Any]) -> "list[EvalRun]":
    from chinchilla.runs.evaluate import EvalRun, eval_sets_of, other_wordings

    other = given["templates"] == "held-out"
    eval_sets = eval_sets_of(data, split, other_wordings(data) if other else None)
    kinds = (False, True) if given["constrained"] else (False,)
    names = {False: "free", True: "constrained"}
    return [EvalRun(eval_sets, place / names[kind], data.marking, kind) for kind in kinds]


def _sit(
    sittings: "Sequence[EvalRun]", folder: Path, data: "Data", given: Mapping[str, Any]
) -> None:
    """Ask, score and print each sitting."""
    import orjson

    from chinchilla.cli.progress import answer_progress
    from chinchilla.errors import ConstraintError
    from chinchilla.runs.evaluate import run_eval_sets, score_eval_run, write_score
    from chinchilla.runs.model import EngineOptions, constrain, open_engine

    about = {
        "run": str(folder),
        "data": data.processed.sha256,
        "templates": given["templates"],
    }
    found: dict[str, Any] = {}
    rows: list[list[str]] = []
    scored: list[Evaluation] = []
    wanted = EngineOptions(given["batch_size"])
    free = open_engine(str(folder), wanted, _say, given["trust_remote_code"])
    for eval_run in sittings:
        try:
            engine, job = constrain(*free) if eval_run.constrained else free
        except ConstraintError as error:
            _say(f"no constrained answers: {error}")
            continue
        answers = run_eval_sets(eval_run, engine, job, answer_progress(eval_run.name))
        say_unconstrained(engine.unconstrained)
        scores = score_eval_run(eval_run)
        scored += scores.values()
        rows += _pages(eval_run, answers, scores)
        found[eval_run.name] = write_score(eval_run, scores, {**about, "answers": eval_run.name})
    click.echo(orjson.dumps(found) if given["as_json"] else _table(rows))
    for eval_run in sittings:
        if eval_run.name in found:
            _say(f"predictions, score.json and pages in {eval_run.folder}")
    _say_unread(scored)


def _say_unread(scored: "Sequence[Evaluation]") -> None:
    """Say that no answer could be read: a model that has learnt next to nothing is scored."""
    from chinchilla.errors import InputError

    try:
        check_any_read(scored)
    except InputError as error:
        _say(f"note: {error}")


def _pages(
    eval_run: "EvalRun", answers: "Mapping[str, Answer]", scores: "Mapping[str, Evaluation]"
) -> "Iterator[list[str]]":
    """Write the page of each exam, and yield its row of the table."""
    from chinchilla.runs.evaluate import cut_in
    from chinchilla.score.page import write_page

    for name, one in scores.items():
        write_page(one, eval_run.folder / f"{name}.html")
        yield _row(name, eval_run.name, one, cut_in(eval_run, name, answers))


def _say(words: str) -> None:
    say(words, err=True)


def say_unconstrained(unconstrained: Mapping[str, str]) -> None:
    """Say which answers could not be held to their limits."""
    if unconstrained:
        name, why = next(iter(unconstrained.items()))
        say(f"{len(unconstrained):,} answers were left free, the first {name}: {why}", err=True)


def _row(name: str, answers: str, one: "Evaluation", cut: int) -> list[str]:
    """Return what the table says of one exam."""
    score = one.scores[one.headline]
    low, high = score.interval[:, 2] if score.interval is not None else (0.0, 0.0)
    statuses = one.statuses
    read = statuses["ok"] + statuses["ok_empty"]
    failed = statuses["failed"] + statuses["refusal"] + statuses["missing"]
    return [
        name,
        answers,
        one.headline,
        *(f"{100 * part:.2f}" for part in score.micro),
        f"{100 * low:.2f}-{100 * high:.2f}",
        *(f"{count:,.2f}".removesuffix(".00") for count in score.counts),
        f"{read:,}/{statuses.total() - read - failed:,}/{failed:,}",
        f"{cut:,}",
    ]


def _table(rows: list[list[str]]) -> str:
    from chinchilla.cli.common import table

    head = ("exam", "answers", "metric", "P", "R", "F1", "95 %", "TP", "predicted", "gold")
    return table((*head, "ok/repaired/failed", "cut"), rows)
