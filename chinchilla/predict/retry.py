"""How long to wait before a request is sent again, and whether it is."""

import math
from email.utils import parsedate_to_datetime
from random import Random

_RETRIED = frozenset({408, 409, 429})
FIRST_WAIT = 1.0
"""Seconds before the first retry, before jitter; each later wait doubles."""
LONGEST_WAIT = 60.0
"""Seconds beyond which a wait no longer doubles."""
PATIENCE = 600.0
"""Seconds up to which a server's own Retry-After is waited for."""


def is_passing(status: int) -> bool:
    """Return whether an HTTP status may be gone when asked again."""
    return status in _RETRIED or status >= 500


def backoff(attempt: int, asked: float | None, chance: Random) -> float:
    """Return the seconds to wait after attempt 0, 1, ...

    Without a Retry-After the wait is drawn from the upper half of a doubling span; with one it
    is that time and up to a second more, so that the threads do not come back all at once.
    """
    if asked is not None:
        return asked + FIRST_WAIT * chance.random()
    span = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt, 16))
    return span * (1 + chance.random()) / 2


def retry_after(value: str | None, now: float) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date (RFC 9110, 10.2.3).

    `now` is in seconds since the epoch. Returns None for what is neither.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until(value, now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(value: str, now: float) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None
