"""The command `chinchilla sources`."""

from pathlib import Path
from typing import Any

import click

from chinchilla.cli.options import json_option, raw_option


@click.command()
@raw_option
@json_option
def sources(raw: Path, as_json: bool) -> None:
    """Show what sources are known, what of them is found, licences and how to obtain them."""
    import orjson

    from chinchilla.sources.overview import overview

    rows = overview(raw)
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    click.echo(_table(rows))
    for row in rows:
        click.echo(f"\n{row['source']}: {row['summary']}\n  {row['home']}")
        click.echo(f"  licence: {row['licence']}\n  obtain:  {row['obtain']}")


def _table(rows: list[dict[str, Any]]) -> str:
    from chinchilla.cli.table import table

    head = ("source", "task", "labels", "edition", "found", "train", "dev", "test")
    return table(head, [_cells(row) for row in rows])


def _cells(row: dict[str, Any]) -> list[str]:
    files = [Path(row["files"][split]).name if split in row["files"] else "-" for split in SPLITS]
    found = row["found"] or "nothing"
    return [row["source"], row["task"], str(row["labels"]), row["edition"] or "-", found, *files]


SPLITS = ("train", "dev", "test")
