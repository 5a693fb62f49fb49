"""Ask any OpenAI-compatible chat endpoint, several prompts at once.

options = EndpointOptions("http://localhost:8000/v1", "qwen3-8b")
with open_journal(path, options.job, prompts) as journal:
    answers = answer_all(Endpoint(options), prompts, journal, step)
"""

import os
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import NamedTuple

import httpx

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.predict.exchange import (
    EndpointOptions,
    error_code,
    read_answer,
    request_body,
    server_words,
)
from chinchilla.predict.retry import PATIENCE, backoff, is_passing, retry_after
from chinchilla.predict.together import ask_together

Grammar = Callable[[Limits], str]
"""From what an answer may say to a grammar in llguidance's Lark syntax."""

_AGAIN = "run the command again to go on from here"
_TODO = {
    400: "check the prompt's length and the extra fields, or lower max_tokens",
    404: "check the base URL (it mostly ends in /v1) and the name of the model",
    422: "check the extra fields",
}


@dataclass(frozen=True)
class Waits:
    """How to wait, what time it is, and the chance in waiting times.

    `pause` gets the event that ends all asking and the seconds; `now` is seconds since the epoch.
    """

    pause: Callable[[Event, float], object] = Event.wait
    now: Callable[[], float] = time.time
    chance: Random = field(default_factory=lambda: Random(0))


class _Trouble(NamedTuple):
    """Why there is no answer; whether to ask again, and after how long if the server said."""

    what: str
    todo: str = _AGAIN
    again: bool = False
    wait: float | None = None


class Endpoint:
    """An engine that asks a chat endpoint; the grammar is what `structured` options send."""

    def __init__(
        self,
        options: EndpointOptions,
        grammar: Grammar | None = None,
        waits: Waits | None = None,
    ) -> None:
        """Keep the options; raise ConfigError where grammar and `structured` do not fit."""
        if (grammar is None) != (options.structured == "off"):
            what = "a grammar and a way to send it are given only together"
            raise ConfigError("structured", what, "give both or neither")
        self._options, self._grammar = options, grammar
        self._waits = waits or Waits()

    def answers(self, prompts: Iterable[Prompt]) -> Generator[Answer, None, None]:
        """Yield answers as they finish; raise EngineError after the first that fails for good.

        What was being answered at that time, or at Ctrl-C, is yielded before the error is raised.
        """
        options, stop = self._options, Event()
        key = _read_key(options.key_variable)
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        limits = httpx.Limits(max_connections=options.concurrency)
        with httpx.Client(headers=headers, timeout=options.timeout, limits=limits) as client:
            asking = _Asking(client, options, self._waits, stop, key)

            def ask(prompt: Prompt) -> Answer:
                return asking.ask(prompt.id, request_body(options, prompt, self._limit(prompt)))

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


class _Asking:
    """Post requests until each is answered or refused for good."""

    def __init__(
        self, client: httpx.Client, options: EndpointOptions, waits: Waits, stop: Event, key: str
    ) -> None:
        self._client, self._options, self._waits = client, options, waits
        self._stop, self._key = stop, key

    def ask(self, id_: str, body: bytes) -> Answer:
        attempt = 0
        while True:
            outcome = self._post(id_, body)
            if isinstance(outcome, Answer):
                return outcome
            if not outcome.again or attempt == self._options.retries:
                raise self._error(id_, outcome, attempt)
            seconds = backoff(attempt, outcome.wait, self._waits.chance)
            self._waits.pause(self._stop, seconds)
            if self._stop.is_set():
                raise self._error(id_, outcome, attempt)
            attempt += 1

    def _post(self, id_: str, body: bytes) -> Answer | _Trouble:
        try:
            response = self._client.post(self._options.url, content=body)
        except httpx.TimeoutException:
            what = f"no answer within {self._options.timeout:g} s"
            return _Trouble(what, "give it more time or fewer at once", again=True)
        except httpx.ConnectError as error:
            words = f"cannot be reached ({error})"
            return _Trouble(words, "start the server or check the base URL", again=True)
        except httpx.RequestError as error:
            return _Trouble(f"the connection broke ({error or type(error).__name__})", again=True)
        if response.is_success:
            answer = read_answer(id_, response.content)
            return answer or self._no_completion(response)
        return self._refused(response.status_code, response)

    def _no_completion(self, response: httpx.Response) -> _Trouble:
        """Explain a reply of status 200: some routers put the error of a provider into one."""
        code = error_code(response.content)
        if code is not None:
            return self._refused(code, response)
        words = server_words(response.content, self._key) or "nothing"
        todo = "check that the base URL is that of an OpenAI-compatible server"
        return _Trouble(f"not a chat completion: {words}", todo)

    def _refused(self, status: int, response: httpx.Response) -> _Trouble:
        words = server_words(response.content, self._key) or response.reason_phrase
        what = f"{status}: {words}"
        if not is_passing(status):
            return _Trouble(what, self._todo(status))
        wait = retry_after(response.headers.get("Retry-After"), self._waits.now())
        if wait is not None and wait > PATIENCE:
            return _Trouble(f"{what} (asks to wait {wait:.0f} s)", f"wait, then {_AGAIN}")
        return _Trouble(what, again=True, wait=wait)

    def _todo(self, status: int) -> str:
        if status in (401, 403):
            name = self._options.key_variable
            state = "holds a valid key" if self._key else "is set: it is empty"
            return f"check that the environment variable {name} {state}"
        return _TODO.get(status, "check the base URL and the options")

    def _error(self, id_: str, trouble: _Trouble, attempt: int) -> EngineError:
        times = f", {attempt + 1} times" if attempt else ""
        what = f"prompt {id_}{times}: {trouble.what}"
        return EngineError(self._options.url, what, trouble.todo)
