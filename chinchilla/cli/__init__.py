"""The command line: parse, call, print. Data goes to stdout, messages to stderr.

Heavy modules are imported inside the commands, so that `chinchilla --help` answers at once.
"""

import signal
import sys
from contextlib import suppress
from io import StringIO
from types import FrameType
from typing import NoReturn

import click

from chinchilla import __version__
from chinchilla.cli import guard
from chinchilla.cli.build import build
from chinchilla.cli.check import check
from chinchilla.cli.common import Commands, ReaderLeftError, check_open, note
from chinchilla.cli.compare import compare
from chinchilla.cli.eval import evaluate
from chinchilla.cli.export import export
from chinchilla.cli.merge import merge
from chinchilla.cli.mine import mine
from chinchilla.cli.predict import predict
from chinchilla.cli.records import records
from chinchilla.cli.score import score
from chinchilla.cli.sources import sources
from chinchilla.cli.train import train
from chinchilla.errors import ChinchillaError

INTERRUPTED = 130


SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="chinchilla")
def cli() -> None:
    """Turn Chinese extraction data sets, as published, into instruction data one can trust."""


for command in (sources, records, check, mine, build, export):
    cli.add_command(command)
for command in (train, merge, predict, evaluate, score, compare):
    cli.add_command(command)


def main() -> None:
    """Run the command line; our errors are one line on stderr and exit status 1."""
    signal.signal(signal.SIGTERM, _stop)
    guard.settle_streams()
    try:
        check_open()
        guard.check_arguments(sys.argv[1:])
        cli(standalone_mode=False)
    except ChinchillaError as error:
        _leave(str(error))
    except click.ClickException as error:
        _show(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing half-written was left behind", err=True)
        sys.exit(INTERRUPTED)
    except ReaderLeftError:
        # it had all it wanted
        sys.exit(0)
    except SystemExit:
        raise
    except BaseException as error:
        # libraries in Rust raise what is no Exception
        known = guard.foreseen(error)
        _leave(guard.report(error) if known is None else str(known))


def _show(error: click.ClickException) -> None:
    """Print the message of click; it quotes the arguments as they are."""
    message = StringIO()
    error.show(message)
    with suppress(OSError):
        for line in message.getvalue().split("\n")[:-1]:
            # click sets the choices of an option apart by a tab
            indent = "  " if line.startswith("\t") else ""
            note(indent + line.removeprefix("\t"))


def _leave(message: str) -> NoReturn:
    with suppress(OSError):
        click.echo(f"error: {message}", err=True)
    sys.exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    """Treat a polite kill as Ctrl-C, so that what is half-written is cleared away."""
    raise KeyboardInterrupt
