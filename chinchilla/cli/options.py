"""Options that several commands share."""

import math
from pathlib import Path
from typing import Any

import click

from chinchilla.cli.output import say
from chinchilla.errors import ConfigError

RAW = Path("raw")
SEED = click.IntRange(0, 2**64 - 1)
MANY = click.IntRange(1, 2**31 - 1)
"""A count that is at least one, and that every library below can hold."""


class _Seconds(click.FloatRange):
    """A time above 0 that every clock below can hold."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no number too: it would pass for being in any range."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return found


SECONDS = _Seconds(0, 86_400, min_open=True)


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


batch_size_option = click.option(
    "--batch-size", type=MANY, default=32, show_default=True, help="Prompts answered together."
)


def _use_templates(
    context: click.Context, option: click.Parameter, folder: Path | None
) -> Path | None:
    """Lay the templates of a folder beside those that ship, and say so."""
    from chinchilla.templates import use_templates

    number = use_templates(folder)
    if folder is not None and not context.resilient_parsing:
        say(f"templates: {number} wordings of {folder} beside those that ship", err=True)
    return folder


templates_option = click.option(
    "--templates-dir",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_use_templates,
    expose_value=False,
    help="Folder with <task>/*.yaml, wordings of your own beside those that ship.",
)


def _pairs(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """Turn `SOURCE=NAME` pairs into a table."""
    pairs = [pair.partition("=") for pair in given]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("write SOURCE=NAME, as in msra=bio", param_hint="--edition")
    return {source: name for source, _, name in pairs}


editions_option = click.option(
    "--edition",
    "editions",
    multiple=True,
    metavar="SOURCE=NAME",
    callback=_pairs,
    help="Edition to read of a source that has several; repeat for several sources.",
)
samples_option = click.option(
    "--samples/--no-samples",
    default=None,
    help="Read the shipped sample of a source that has no files; where not said, only where "
    "--raw holds no files at all.",
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
