"""Call the command line in this process, as `chinchilla ...` would be, and what came of it."""

import sys
from typing import NamedTuple
from unittest.mock import patch

from click.testing import CliRunner

from chinchilla.cli import main

FAULT = "this is a fault of chinchilla"


class Called(NamedTuple):
    status: int
    out: str
    err: str


def call(*words: str, given: bytes = b"") -> Called:
    """Call the command line with these words and this standard input."""
    with CliRunner().isolation(input=given) as streams, patch.object(sys, "argv", ["x", *words]):
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = (stream.getvalue().decode("utf-8", "replace") for stream in streams[:2])
    return Called(status, out, err)


def assert_told(done: Called, words: tuple[str, ...]) -> None:
    """Assert that a call was answered: nothing unforeseen, and an error in one line."""
    told = done.err.splitlines()
    errors = [number for number, line in enumerate(told) if line.lower().startswith("error:")]
    assert FAULT not in done.err, (words, done.err)
    assert "Traceback" not in done.err + done.out, (words, done.err)
    assert done.status in (0, 1, 2), (words, done)
    assert len(errors) <= 1, (words, done.err)
    assert not errors or errors == [len(told) - 1], (words, done.err)
    assert done.status == 0 or errors or done.out or "Usage: " in done.err, (words, done)
