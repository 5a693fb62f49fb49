"""The command `chinchilla sources`."""

import sys
from pathlib import Path
from typing import Any

import click

from chinchilla.cli.common import json_option, note, raw_option, say, table


@click.command()
@raw_option
@json_option
def sources(raw: Path, as_json: bool) -> None:
    """Show what sources are known, what of them is found, licences and how to obtain them."""
    import orjson

    from chinchilla.corpus.check import overview
    from chinchilla.corpus.unread import unread_in

    rows = overview(raw)
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        click.echo(_table(rows))
        for row in rows:
            click.echo()
            for line in _lines(row):
                say(line)
    for stray in unread_in(raw):
        note(str(stray))
    sys.exit(1 if any(row["problem"] for row in rows) else 0)


def _lines(row: dict[str, Any]) -> list[str]:
    if row["problem"]:
        return [f"{row['source']}: cannot be read", f"  {row['problem']}"]
    licence, obtain = f"  licence: {row['licence']}", f"  obtain:  {row['obtain']}"
    lines = [f"{row['source']}: {row['summary']}", f"  {row['home']}", licence, obtain]
    return [*lines, *(f"  {line}" for line in row["unread"])]


def _table(rows: list[dict[str, Any]]) -> str:
    splits = ("train", "dev", "test")
    cells = []
    for row in rows:
        files = [Path(row["files"][name]).name if name in row["files"] else "-" for name in splits]
        found = row["found"] or ("a problem" if row["problem"] else "nothing")
        names = [row["source"], row["task"] or "-", str(row["labels"]), row["edition"] or "-"]
        cells.append([*names, found, *files])
    return table(("source", "task", "labels", "edition", "found", *splits), cells)
