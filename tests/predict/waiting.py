"""Waits for tests of endpoints: none takes any time."""

import asyncio
import time
from random import Random

from chinchilla.predict.endpoint import Waits


def no_waits() -> Waits:
    """Return waits that are over at once."""
    return Waits(_pause, time.time, Random(0))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait for nothing."""


class Slept:
    """Waits that take no time and keep how long they would have been, in seconds."""

    def __init__(self, now: float) -> None:
        self.seconds: list[float] = []
        self._now = now

    def waits(self) -> Waits:
        return Waits(self._pause, lambda: self._now, Random(0))

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        self.seconds.append(seconds)
