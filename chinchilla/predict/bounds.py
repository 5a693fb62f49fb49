"""A limit of time and memory for code of others that we run: a tokenizer's template."""

import mmap
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SECONDS = 10.0
"""Time that a template may take for one prompt; those of published models take milliseconds."""
ROOM = 1 << 30
"""Bytes of memory it may take beside what is in use."""


class TooMuchError(BaseException):
    """Raised in code that takes too long; no Exception, which jinja's compiler swallows."""


@contextmanager
def bounded(seconds: float | None = None, room: int = ROOM) -> Iterator[None]:
    """Raise TooMuchError after `seconds` of work, MemoryError beyond `room` further bytes.

    Time is kept on the main thread of a POSIX system, memory on Linux.
    """
    with _within(room), _until(SECONDS if seconds is None else seconds):
        yield


@contextmanager
def _until(seconds: float) -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooMuchError(f"it takes more than {seconds:g} seconds of work")

    before = signal.signal(signal.SIGVTALRM, stop)
    left, again = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left, again)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _within(room: int) -> Iterator[None]:
    used = _in_use()
    if used is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (used + room, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _in_use() -> int | None:
    """Return the bytes of address space in use; None where there is no /proc."""
    with suppress(OSError, ValueError):
        return mmap.PAGESIZE * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return None
