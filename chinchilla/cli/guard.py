"""The last guard: an error that is none of ours is one line, and a file to send to us."""

import codecs
import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path

from chinchilla import __version__
from chinchilla.errors import ChinchillaError, ConfigError, shown

_LONGEST = 200
"""Characters shown of an error; the file has all of it."""

_FULL_DISK = ("No space left on device", "inline_container.cc", "PytorchStreamWriter")
"""Messages of safetensors and torch where they cannot write, in errors that are no OSError."""


def foreseen(error: BaseException) -> ChinchillaError | None:
    """Our own error for one that is no fault of ours: memory, disk, a package."""
    if isinstance(error, MemoryError) or _is_of_torch_s_memory(error):
        todo = "try fewer workers, smaller batches or shorter texts, or see that there is more"
        return ConfigError("memory", "there is not enough", todo)
    if any(message in str(error) for message in _FULL_DISK):
        todo = "make room; `chinchilla train --resume` goes on with a training"
        return ConfigError("disk", "there is no room left where something was written", todo)
    if isinstance(error, ImportError) and not (error.name or "chinchilla").startswith("chinchilla"):
        what = f"cannot be imported ({error})"
        todo = "install it, or chinchilla with the extra it belongs to, once more"
        return ConfigError(f"package {error.name}", what, todo)
    return None


def _is_of_torch_s_memory(error: BaseException) -> bool:
    """Whether torch, which is not to be imported for it, has no memory for a tensor."""
    named = type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def report(error: BaseException) -> str:
    """Write the traceback to a file, and return the line that says so."""
    short = shown("".join(traceback.format_exception_only(error)).strip())
    if len(short) > _LONGEST:
        short = f"{short[:_LONGEST]}..."
    path = _keep("".join(traceback.format_exception(error)))
    where = f"the traceback is in {path}" if path else "there was no room for its traceback"
    return f"this is a fault of chinchilla: {short}; {where}; please report it"


def _keep(trace: str) -> Path | None:
    """Write a traceback to a new file in the temporary folder, else in the working one."""
    python = f"Python {platform.python_version()}, {platform.platform()}"
    content = f"chinchilla {__version__}, {python}\n\n{trace}"
    for folder in (None, os.curdir):
        try:
            number, name = tempfile.mkstemp(".txt", "chinchilla-fault-", folder)
            os.close(number)
            Path(name).write_text(content, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return Path(name)
    return None


def check_arguments(arguments: list[str]) -> None:
    """Raise ConfigError for an argument that is no UTF-8: it could be in no output."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            todo = "rename it, or write it in UTF-8"
            raise ConfigError(f"argument {argument}", "not UTF-8", todo) from None


def settle_streams() -> None:
    """Let output be written whatever the locale, and keep closed descriptors from being used.

    A file opened later would else get the number of a closed stream, and what a library prints
    to that stream would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (to the end)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            plain = codecs.lookup(stream.encoding).name == "ascii"
            reconfigure(encoding="utf-8" if plain else None, errors="backslashreplace")
