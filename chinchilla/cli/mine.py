"""The command `chinchilla mine`."""

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from chinchilla.cli.common import (
    FILE,
    MANY,
    SourceOptions,
    edition_option,
    find_source,
    note,
    raw_option,
    samples_option,
    write_out,
)

if TYPE_CHECKING:
    from chinchilla.schema import Split


class MineOptions(SourceOptions):
    """Where the source is, and the most labels named for a label."""

    top: int


@click.command()
@click.argument("source")
@raw_option
@edition_option
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    help="Split whose records show which strings have a label.",
)
@click.option(
    "--pred",
    type=FILE,
    help="Records predicted for the split (exchange format), to see what a model confuses.",
)
@click.option("--top", type=MANY, default=8, help="Most labels named for a label.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    help="File to write; - is stdout.",
)
@samples_option
def mine(
    source: str, split: "Split", pred: Path | None, out: str, **options: Unpack[MineOptions]
) -> None:
    """Find for each label of a SOURCE the labels easily taken for it: hard negatives."""
    from chinchilla.corpus import find
    from chinchilla.errors import ConfigError
    from chinchilla.files import check_writable
    from chinchilla.predict.inputs import read_pairs
    from chinchilla.prompts import hard_negatives
    from chinchilla.tally import Tally

    if out != "-":
        check_writable(Path(out), "pass another file with --out")
    data = find_source(source, split, options)
    if split in data.edition.unlabelled:
        what = f"{data.card.source} was published without labels in {split}"
        raise ConfigError(f"--split {split}", what, "choose a split that has labels")
    name = data.edition.name
    labels, tally = data.card.label_set(name), Tally()
    records = find.records(data, split, tally)
    pairs = None
    if pred is not None:
        gold = find.records(data, split, Tally())
        pairs = read_pairs(gold, pred, labels, tally)
    mined = hard_negatives.mine(labels, records, pairs, options["top"])
    content = hard_negatives.dump_confusions(data.card.source, name, mined)
    write_out([content], None if out == "-" else Path(out))
    alone = sum(not others for others in mined.values())
    note(f"{len(mined)} labels, {alone} of them like no other")
    for reason, count in sorted(tally.refused.items()):
        note(f"{reason}: {count.times}, first {count.example}")
