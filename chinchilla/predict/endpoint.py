"""Ask any OpenAI-compatible chat endpoint, several prompts at once; no answer is lost."""

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from random import Random
from threading import Event, Thread
from typing import NamedTuple

import httpx

from chinchilla.errors import ConfigError, EngineError, PromptError
from chinchilla.predict.chat_api import KEY_VARIABLE, EndpointOptions, request_body
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.predict.posting import BodyError, Line, Reply
from chinchilla.predict.redaction import Secret
from chinchilla.predict.reply import Lack, brief, error_code, read_answer, server_words

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


Ask = Callable[[Prompt], Answer | None]
"""Return the answer, or null for a prompt that is left out."""


def ask_together(
    prompts: Iterable[Prompt], ask: Ask, width: int, stop: Event
) -> Generator[Answer, None, None]:
    """Yield answers as they finish, with at most `width` prompts asked and not yet taken.

    A prompt is asked only when an answer before it was taken, so that a kill loses at most
    `width` answers. The first error, or Ctrl-C, sets `stop`: nothing new is asked, what is
    being answered is still yielded, then the error is raised. A second Ctrl-C waits no longer.
    """
    crew = _Crew(ask, width, stop)
    source = iter(prompts)
    waiting = 0
    try:
        while True:
            while waiting < width and (prompt := next(source, None)):
                crew.tasks.put(prompt)
                waiting += 1
            if not waiting:
                break
            yield from crew.first()
            waiting -= 1
    except (Exception, KeyboardInterrupt):
        # from here on nothing is counted: an interrupt may have come between any two steps
        yield from crew.rest()
        raise
    finally:
        crew.dismiss()


class _Crew:
    """The threads that ask, what they are given and what they have done."""

    def __init__(self, ask: Ask, width: int, stop: Event) -> None:
        self.tasks: SimpleQueue[Prompt | None] = SimpleQueue()
        self._done: deque[Answer | Exception | None] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._ask, self._stop = ask, stop
        # daemons: a second Ctrl-C must not wait for a server that hangs
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(width)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (prompt := self.tasks.get()) is not None:
            self._done.append(self._outcome(prompt))
            self._bell.put(None)

    def _outcome(self, prompt: Prompt) -> Answer | Exception | None:
        if self._stop.is_set():
            return EngineError(prompt.id, "not asked any more", "run the command again")
        try:
            return self._ask(prompt)
        except Exception as error:
            return error

    def first(self) -> Generator[Answer, None, None]:
        """Wait for the next outcome; yield the answer or raise the error."""
        self._bell.get()
        # left in its place until it is taken, so that an interrupt does not lose it
        outcome = self._done[0]
        if isinstance(outcome, Exception):
            raise outcome
        try:
            if outcome is not None:
                yield outcome
        finally:
            self._done.popleft()

    def rest(self) -> Generator[Answer, None, None]:
        """Stop asking; yield the answers that were on their way."""
        self.dismiss()
        yield from self._answers_done()
        for thread in self._threads:
            thread.join()
            yield from self._answers_done()

    def _answers_done(self) -> Generator[Answer, None, None]:
        while self._done:
            outcome = self._done.popleft()
            if isinstance(outcome, Answer):
                yield outcome

    def dismiss(self) -> None:
        """Send the threads home once they have done what they are at."""
        self._stop.set()
        for _ in self._threads:
            self.tasks.put(None)


Grammar = Callable[[Limits], str]
"""From what an answer may say to a grammar in llguidance's Lark syntax."""

_AGAIN = "run the command again to go on from here"
_TODO = {
    400: "check the prompt's length and the extra fields, or lower max_tokens",
    404: "check the base URL (it mostly ends in /v1) and the name of the model",
    413: "shorten the prompt",
    422: "check the extra fields",
}
_OF_THE_PROMPT = {400: "refused-by-server", 413: "refused-by-server", 422: "refused-by-server"}
_DAY = 86_400.0


@dataclass(frozen=True)
class Waits:
    """How to wait, what time it is, and the chance in waiting times.

    `pause` gets the event that ends all asking and the seconds; `now` is seconds since the epoch.
    """

    pause: Callable[[Event, float], object] = Event.wait
    now: Callable[[], float] = time.time
    chance: Random = field(default_factory=lambda: Random(0))


class _Trouble(NamedTuple):
    """Why there is no answer; whether to ask again, and after how long if the server said.

    With a `reason` it is a trouble of this prompt alone.
    """

    what: str
    todo: str = _AGAIN
    again: bool = False
    wait: float | None = None
    reason: str = ""


class Endpoint:
    """An engine that asks a chat endpoint; the grammar is what `structured` options send.

    `forgiving`, it leaves out prompts that get no answer, and `refused` says why, by id.
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
        if secret.telling and secret.stands_in(str(options.job)):
            what = f"one holds the key in {options.key_variable}, and they are written to files"
            raise ConfigError("endpoint options", what, "leave it out: it is sent as a header")
        self._options, self._grammar = options, grammar
        self._waits, self._forgiving = waits or Waits(), forgiving
        self.refused: dict[str, PromptError] = {}

    def answers(self, prompts: Iterable[Prompt]) -> Generator[Answer, None, None]:
        """Yield answers as they finish; raise EngineError after the first that fails for good.

        What was being answered at that time, or at Ctrl-C, is yielded before the error is raised.
        """
        options, stop = self._options, Event()
        key = _read_key(options.key_variable)
        with _line(options, key) as line:
            asking = _Asking(line, options, self._waits, stop, Secret(key))

            def ask(prompt: Prompt) -> Answer | None:
                body = request_body(options, prompt, self._limit(prompt))
                try:
                    return asking.ask(prompt.id, body)
                except PromptError as error:
                    if not self._forgiving:
                        raise
                    self.refused[prompt.id] = error
                    return None

            yield from ask_together(prompts, ask, options.concurrency, stop)

    def _limit(self, prompt: Prompt) -> str | None:
        if self._grammar is None or prompt.limits is None:
            return None
        return self._grammar(prompt.limits)


def _read_key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    # the HTTP library would quote a header it refuses, key and all
    if not (key.isascii() and key.isprintable()):
        raise EngineError(variable, "holds characters that no key has", "set it again")
    return key


def _line(options: EndpointOptions, key: str) -> Line:
    """Return what requests are sent through; proxies and certificates are the environment's."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
        # they would log what a server sends back, the key too
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
    try:
        return Line(headers, options.timeout, options.concurrency)
    except (ValueError, ImportError, OSError, httpx.InvalidURL) as error:
        what = f"its proxy or certificates cannot be used: {brief(str(error), Secret(key))}"
        todo = "check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE"
        raise EngineError("environment", what, todo) from None


class _Asking:
    """Post requests until each is answered or refused for good."""

    def __init__(
        self, line: Line, options: EndpointOptions, waits: Waits, stop: Event, secret: Secret
    ) -> None:
        self._line, self._options, self._waits = line, options, waits
        self._stop, self._secret = stop, secret

    def ask(self, id_: str, body: bytes) -> Answer:
        attempt, patience = 0, PATIENCE
        while True:
            outcome = self._post(id_, body, patience)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.again or attempt == self._options.retries:
                raise self._error(id_, outcome, attempt)
            patience -= outcome.wait or 0
            seconds = backoff(attempt, outcome.wait, self._waits.chance)
            self._waits.pause(self._stop, seconds)
            if self._stop.is_set():
                raise self._error(id_, outcome, attempt)
            attempt += 1

    def _post(self, id_: str, body: bytes, patience: float) -> Answer | _Trouble:
        try:
            reply = self._line.post(self._options.url, body)
        except TimeoutError:
            what = f"no answer within {self._options.timeout:g} s"
            return _Trouble(what, "give it more time or fewer at once", again=True)
        except BodyError as error:
            todo = "lower --max-new-tokens, or check what server this is"
            return _Trouble(f"sends {error}", todo, reason="unreadable-body")
        except httpx.ConnectError as error:
            words = f"cannot be reached ({brief(str(error), self._secret)})"
            return _Trouble(words, "start the server or check the base URL", again=True)
        except httpx.HTTPError as error:
            words = brief(str(error), self._secret) or type(error).__name__
            return _Trouble(f"the connection broke ({words})", again=True)
        if not reply.is_success:
            return self._refused(reply.status, reply, patience)
        answer = read_answer(id_, reply.content, self._secret)
        if isinstance(answer, Lack):
            return _Trouble(answer.what, answer.todo, reason=answer.reason)
        return answer or self._no_completion(reply, patience)

    def _no_completion(self, reply: Reply, patience: float) -> _Trouble:
        """Explain a reply of status 200: some routers put the error of a provider into one."""
        code = error_code(reply.content)
        if code is not None:
            return self._refused(code, reply, patience)
        words = server_words(reply.content, self._secret) or "nothing"
        todo = "check that the base URL is that of an OpenAI-compatible server"
        return _Trouble(f"not a chat completion: {words}", todo, reason="not-a-completion")

    def _refused(self, status: int, reply: Reply, patience: float) -> _Trouble:
        reason = brief(reply.reason, self._secret)
        what = f"{status}: {server_words(reply.content, self._secret) or reason}"
        if not is_passing(status):
            return _Trouble(what, self._todo(status), reason=_OF_THE_PROMPT.get(status, ""))
        wait = retry_after(reply.retry_after, self._waits.now())
        if wait is not None and wait > patience:
            asked = f"{wait:.0f} s" if wait <= _DAY else "more than a day"
            return _Trouble(f"{what} (asks to wait {asked})", f"wait, then {_AGAIN}")
        return _Trouble(what, again=True, wait=wait)

    def _todo(self, status: int) -> str:
        if status in (401, 403):
            # a name that is none may be the key itself, passed in its place
            name = self._options.key_variable
            known = name if name == KEY_VARIABLE or name in os.environ else "of --key-variable"
            state = "holds a valid key" if self._secret else "is set: it is empty"
            return f"check that the environment variable {known} {state}"
        return _TODO.get(status, "check the base URL and the options")

    def _error(self, id_: str, trouble: _Trouble, attempt: int) -> EngineError:
        times = f", {attempt + 1} times" if attempt else ""
        what = f"prompt {id_}{times}: {trouble.what}"
        if trouble.reason:
            return PromptError(self._options.url, what, trouble.todo, trouble.reason)
        return EngineError(self._options.url, what, trouble.todo)
