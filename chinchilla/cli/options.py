"""Options that several commands share."""

from pathlib import Path

import click

raw_option = click.option(
    "--raw",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("raw"),
    show_default=True,
    help="Folder with a folder a source.",
)
samples_option = click.option(
    "--samples/--no-samples",
    default=True,
    show_default=True,
    help="Read the shipped sample of a source that has no files.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
