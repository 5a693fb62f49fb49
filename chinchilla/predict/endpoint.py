"""The engine `openai`: any OpenAI-compatible chat endpoint, several prompts at once.

All requests run in one event loop, in the caller's thread and only while it waits for an answer:
a request that can be cancelled is the only one with a limit on its whole time (name, connection,
headers and the last byte of the body), and no thread is left behind.
"""

import asyncio
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from random import Random
from types import FrameType
from typing import Any, Self

import httpx

from chinchilla.errors import ConfigError, EngineError, LengthError, PromptError
from chinchilla.predict.chat_api import KEY_VARIABLE, EndpointOptions, request_body
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.predict.redaction import Secret
from chinchilla.predict.reply import (
    BodyError,
    Failure,
    Reply,
    brief,
    error_code,
    json_of,
    read_answer,
    read_reply,
    server_message,
)

FIRST_WAIT = 1.0
"""Seconds before the first retry, before jitter; each later wait doubles."""
LONGEST_WAIT = 60.0
"""Seconds beyond which a wait no longer doubles."""
PATIENCE = 600.0
"""Seconds up to which a server's own Retry-After is waited for, all retries together."""
_DAY = 86_400.0
_RETRIED = frozenset({408, 409, 429})
_OF_THE_PROMPT = frozenset({400, 413, 422})
"""Statuses that refuse this prompt; other prompts may be answered."""
_AGAIN = "run the command again to go on from here"
_TODO = {
    400: "check the prompt's length and the extra fields, or lower max_tokens",
    404: "check the base URL (it mostly ends in /v1) and the name of the model",
    413: "shorten the prompt",
    422: "check the extra fields",
}

Grammar = Callable[[Limits], str]
"""From what an answer may say to a grammar in llguidance's Lark syntax."""
Ask = Callable[[Prompt], Awaitable[Answer | None]]
"""Return the answer, or None for a prompt that is left out."""


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


@dataclass(frozen=True)
class Waits:
    """How to wait, what time it is, and the chance in waiting times.

    `pause` gets the event that ends all asking and the seconds; `now` is seconds since the epoch.
    """

    pause: Callable[[asyncio.Event, float], Awaitable[object]] = _pause
    now: Callable[[], float] = time.time
    rng: Random = field(default_factory=lambda: Random(0))


class Endpoint:
    """An engine that asks a chat endpoint; the grammar is what `structured` options send.

    `forgiving`, it leaves out prompts that get no answer, and `refused` has the error of each,
    by id. Not for a thread whose event loop is running.
    """

    def __init__(
        self,
        options: EndpointOptions,
        grammar: Grammar | None = None,
        waits: Waits | None = None,
        forgiving: bool = False,
    ) -> None:
        """Keep the options; raise ConfigError where they cannot be used or hold the key."""
        if (grammar is None) != (options.structured == "off"):
            what = "a grammar and a way to send it are given only together"
            raise ConfigError("structured", what, "give both or neither")
        secret = Secret(_read_key(options.key_variable))
        if secret.telling and secret.is_in(str(options.job)):
            what = f"one holds the key in {options.key_variable}, and they are written to files"
            raise ConfigError("endpoint options", what, "leave it out: it is sent as a header")
        self._options, self._grammar = options, grammar
        self._waits, self._forgiving = waits or Waits(), forgiving
        self.refused: dict[str, PromptError] = {}
        self.unconstrained: dict[str, str] = {}

    def too_long(self, prompts: Sequence[Prompt]) -> dict[str, LengthError]:
        """Return nothing: how long a prompt may be is known to the server alone."""
        return {}

    def answers(self, prompts: Iterable[Prompt]) -> Generator[Answer, None, None]:
        """Yield answers as they finish, each exactly once.

        What is being answered at an error or at Ctrl-C is yielded before that is raised.

        Raises:
            EngineError: the first failure that no retry helps, of a prompt or of the server.
        """
        key, stop = _read_key(self._options.key_variable), asyncio.Event()
        client = _client(self._options, key)
        session = _Session(client, self._options, self._waits, stop, Secret(key))

        async def ask(prompt: Prompt) -> Answer | None:
            try:
                limits = prompt.limits
                grammar = self._grammar(limits) if self._grammar and limits else None
                return await session.ask(prompt.id, request_body(self._options, prompt, grammar))
            except PromptError as error:
                if not self._forgiving:
                    raise
                self.refused[prompt.id] = error
                return None

        if asyncio._get_running_loop() is not None:
            todo = "ask in another thread, as by asyncio.to_thread"
            raise EngineError(self._options.url, "an event loop runs in this thread", todo)
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            # what asyncio would log of a request broken off may hold its headers
            loop.set_exception_handler(lambda loop, context: None)
            try:
                yield from ask_together(loop, prompts, ask, self._options.concurrency, stop)
            finally:
                loop.run_until_complete(client.aclose())


def ask_together(
    loop: asyncio.AbstractEventLoop,
    prompts: Iterable[Prompt],
    ask: Ask,
    width: int,
    stop: asyncio.Event,
) -> Generator[Answer, None, None]:
    """Yield answers as they finish, with at most `width` prompts asked and not yet taken.

    A prompt is asked only when an answer before it was taken, so that a kill loses at most
    `width` answers. The first error, or Ctrl-C, sets `stop`: nothing new is asked, what is
    being answered is still yielded, then the error is raised. A second Ctrl-C waits no longer.
    """
    source, tasks = iter(prompts), list[asyncio.Task[Answer | None]]()

    async def begin(prompt: Prompt) -> Answer | None:
        # a task may be made before the stop and begin after it
        return None if stop.is_set() else await ask(prompt)

    with _Interrupts(loop) as interrupts:
        try:
            while True:
                while len(tasks) < width and (prompt := next(source, None)):
                    tasks.append(loop.create_task(begin(prompt)))
                if not tasks:
                    return
                yield from _first_answer(interrupts, tasks)
        except (Exception, KeyboardInterrupt):
            stop.set()
            while tasks:
                with suppress(Exception):
                    yield from _first_answer(interrupts, tasks)
            raise


def _first_answer(
    interrupts: "_Interrupts", tasks: list[asyncio.Task[Answer | None]]
) -> Generator[Answer, None, None]:
    """Wait for a task to end; yield its answer or raise its error, and remove it."""
    done: asyncio.Task[Answer | None] | None = None
    while done is None:  # a handler of signals may end the waiting and go on
        interrupts.run(_wait(tasks))
        done = next((task for task in tasks if task.done()), None)
    try:
        if (answer := done.result()) is not None:
            yield answer
    finally:
        # only now: an interrupt before this leaves the answer to whoever takes the rest
        tasks.remove(done)


async def _wait(tasks: Iterable[asyncio.Task[Answer | None]]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


class _Interrupts:
    """Ctrl-C or a polite kill while prompts are asked: waiting ends, it is raised between steps.

    Python raises it wherever it is: in a request, whose answer would be lost, or in the callback
    of a weak reference, where it would be lost itself. A signal without a handler is left alone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: asyncio.Task[None] | None = None
        self._pending: int | None = None
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is None:
            self._raise()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the loop until some work is done; call the handler of a signal that came."""
        self._work = self._loop.create_task(work)
        if self._pending is not None:
            self._work.cancel()
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._work)
        self._raise()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pending = number
        if self._work is not None:
            self._loop.call_soon_threadsafe(self._work.cancel)

    def _raise(self) -> None:
        if self._pending is not None:
            number, self._pending = self._pending, None
            self._handlers[number](number, None)


def is_passing(status: int) -> bool:
    """Return whether an HTTP status may pass when the request is sent again."""
    return status in _RETRIED or status >= 500


def backoff(attempt: int, server_wait: float | None, rng: Random) -> float:
    """Return the seconds to wait after attempt 0, 1, ...

    Without a Retry-After (`server_wait`, in seconds) the wait is drawn from the upper half of a
    doubling span; with one it is that time and up to a second more, so that requests do not come
    back all at once.
    """
    if server_wait is not None:
        return server_wait + FIRST_WAIT * rng.random()
    span = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt, 16))
    return span * (1 + rng.random()) / 2


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3).

    `now` is in seconds since the epoch. Returns None for what is neither.
    """
    if value is None:
        return None
    with suppress(ValueError):
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    return None


def _read_key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    # the HTTP library would quote a header it refuses, key and all
    if not (key.isascii() and key.isprintable()):
        raise EngineError(variable, "holds characters that no key has", "set it again")
    return key


def _client(options: EndpointOptions, key: str) -> httpx.AsyncClient:
    """Return what requests are sent through; proxies and certificates are the environment's."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
        # they would log what a server sends back, the key too
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
    try:
        limits = httpx.Limits(max_connections=options.concurrency)
        # a redirect is not followed: the key would go to another host
        return httpx.AsyncClient(
            headers=headers, timeout=None, limits=limits, follow_redirects=False
        )
    except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
        what = f"its proxy or certificates cannot be used: {brief(str(error), Secret(key))}"
        todo = "check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
        raise EngineError("environment", what, todo) from None


@dataclass(frozen=True)
class _Session:
    """Post requests until each is answered or refused for good."""

    client: httpx.AsyncClient
    options: EndpointOptions
    waits: Waits
    stop: asyncio.Event
    secret: Secret

    async def ask(self, id_: str, body: bytes) -> Answer:
        attempt, patience = 0, PATIENCE
        while True:
            outcome = await self._post(id_, body, patience)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.again or attempt == self.options.retries:
                raise self._error(id_, outcome, attempt)
            patience -= outcome.wait or 0
            seconds = backoff(attempt, outcome.wait, self.waits.rng)
            await self.waits.pause(self.stop, seconds)
            if self.stop.is_set():
                raise self._error(id_, outcome, attempt)
            attempt += 1

    async def _post(self, id_: str, body: bytes, patience: float) -> Answer | Failure:
        try:
            async with (
                asyncio.timeout(self.options.timeout),
                self.client.stream("POST", self.options.url, content=body) as response,
            ):
                reply = await read_reply(response)
        except TimeoutError:
            what = f"no answer within {self.options.timeout:g} s"
            return Failure(what, "give it more time or fewer at once", again=True)
        except BodyError as error:
            todo = "lower --max-new-tokens, or check what server this is"
            return Failure(f"sends {error}", todo, "unreadable-body")
        except httpx.ConnectError as error:
            what = f"cannot be reached ({brief(str(error), self.secret)})"
            return Failure(what, "start the server or check the base URL", again=True)
        except httpx.HTTPError as error:
            what = brief(str(error), self.secret) or type(error).__name__
            return Failure(f"the connection broke ({what})", _AGAIN, again=True)
        if not 200 <= reply.status < 300:
            return self._refused(reply.status, reply, patience)
        fields = json_of(reply.content)
        answer = read_answer(id_, fields, self.secret)
        if answer is not None:
            return answer
        # some routers put the error of a provider into a reply of status 200
        if (code := error_code(fields)) is not None:
            return self._refused(code, reply, patience)
        message = server_message(reply.content, self.secret) or "nothing"
        todo = "check that the base URL is that of an OpenAI-compatible server"
        return Failure(f"not a chat completion: {message}", todo, "not-a-completion")

    def _refused(self, status: int, reply: Reply, patience: float) -> Failure:
        message = server_message(reply.content, self.secret) or brief(reply.reason, self.secret)
        what = f"{status}: {message}"
        if not is_passing(status):
            reason = "refused-by-server" if status in _OF_THE_PROMPT else ""
            return Failure(what, self._todo(status), reason)
        wait = retry_after(reply.retry_after, self.waits.now())
        if wait is not None and wait > patience:
            span = f"{wait:.0f} s" if wait <= _DAY else "more than a day"
            return Failure(f"{what} (asks to wait {span})", f"wait, then {_AGAIN}")
        return Failure(what, _AGAIN, again=True, wait=wait)

    def _todo(self, status: int) -> str:
        if status in (401, 403):
            # a name that is none may be the key itself, passed in its place
            name = self.options.key_variable
            known = name if name == KEY_VARIABLE or name in os.environ else "of --key-variable"
            state = "holds a valid key" if self.secret else "is set: it is empty"
            return f"check that the environment variable {known} {state}"
        return _TODO.get(status, "check the base URL and the options")

    def _error(self, id_: str, failure: Failure, attempt: int) -> EngineError:
        times = f", {attempt + 1} times" if attempt else ""
        what = f"prompt {id_}{times}: {failure.what}"
        if failure.reason:
            return PromptError(self.options.url, what, failure.todo, failure.reason)
        return EngineError(self.options.url, what, failure.todo)
