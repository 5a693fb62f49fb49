"""The command `chinchilla mine`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.options import raw_option, samples_option
from chinchilla.cli.reading import find_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chinchilla.errors import Tally
    from chinchilla.prompts.closeness import Pair
    from chinchilla.schema import LabelSet, Record, Split


@click.command()
@click.argument("source")
@raw_option
@click.option("--edition", help="Edition to read, where a source has several.")
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    show_default=True,
    help="Split whose records show what bears a label.",
)
@click.option(
    "--pred",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Records predicted for the split (exchange format), to learn what a model confuses.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Most labels named for a label.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    show_default=True,
    help="File to write; - is stdout.",
)
@samples_option
def mine(source: str, split: "Split", pred: Path | None, out: str, **given: Any) -> None:
    """Find for each label of a SOURCE the labels easily taken for it: hard negatives."""
    from chinchilla.errors import Tally
    from chinchilla.prompts import confusion
    from chinchilla.sources import catalogue

    found = find_source(source, split, given)
    name = found.edition.name
    labels, tally = found.card.label_set(name), Tally()
    records = catalogue.records(found, split, tally)
    pairs = None
    if pred is not None:
        gold = catalogue.records(found, split, Tally())
        pairs = _pairs(gold, _read_predicted(pred, labels, tally), tally)
    mined = confusion.mine(labels, records, pairs, given["top"])
    _write(out, confusion.dump_confusions(source, name, mined))
    alone = sum(not others for others in mined.values())
    click.echo(f"{len(mined)} labels, {alone} of them like no other", err=True)
    for reason, count in sorted(tally.refused.items()):
        click.echo(f"{reason}: {count.times}, first {count.example}", err=True)


def _read_predicted(
    path: Path, labels: "LabelSet", tally: "Tally"
) -> "Iterator[tuple[str, Record]]":
    """Yield where each predicted record stands, and the record; count labels on no card."""
    from chinchilla.readers import jsonl
    from chinchilla.readers.lines import Slice
    from chinchilla.schema import make_record

    part = Slice(path)
    for place, row in jsonl.rows(part, tally):
        record = make_record(part.at(place), row)
        names = [one.type for one in record.entities]
        names += [one.predicate for one in record.relations]
        names += [one.event_type for one in record.events]
        for name in names:
            if name not in labels.by_key:
                tally.drop("predicted label on no card", f"{part.at(place)} {name!r}")
        yield part.at(place), record


def _pairs(
    gold: "Iterable[Record]", predicted: "Iterable[tuple[str, Record]]", tally: "Tally"
) -> "Iterator[Pair]":
    """Match records by id; those of both sides in the same order are never held in memory.

    Raises InputError for a prediction of no gold record, or for two of the same record.
    """
    from chinchilla.errors import InputError

    answers = iter(predicted)
    early: dict[str, tuple[str, Record]] = {}
    done: set[str] = set()
    for record in gold:
        while record.id not in early and (answer := next(answers, None)) is not None:
            where, one = answer
            if one.id in early or one.id in done:
                raise InputError(where, f"a second prediction for {one.id}", "leave one out")
            early[one.id] = answer
        if record.id in early:
            done.add(record.id)
            yield record, early.pop(record.id)[1]
        else:
            tally.drop("record without prediction", record.id)
    for where, one in [*early.values(), *answers]:
        what = f"{one.id} is no gold record, or was predicted before"
        raise InputError(where, what, "pass the split that was predicted with --split")


def _write(out: str, content: bytes) -> None:
    """Write to stdout or, whole or not at all, to a file; raise ConfigError where it cannot be."""
    from chinchilla.outputs import write_whole

    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_whole(Path(out), [content], "pass another file with --out")
