"""Options that several commands share."""

from pathlib import Path

import click

from chinchilla.errors import ConfigError

RAW = Path("raw")


def _check_raw(context: click.Context, option: click.Parameter, raw: Path) -> Path:
    """Raise ConfigError for a folder that is not there; where none was named, samples will do."""
    if raw != RAW and not raw.is_dir():
        raise ConfigError(str(raw), "no such folder", "pass the folder of raw files with --raw")
    return raw


raw_option = click.option(
    "--raw",
    type=click.Path(path_type=Path, file_okay=False),
    default=RAW,
    show_default=True,
    callback=_check_raw,
    help="Folder with a folder a source.",
)
samples_option = click.option(
    "--samples/--no-samples",
    default=True,
    show_default=True,
    help="Read the shipped sample of a source that has no files.",
)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["stop", "count"]),
    default="stop",
    show_default=True,
    help="Stop at the first bad record, or leave it out and count it.",
)
trust_option = click.option(
    "--trust-remote-code", is_flag=True, help="Run code that comes with a model, after reading it."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
