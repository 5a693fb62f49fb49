"""How the commands that score read rows: their questions by the cards, their answers merged."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import (
    SEED,
    json_option,
    raw_option,
    say,
    standard_input,
    templates_option,
)

if TYPE_CHECKING:
    from chinchilla.answers import Content, Query
    from chinchilla.schema import InstructionRow, LabelSet
    from chinchilla.score.answers import RowReading
    from chinchilla.score.evaluate import Evaluation, Score, Scores
    from chinchilla.windows.project import Policy


def row_reading(rows: Path, raw: Path, policy: "Policy") -> "RowReading":
    """Return how rows are read: windows merged by `policy`, labels as the build had them.

    The labels are those of `labels.json` in the folder of the build that holds `rows`, else of
    the cards under `raw`. Raises InputError where the build's manifest names other files.
    """
    from chinchilla.files import real
    from chinchilla.prompts.queries import query_of
    from chinchilla.score.answers import RowReading
    from chinchilla.windows.merge import RowAnswer, merge_rows

    built = _labels_of_build(real(rows))
    of_card = _labels_by_source(raw)

    def labels_of(row: "InstructionRow") -> "LabelSet":
        return built.get(row.source) or of_card(row.source) or _own_labels(row)

    def query(row: "InstructionRow") -> "Query":
        return query_of(row, labels_of(row))

    def merge(
        text: str, told: "Sequence[tuple[InstructionRow, Content]]", mentions: bool
    ) -> "Content":
        na = labels_of(told[0][0]).na
        answers = [RowAnswer(*one) for one in told]
        return merge_rows(text, answers, policy, mentions, None if na is None else na.key)

    return RowReading(query, merge, policy)


def _labels_of_build(rows: Path) -> "dict[str, LabelSet]":
    """Return the labels of the build that holds the rows, none where no build does."""
    from chinchilla.dataset.read import MANIFEST, check_file, read_labels, read_manifest

    folder = rows.parent.parent
    if not (folder / MANIFEST).is_file():
        return {}
    named = read_manifest(folder)[0].hashes
    if sha256 := named.get(rows.relative_to(folder).as_posix()):
        check_file(rows, sha256, MANIFEST)
    return read_labels(folder, named)


def _labels_by_source(raw: Path) -> "Callable[[str], LabelSet | None]":
    @cache
    def labels(source: str) -> "LabelSet | None":
        from chinchilla.corpus import find as catalogue
        from chinchilla.schema import LabelSet

        if source not in catalogue.card_paths(raw):
            return None
        card = catalogue.load_card(source, raw)
        # a row does not name its edition; a label has one meaning in all of them
        sets = [card.label_set(edition.name) for edition in card.editions]
        found = {label.key: label for one in sets for label in one}
        na, types = sets[0].na, sets[0].types
        values = tuple(found.values())
        return LabelSet(source=source, task=card.task, labels=values, na=na, types=types)

    return labels


def _own_labels(row: "InstructionRow") -> "LabelSet":
    """Return the labels of a row of a source without a card: each is its own name."""
    from chinchilla.schema import Label, LabelSet

    keys = dict.fromkeys((*row.labels, *filter(None, [row.event_type])))
    labels = tuple(Label(key=key, name=key) for key in keys)
    return LabelSet(source=row.source, task=row.subtask.partition("-")[0], labels=labels)


task_option = click.option(
    "--task", type=click.Choice(["ner", "re", "ee"]), required=True, help="Task of the records."
)
FILE = click.Path(path_type=Path, allow_dash=True)
gold_option = click.option("--gold", type=FILE, required=True, help="Gold records.")
na_option = click.option("--na", default="unknown", show_default=True, help="Label of no relation.")
alias_option = click.option(
    "--alias", type=click.Path(path_type=Path), help="Alias file of duie_official, tabs between."
)
seed_option = click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Seed of resamples and shuffles."
)


@click.command()
@task_option
@gold_option
@click.option("--pred", type=FILE, help="Predicted records, in the exchange format.")
@click.option("--answers", type=FILE, help="Raw model answers: lines of id and raw.")
@click.option("--form", default="json", show_default=True, help="Answer form, without --rows.")
@click.option("--rows", type=FILE, help="The instruction rows that were answered.")
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
    show_default=True,
    help="Resamples for intervals; 0 gives none.",
)
@seed_option
@click.option(
    "--by",
    type=click.Choice(["label", "source", "length", "template"]),
    help="Print the scores of each label, source, length or template too.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Page to write.")
@raw_option
@json_option
@templates_option
def score(html: Path | None, raw: Path, as_json: bool, **given: Any) -> None:
    """Score predicted records or raw answers against gold records."""
    import orjson

    from chinchilla.cli.score import row_reading
    from chinchilla.files import check_writable
    from chinchilla.score.evaluate import Request, evaluate
    from chinchilla.score.result import result

    policy = given.pop("policy")
    _check_usage(given, policy)
    if html is not None:
        check_writable(html, "pass another path with --html")
    with streams(given) as files:
        reading = row_reading(files["rows"], raw, policy or "keep") if files["rows"] else None
        found = evaluate(Request(**files), reading, keep=html is not None)
        if html is not None:
            from chinchilla.score.page import write_page

            write_page(found, html)
    if as_json:
        click.echo(orjson.dumps(result(found)))
    else:
        click.echo(_report(found))
        say(found.signature, err=True)
    check_any_read([found])


def check_any_read(found: "Sequence[Evaluation]") -> None:
    """Raise InputError where none of the answers scored could be read."""
    from chinchilla.errors import InputError
    from chinchilla.score.answers import UNREAD

    status = {
        name: one for each in found if each.answers for name, one in each.answers.status.items()
    }
    counts = Counter(status.values())
    if not status or counts.keys() - {*UNREAD, "missing"}:
        return
    kind, times = counts.most_common(1)[0]
    first = next(name for name, one in status.items() if one == kind)
    what = f"none of {len(status):,} answers could be read, {times:,} times {kind}, first {first}"
    raise InputError(str(found[0].request.answers), what, "look at these answers and at their form")


def _check_usage(given: dict[str, Any], policy: str | None) -> None:
    """Raise UsageError for options that have no effect without another."""
    if (given["pred"] is None) == (given["answers"] is None):
        raise click.UsageError("pass one of --pred and --answers")
    if given["rows"] is not None and given["answers"] is None:
        raise click.UsageError("--rows says what was answered: pass --answers, not --pred")
    for name, value in (("--subtask", given["subtask"]), ("--window-events", policy)):
        if value is not None and given["rows"] is None:
            raise click.UsageError(f"{name} says how rows are read: pass --rows too")


@contextmanager
def streams(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Put standard input into a file where an option or argument is `-`; only one may be."""
    dashes = [name for name, value in given.items() if value == Path("-")]
    if len(dashes) > 1:
        raise click.UsageError(f"only one of {', '.join(dashes)} can be standard input")
    if not dashes:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(standard_input().read())
        yield {**given, dashes[0]: path}


def _report(found: "Evaluation") -> str:
    """Return the tables for people: metrics, labels, predictions, statuses."""
    from chinchilla.cli.common import table

    parts = [_metric_table(found.scores)]
    if found.answers:
        parts += [f"strict parse only\n{_metric_table(found.strict)}"]
        parts += [f"parsed documents only\n{_metric_table(found.parsed_only)}"]
        statuses = sorted(found.statuses.items())
        parts.append(table(("status", "answers"), [[name, f"{n:,}"] for name, n in statuses]))
    names = list(found.scores) if found.request.by == "label" else [found.headline]
    parts += [f"{name} by label\n{_label_table(found.scores[name])}" for name in names]
    if found.groups:
        groups = found.groups[found.headline]
        rows = [[key, *(f"{100 * part:.2f}" for part in one)] for key, one in groups.items()]
        head = (str(found.request.by), "P", "R", "F1")
        parts.append(f"{found.headline} by {found.request.by}\n{table(head, rows)}")
    stats = [f"{number:,} {name.replace('_', ' ')}" for name, number in _stats(found)]
    parts.append(", ".join(stats))
    return "\n\n".join(parts)


def _stats(found: "Evaluation") -> list[tuple[str, int]]:
    counts = [("documents", found.documents), *found.stats._asdict().items()]
    return [*counts, ("missing", len(found.missing)), ("extra", len(found.extra))]


def _metric_table(scores: "Scores") -> str:
    from chinchilla.cli.common import table

    head = ("metric", "P", "R", "F1", "95 %", "macro F1", "TP", "predicted", "gold", "")
    rows = []
    for name, one in scores.items():
        rates = [f"{100 * part:.2f}" for part in one.micro]
        counts = [f"{count:,.2f}".removesuffix(".00") for count in one.counts]
        between = ""
        if one.interval is not None:
            between = "-".join(f"{100 * edge:.2f}" for edge in one.interval[:, 2])
        more = [f"{key} {value:.4f}" for key, value in one.more.items() if value is not None]
        words = ", ".join([*more, *(["undefined"] if one.undefined else [])])
        rows.append([name, *rates, between, f"{100 * one.macro.f1:.2f}", *counts, words])
    return table(head, rows)


def _label_table(one: "Score") -> str:
    from chinchilla.cli.common import table
    from chinchilla.score.counts import prf

    rows = [
        [name, *(f"{100 * part:.2f}" for part in prf(counts)), *(f"{n:,.0f}" for n in counts)]
        for name, counts in one.labels.items()
    ]
    return table(("label", "P", "R", "F1", "TP", "predicted", "gold"), rows)
