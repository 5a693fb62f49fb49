"""The command `chinchilla mine`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chinchilla.cli.common import MANY, find_source, raw_option, samples_option, say

if TYPE_CHECKING:
    from chinchilla.schema import Split


@click.command()
@click.argument("source")
@raw_option
@click.option("--edition", help="Edition to read, where a source has several.")
@click.option(
    "--split",
    type=click.Choice(["train", "dev", "test"]),
    default="train",
    show_default=True,
    help="Split whose records show which strings have a label.",
)
@click.option(
    "--pred",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Records predicted for the split (exchange format), to see what a model confuses.",
)
@click.option(
    "--top",
    type=MANY,
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
def mine(source: str, split: "Split", pred: Path | None, out: str, **options: Any) -> None:
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
    _write(out, hard_negatives.dump_confusions(data.card.source, name, mined))
    alone = sum(not others for others in mined.values())
    say(f"{len(mined)} labels, {alone} of them like no other", err=True)
    for reason, count in sorted(tally.refused.items()):
        say(f"{reason}: {count.times}, first {count.example}", err=True)


def _write(out: str, content: bytes) -> None:
    """Write to stdout or, whole or not at all, to a file; raise ConfigError where it cannot be."""
    from chinchilla.files import write_whole

    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_whole(Path(out), [content], "pass another file with --out")
