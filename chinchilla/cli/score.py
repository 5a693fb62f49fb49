"""The command `chinchilla score`."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chinchilla.cli.common import (
    FILE,
    PATH,
    SEED,
    STREAM,
    json_option,
    note,
    raw_option,
    standard_input,
    templates_option,
)

if TYPE_CHECKING:
    from chinchilla.errors import InputError
    from chinchilla.schema import LabelSet, Task
    from chinchilla.score.counts import By, ScoreOptions
    from chinchilla.score.result import ParsedAnswers, Result
    from chinchilla.score.rows import RowSet
    from chinchilla.windows.project import Policy

task_option = click.option(
    "--task", type=click.Choice(["ner", "re", "ee"]), required=True, help="Task of the records."
)
gold_option = click.option("--gold", type=STREAM, required=True, help="Gold records.")
na_option = click.option("--na", default="unknown", help="Label of no relation.")
alias_option = click.option("--alias", type=PATH, help="Alias file of duie_official, tabs between.")
seed_option = click.option("--seed", type=SEED, default=0, help="Seed of resamples and shuffles.")


class ScoreCall(NamedTuple):
    """The options of `chinchilla score`."""

    task: "Task"
    gold: Path
    pred: Path | None
    answers: Path | None
    form: str
    rows: Path | None
    subtask: str | None
    policy: "Policy | None"
    metrics: tuple[str, ...]
    na: str
    alias: Path | None
    allow_extra: bool
    bootstrap: int
    seed: int
    by: "By | None"
    html: Path | None
    raw: Path

    def options(self) -> "ScoreOptions":
        """Return what is counted, and how."""
        from chinchilla.score.counts import ScoreOptions

        names = {"metrics", "na", "allow_extra", "bootstrap", "seed", "by"}
        fields = {name: getattr(self, name) for name in names}
        fields |= alias_fields(self.alias)
        return ScoreOptions(task=self.task, keep=self.html is not None, **fields)

    def check_usage(self) -> None:
        """Raise UsageError for options that have no effect without another."""
        if (self.pred is None) == (self.answers is None):
            raise click.UsageError("pass one of --pred and --answers")
        if self.rows is not None and self.answers is None:
            raise click.UsageError("--rows says what was answered: pass --answers, not --pred")
        for name, value in (("--subtask", self.subtask), ("--window-events", self.policy)):
            if value is not None and self.rows is None:
                raise click.UsageError(f"{name} says how rows are read: pass --rows too")


def alias_fields(path: Path | None) -> dict[str, Any]:
    """Return the options of a file of aliases."""
    if path is None:
        return {}
    from chinchilla.files import hash_file
    from chinchilla.score.metrics.duie import read_alias

    return {"alias": read_alias(path), "alias_sha256": hash_file(path)}


@click.command()
@task_option
@gold_option
@click.option("--pred", type=STREAM, help="Predicted records, in the exchange format.")
@click.option("--answers", type=STREAM, help="Raw model answers: lines of id and raw.")
@click.option("--form", default="json", help="Answer form, without --rows.")
@click.option("--rows", type=STREAM, help="The instruction rows that were answered.")
@click.option("--subtask", help="Sub-task whose rows are scored, where --rows has several.")
@click.option(
    "--window-events",
    "policy",
    type=click.Choice(["keep", "split", "drop"]),
    help="The setting windows.events of the build that wrote --rows; keep by default.",
)
@click.option("--metric", "metrics", multiple=True, help="Metric id; all of the task by default.")
@na_option
@alias_option
@click.option("--allow-extra", is_flag=True, help="Leave out predicted ids that gold lacks.")
@click.option(
    "--bootstrap",
    type=click.IntRange(0, 2**31 - 1),
    default=1000,
    help="Resamples for intervals; 0 gives none.",
)
@seed_option
@click.option(
    "--by",
    type=click.Choice(["label", "source", "length", "template"]),
    help="Print the scores of each label, source, length or template too.",
)
@click.option("--html", type=FILE, help="Page to write.")
@raw_option
@json_option
@templates_option
def score(as_json: bool, **options: Any) -> None:
    """Score predicted records or raw answers against gold records."""
    import orjson

    from chinchilla.files import check_writable
    from chinchilla.score.evaluate import evaluate
    from chinchilla.score.rows import read_rows

    call = ScoreCall(**options)
    call.check_usage()
    if call.html is not None:
        check_writable(call.html, "pass another path with --html")
    with input_files(call._asdict()) as files:
        call = ScoreCall(**files)
        gold = read_rows(call.gold, call.task)
        if call.pred is not None:
            result = evaluate(gold, read_rows(call.pred, call.task), call.options())
        else:
            gold = gold._replace(rows=list(gold.rows))
            result = evaluate(gold, _parsed(call, gold), call.options())
    if call.html is not None:
        from chinchilla.score.page import write_page

        write_page(result, call.html)
    if as_json:
        click.echo(orjson.dumps(result.to_dict()))
    else:
        click.echo(result.table())
        note(result.signature)
    if (problem := unparsed([result])) is not None:
        raise problem


def _parsed(call: ScoreCall, gold: "RowSet") -> "ParsedAnswers":
    """Return the answers, parsed by the rows that were answered or else by the form."""
    from chinchilla.predict.inputs import read_answered_rows, read_answers
    from chinchilla.predict.postprocess import (
        AnswerParser,
        documents_of,
        parse_answers,
        parse_record_answers,
        scored_answers,
    )

    documents = documents_of(gold.rows)
    path = call.answers or Path()
    if call.rows is None:
        answers, digest = read_answers(path)
        parsed = parse_record_answers(answers, call.form, call.task, documents)
        return parsed._replace(name=str(path), inputs={"answers": digest})
    asked = read_answered_rows(call.rows, call.subtask)
    labels = labels_of_rows(call.rows, {row.source for row in asked.rows.values()}, call.raw)
    parser = AnswerParser(labels, call.policy or "keep")
    answers, digest = read_answers(path, asked)
    read = parse_answers(asked.rows, answers, documents, parser)
    parsed = scored_answers(asked.rows, read, documents, parser)
    inputs = {"answers": digest, "rows": asked.sha256}
    return parsed._replace(name=str(path), inputs=inputs)


def labels_of_rows(rows: Path, sources: "set[str]", raw: Path) -> "dict[str, LabelSet]":
    """Return the labels of sources as the build had them, else those of their cards under `raw`.

    The labels of a build are those of `labels.json` in the folder that holds `rows`. Raises
    InputError where the build's manifest names other files.
    """
    from chinchilla.corpus import find
    from chinchilla.dataset.read import MANIFEST, check_file, read_labels, read_manifest
    from chinchilla.files import real

    labels: dict[str, LabelSet] = {}
    path = real(rows)
    folder = path.parent.parent
    if (folder / MANIFEST).is_file():
        named = read_manifest(folder)[0].hashes
        if sha256 := named.get(path.relative_to(folder).as_posix()):
            check_file(path, sha256, MANIFEST)
        labels = read_labels(folder, named)
    for source in sorted(sources - labels.keys()):
        if source in find.card_paths(raw):
            labels[source] = find.load_card(source, raw).label_set()
    return labels


def unparsed(results: "Sequence[Result]") -> "InputError | None":
    """Return the error that none of the answers scored could be read, where that is so."""
    from chinchilla.errors import InputError
    from chinchilla.predict.postprocess import UNPARSED

    scored = [result.answers for result in results if result.answers]
    status = {name: status for each in scored for name, status in each.status.items()}
    counts = Counter(status.values())
    if not status or counts.keys() - {*UNPARSED}:
        return None
    kind, times = counts.most_common(1)[0]
    first = next(name for name in status if status[name] == kind)
    what = f"none of {len(status):,} answers could be read, {times:,} times {kind}, first {first}"
    return InputError(scored[0].name, what, "look at these answers and at their form")


@contextmanager
def input_files(options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Put standard input into a file where an option or argument is `-`; only one may be."""
    dashes = [name for name, value in options.items() if value == Path("-")]
    if len(dashes) > 1:
        raise click.UsageError(f"only one of {', '.join(dashes)} can be standard input")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        if dashes:
            path.write_bytes(standard_input().read())
        yield {**options, **dict.fromkeys(dashes, path)}
