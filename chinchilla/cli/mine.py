"""The command `chinchilla mine`."""

import sys
from contextlib import suppress
from pathlib import Path

import click

from chinchilla.cli.options import raw_option, samples_option


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
def mine(
    source: str,
    raw: Path,
    edition: str | None,
    split: str,
    pred: Path | None,
    top: int,
    out: str,
    samples: bool,
) -> None:
    """Find for each label of a SOURCE the labels easily taken for it: hard negatives."""
    from chinchilla.cli.predicted import read_pairs
    from chinchilla.errors import ConfigError, InputError, Tally
    from chinchilla.prompts import confusion
    from chinchilla.sources import catalogue

    card = catalogue.load_card(source, raw)
    found = catalogue.find(card, raw, edition, samples)
    if found is None:
        raise InputError(str(raw), f"no file of {source} here", card.obtain or "add the files")
    if split in found.edition.unlabelled:
        what = f"{source} was published without labels in {split}"
        raise ConfigError(f"--split {split}", what, "choose a split that has labels")
    name = found.edition.name
    click.echo(f"{source} {split}: {found.kind} in {found.folder}, edition {name}", err=True)
    labels, tally = card.label_set(name), Tally()
    records = catalogue.records(found, split, tally)  # type: ignore[arg-type]
    pairs = None
    if pred is not None:
        gold = catalogue.records(found, split, Tally())  # type: ignore[arg-type]
        pairs = read_pairs(gold, pred, labels, tally)
    mined = confusion.mine(labels, records, pairs, top)
    _write(out, confusion.dump_confusions(source, name, mined))
    alone = sum(not found for found in mined.values())
    click.echo(f"{len(mined)} labels, {alone} of them like no other", err=True)
    for reason, count in sorted(tally.refused.items()):
        click.echo(f"{reason}: {count.times}, first {count.example}", err=True)


def _write(out: str, content: bytes) -> None:
    """Write to stdout or, whole or not at all, to a file; raise ConfigError where it cannot be."""
    from chinchilla.errors import ConfigError

    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target = Path(out)
    partial = target.parent / f".partial-{target.name}"
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        words = error.strerror or "cannot be written"
        raise ConfigError(out, words, "pass another file with --out") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
