"""What the commands share: options, reading a source, printing, what is installed on request."""

import math
import os
import select
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, TypedDict

import click

from chinchilla.errors import ChinchillaError, ConfigError, shown
from chinchilla.table import table as table

if TYPE_CHECKING:
    from chinchilla.corpus.find import FoundSource
    from chinchilla.schema import Split
    from chinchilla.tally import Tally

# options

SEED = click.IntRange(0, 2**64 - 1)
MANY = click.IntRange(1, 2**31 - 1)
"""A count that is at least one, and that every library below can hold."""
PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
STREAM = click.Path(path_type=Path, allow_dash=True)
_RAW = Path("raw")


class _Seconds(click.FloatRange):
    """A time above 0 that every clock below can hold."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Number of seconds; what is no number is refused too, which would pass for any range."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


SECONDS = _Seconds(0, 86_400, min_open=True)


def _check_raw(context: click.Context, option: click.Parameter, raw: Path) -> Path:
    """Raise ConfigError for a folder that is not there; where none was named, samples will do."""
    if raw != _RAW and not raw.is_dir():
        raise ConfigError(str(raw), "no such folder", "pass the folder of raw files with --raw")
    return raw


def _use_templates(
    context: click.Context, option: click.Parameter, folder: Path | None
) -> Path | None:
    """Use the templates of a folder beside those that ship, and say so."""
    from chinchilla.templates import use_templates

    number = use_templates(folder)
    if folder is not None and not context.resilient_parsing:
        note(f"templates: {number} wordings of {folder} beside those that ship")
    return folder


def _pairs(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Turn `SOURCE=NAME` pairs into a table."""
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.BadParameter("write SOURCE=NAME, as in msra=bio", param_hint="--edition")
    return {source: name for source, _, name in pairs}


raw_option = click.option(
    "--raw",
    type=FOLDER,
    default=_RAW,
    callback=_check_raw,
    help="Folder of the raw files, with a folder for each source.",
)
templates_option = click.option(
    "--templates-dir",
    type=FOLDER,
    callback=_use_templates,
    expose_value=False,
    help="Folder with <task>/*.yaml, wordings of your own beside those that ship.",
)
editions_option = click.option(
    "--edition",
    "editions",
    multiple=True,
    metavar="SOURCE=NAME",
    callback=_pairs,
    help="Edition to read of a source that has several; repeat for several sources.",
)
edition_option = click.option("--edition", help="Edition to read, where a source has several.")
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
    help="Stop at the first bad record, or leave it out and count it.",
)
batch_size_option = click.option(
    "--batch-size", type=MANY, default=32, help="Prompts answered together."
)
trust_option = click.option(
    "--trust-remote-code", is_flag=True, help="Run code that comes with a model, after reading it."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


# reading


class SourceOptions(TypedDict):
    """Where a source is looked for, its edition, and whether its sample will do."""

    raw: Path
    edition: str | None
    samples: bool | None


def find_source(source: str, split: "Split", options: SourceOptions) -> "FoundSource":
    """Find the files of a source as --raw, --edition and --samples say, and say what is read.

    Raises InputError where there are none.
    """
    from chinchilla.corpus.unread import find_split

    # `SOURCE=NAME` as the other commands take it, or the name alone
    edition = options["edition"] and options["edition"].removeprefix(f"{source}=")
    found = find_split(source, split, options["raw"], edition, options["samples"])
    what = f"{found.kind} in {found.folder}, edition {found.edition.name}"
    note(f"{found.card.source} {split}: {what}")
    return found


def standard_input() -> BinaryIO:
    """Standard input; ConfigError where it is closed."""
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigError("standard input", "closed", "send a file to it, or name one")
    return sys.stdin.buffer


PACKAGES = {
    "train": ("torch", "transformers", "peft", "accelerate", "matplotlib"),
    "constrained": ("llguidance",),
}


def need(extra: str) -> None:
    """Raise ConfigError where a package of an extra is not installed."""
    missing = [name for name in PACKAGES[extra] if find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)} not installed"
        todo = f"run `make trainer`, or pip install 'chinchilla[{extra}]'"
        raise ConfigError(f"extra {extra}", what, todo)


# printing


def say(line: str, err: bool = False) -> None:
    """Print one line; what others put into it is escaped."""
    click.echo(shown(line), err=err)


def note(line: str) -> None:
    """Print one line to stderr."""
    say(line, err=True)


def write_out(pieces: Iterable[bytes], out: Path | None) -> None:
    """Write to stdout or, whole or not at all, to a file; raise ConfigError where it cannot be."""
    from chinchilla.files import write_whole

    if out is not None:
        write_whole(out, pieces, "pass another file with --out")
        return
    for piece in pieces:
        click.echo(piece, nl=False)


def say_tally(tally: "Tally") -> None:
    """Say how much was refused, fixed and warned of, and where first."""
    kinds = {
        "refused": tally.refused,
        "left out of records": tally.lost,
        "fixed": tally.fixed,
        "warned of": tally.warned,
    }
    for kind, counts in kinds.items():
        for reason, count in sorted(counts.items()):
            advice = f"; {count.todo}" if count.todo and kind == "warned of" else ""
            note(f"{kind} {reason}: {count.times}, first {count.example}{advice}")


def check_any_left(left: Sized, name: str, tally: "Tally") -> None:
    """Say the counts and raise InputError where all that a file has in it was left out."""
    from chinchilla.corpus.report import nothing_read

    if not left and tally.refused:
        say_tally(tally)
        raise nothing_read(name, tally.refused)


# what the system refuses


class ReaderLeftError(Exception):
    """Raised when the reader of our output went away, as `| head` does."""


class Commands(click.Group):
    """The commands; click itself would leave with status 1 and no message at a broken pipe."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; help is printed on the way."""
        with _system_errors_as_ours():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        with _system_errors_as_ours():
            return super().invoke(ctx)


def check_open() -> None:
    """Raise ConfigError where standard output is closed: what is printed would be lost."""
    if sys.stdout is None:
        raise ConfigError("output", "closed", "send it to a file or to /dev/null")


@contextmanager
def _system_errors_as_ours() -> Iterator[None]:
    """Raise what the system refuses as one of ours; an error without a number is a library's."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise _as_ours(error) from error


def _as_ours(error: OSError) -> ChinchillaError | ReaderLeftError:
    no_reader = isinstance(error, BrokenPipeError) and (_has_no_reader(1) or _has_no_reader(2))
    for stream in (sys.stdout, sys.stderr):
        _mute_if_lost(stream)
    if no_reader:
        return ReaderLeftError()
    where = os.fsdecode(error.filename) if error.filename else "output"
    what = error.strerror or type(error).__name__
    return ConfigError(where, what, "see that there is room, and that it may be used")


def _has_no_reader(descriptor: int) -> bool:
    """Whether it is a pipe that no process reads; a connection that broke is another matter."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _mute_if_lost(stream: TextIO | None) -> None:
    """Let what a stream could not write go nowhere, else Python complains once more at exit."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
