"""Our output where it cannot be written: nobody reads it any more, it is full, or closed."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

import click

from chinchilla.errors import ChinchillaError, ConfigError, shown


class ReaderLeftError(Exception):
    """Raised when the reader of our output went away, as `| head` does."""


class Commands(click.Group):
    """Hold the commands; click itself would leave with status 1, wordless, at a broken pipe."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; help is printed on the way."""
        with _system_errors_told():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        with _system_errors_told():
            return super().invoke(ctx)


def say(line: str, err: bool = False) -> None:
    """Print one line of words, whatever texts of others stand in it."""
    click.echo(shown(line), err=err)


def check_open() -> None:
    """Raise ConfigError where standard output is closed: what is printed would be lost."""
    if sys.stdout is None:
        raise ConfigError("output", "closed", "send it to a file or to /dev/null")


def standard_input() -> BinaryIO:
    """Return standard input; raise ConfigError where it is closed."""
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigError("standard input", "closed", "send a file to it, or name one")
    return sys.stdin.buffer


@contextmanager
def _system_errors_told() -> Iterator[None]:
    """Raise what the system refuses as one of ours; an error without a number is a library's."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise _told(error) from error


def _told(error: OSError) -> ChinchillaError | ReaderLeftError:
    unread = isinstance(error, BrokenPipeError) and (_has_no_reader(1) or _has_no_reader(2))
    for stream in (sys.stdout, sys.stderr):
        _mute_if_lost(stream)
    if unread:
        return ReaderLeftError()
    where = os.fsdecode(error.filename) if error.filename else "output"
    words = error.strerror or type(error).__name__
    return ConfigError(where, words, "see that there is room, and that it may be used")


def _has_no_reader(descriptor: int) -> bool:
    """Tell whether it is a pipe that nobody reads; a connection that broke is another matter."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(happened & select.POLLERR for _, happened in poll.poll(0))


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
