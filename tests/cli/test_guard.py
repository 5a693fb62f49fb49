"""The last guard: what nobody foresaw is one line, a file of the traceback, and exit status 1."""

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest
from calls import call

from chinchilla.cli import cli

LINE = re.compile(
    r"error: this is a fault of chinchilla: (.+); "
    r"the traceback is in (\S+chinchilla-fault-\S+\.txt); please report it"
)


class Panic(BaseException):
    """Stands for what libraries in Rust raise: no Exception."""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes the command `broken` raise an error, and calls it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def run(error: BaseException):
        @cli.command("broken")
        def command() -> None:
            raise error

        try:
            return call("broken")
        finally:
            del cli.commands["broken"]

    return run


ERRORS = [
    (ValueError("of a kind"), "ValueError: of a kind"),
    (RecursionError("too deep"), "RecursionError: too deep"),
    (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "no"), "UnicodeEncodeError: 'utf-8' codec "),
    (KeyError("config"), "KeyError: 'config'"),
    (AssertionError(), "AssertionError"),
    (OSError("of a library, without a number"), "OSError: of a library, without a number"),
    (ImportError("cannot import name 'x'", name="chinchilla.x"), "ImportError: cannot import"),
    (Panic("in Rust"), "test_guard.Panic: in Rust"),
    (ValueError("two\nlines \x1b[31m"), r"ValueError: two\nlines \x1b[31m"),
    (ValueError("x" * 10_000), "ValueError: xxx"),
    (ExceptionGroup("several", [ValueError("a")]), "ExceptionGroup: several (1 sub-exception)"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS, ids=lambda one: type(one).__name__)
def test_an_error_that_is_not_ours_is_one_line_and_a_file(broken, error, words: str) -> None:
    done = broken(error)
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    told = LINE.fullmatch(done.err.rstrip("\n"))
    assert told is not None, done.err
    assert told[1].startswith(words)
    assert len(told[1]) < 300
    trace = Path(told[2]).read_text(encoding="utf-8")
    assert trace.startswith("chinchilla ")
    assert "Traceback (most recent call last):" in trace
    assert "raise error" in trace


def test_two_faults_are_two_files(broken, tmp_path: Path) -> None:
    for _ in range(2):
        broken(ValueError("once more"))
    assert len(list(tmp_path.glob("chinchilla-fault-*.txt"))) == 2


def test_where_there_is_no_temporary_folder_the_file_is_in_the_working_one(
    broken, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    done = broken(ValueError("a"))
    [kept] = tmp_path.glob("chinchilla-fault-*.txt")
    assert f"the traceback is in {kept.resolve()}; " in done.err


class OutOfMemoryError(RuntimeError):
    """Stands for that of torch, by its name."""


FORESEEN = [
    (OutOfMemoryError("CUDA out of memory"), "memory: there is not enough; try fewer workers"),
    (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."),
        "memory: there is not enough; try fewer workers",
    ),
    (MemoryError(), "memory: there is not enough; try fewer workers"),
    (
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
        "disk: there is no room left where something was written; make room",
    ),
    (
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        "disk: there is no room left where something was written; make room",
    ),
    (
        ModuleNotFoundError("No module named 'rich'", name="rich"),
        "package rich: cannot be imported (No module named 'rich'); install it, or chinchilla ",
    ),
]


@pytest.mark.parametrize(("error", "words"), FORESEEN, ids=str)
def test_what_is_no_fault_of_ours_is_told_as_what_it_is(broken, tmp_path, error, words) -> None:
    done = broken(error)
    assert done.status == 1
    assert done.err.startswith(f"error: {words}")
    assert done.err.count("\n") == 1
    assert list(tmp_path.glob("chinchilla-fault-*")) == []


def test_stopping_stays_what_it_was(broken) -> None:
    done = broken(KeyboardInterrupt())
    assert (done.status, done.err) == (130, "\nstopped; nothing half-written was left behind\n")


def test_an_error_of_a_callback_that_reads_an_option_is_caught_too(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail(context: click.Context, option: click.Parameter, value: str) -> str:
        raise ZeroDivisionError

    @cli.command("broken")
    @click.option("--x", callback=fail)
    def command(x: str) -> None:
        """Do nothing."""

    try:
        done = call("broken", "--x", "1")
    finally:
        del cli.commands["broken"]
    assert done.status == 1
    assert LINE.fullmatch(done.err.rstrip("\n"))


WORKER = """
import sys, tempfile
import chinchilla.dataset.build as dataset
from chinchilla.cli import main

if __name__ == "__main__":
    tempfile.tempdir = sys.argv.pop(1)
    dataset.build_shard = divmod
    main()
"""


def test_an_error_of_a_worker_is_caught_and_the_file_has_the_worker_s_traceback(tmp_path) -> None:
    """Workers are told to do what cannot be done: two arguments that are no numbers."""
    script = tmp_path / "script.py"
    script.write_text(WORKER, encoding="utf-8")
    words = [sys.executable, str(script), str(tmp_path), "build", "--workers", "2"]
    words += ["--source", "finre", "--out", str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    told = LINE.fullmatch(done.stderr.splitlines()[-1])
    assert done.returncode == 1
    assert told is not None
    assert told[1].startswith("TypeError: ")
    assert "Traceback" not in done.stderr
    assert "_process_worker" in Path(told[2]).read_text(encoding="utf-8")
    assert not (tmp_path / "out").exists()


def shell(line: str, cwd: Path, **env: str | None) -> subprocess.CompletedProcess[str]:
    """Run a line in which $P is the command; a variable that is None is taken away."""
    full = {**os.environ, "P": f"{sys.executable} -m chinchilla", **env}
    kept = {name: value for name, value in full.items() if value is not None}
    root = str(Path(__file__).resolve().parents[2])
    kept["PYTHONPATH"] = root
    words = ["bash", "-c", line]
    return subprocess.run(
        words, capture_output=True, text=True, cwd=cwd, env=kept, errors="replace"
    )


ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.parametrize(
    "words", ["check finre", "sources", "records finre --split dev", "check 甲"]
)
def test_chinese_is_printed_whatever_the_locale(tmp_path: Path, words: str) -> None:
    plain = shell(f"$P {words}", tmp_path)
    done = shell(f"$P {words}", tmp_path, **ASCII)
    assert done.returncode == plain.returncode
    assert "fault of chinchilla" not in done.stderr
    if "甲" not in words:
        assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)


CLOSED = [
    ("$P score --task re --gold - --pred x <&-", 1, "error: standard input: closed; send a file"),
    ("$P check finre <&-", 0, ""),
    ("$P check finre >&-", 1, "error: output: closed; "),
    ("$P check nope 2>&-", 1, ""),
    ("$P check finre <&- 2>&-", 0, ""),
    ("$P frobnicate 2>/dev/full", 2, ""),
    ("$P records nope --split dev 2>/dev/full", 1, ""),
    ("$P check $'\\xff'", 1, r"error: argument \xff: not UTF-8; rename it, or write it in UTF-8"),
    ("$P build --source finre --workers 2 --out out <&- 2>&-", 0, ""),
]


@pytest.mark.parametrize(("line", "status", "words"), CLOSED)
def test_a_stream_that_is_closed_or_full_is_answered(tmp_path, line, status, words) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") <= 1


def test_nothing_printed_to_a_closed_stream_lands_in_a_file(tmp_path: Path) -> None:
    """A file opened while standard error is closed would else be given its number."""
    assert shell("$P build --source finre --out out", tmp_path).returncode == 0
    assert shell("$P build --source finre --out closed <&- 2>&-", tmp_path).returncode == 0
    for path in (tmp_path / "out").rglob("*.json*"):
        assert (
            path.read_bytes()
            == (tmp_path / "closed" / path.relative_to(tmp_path / "out")).read_bytes()
        )


@pytest.mark.parametrize("words", ["check finre", "build --source finre", "sources", "mine finre"])
def test_a_working_folder_that_is_gone_is_answered(tmp_path: Path, words: str) -> None:
    done = shell(f"mkdir gone; cd gone; rmdir ../gone; $P {words} > /dev/null", tmp_path)
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert "fault of chinchilla" not in done.stderr


def test_no_home_is_needed(tmp_path: Path) -> None:
    done = shell("$P build --source finre --out out", tmp_path, HOME=None, USER=None)
    assert done.returncode == 0


BROKEN_ON_THE_WAY = """
import sys, tempfile
import chinchilla.dataset.build as dataset
from chinchilla.cli import main

tempfile.tempdir = sys.argv.pop(1)
dataset.build_shard = divmod
main()
"""


def test_a_terminal_has_its_cursor_back_after_the_guard(tmp_path: Path) -> None:
    words = ["build", "--source", "finre", "--out", str(tmp_path / "out")]
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", BROKEN_ON_THE_WAY, str(tmp_path), *words],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):
        while block := os.read(mine, 4096):
            seen += block
    os.close(mine)
    assert process.wait() == 1
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h") == 1
    assert b"this is a fault of chinchilla" in seen[seen.index(b"\x1b[?25h") :]
