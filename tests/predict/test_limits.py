"""Servers that never end, send too much, break off or lead away: a raw socket does as it likes."""

import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
from waiting import Slept, no_waits

from chinchilla.errors import ConfigError, EngineError, PromptError
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Answer, Prompt
from chinchilla.predict.reply import LARGEST_BODY

Serve = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWER = json.dumps({"choices": [{"message": {"content": "[]"}}]}).encode()


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """Yield the base URL of a server that hands each connection to `serve`, and hangs up after."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = Event()

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                _read_request(connection)
                serve(connection)
            except OSError:
                return

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            Thread(target=one, args=(connection,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    finally:
        over.set()
        listening.close()


def _read_request(connection: socket.socket) -> None:
    """Read all of it: a connection closed before is reset, with what was sent."""
    received = connection.recv(65536)
    while not received.endswith(b"}"):
        received += connection.recv(65536)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def ask(url: str, **options: Any) -> Answer:
    settings = {"retries": 0, "timeout": 20.0, **options}
    engine = Endpoint(EndpointOptions(url, "m", **settings), waits=no_waits())
    (answer,) = engine.answers([Prompt("row", "text")])
    return answer


def refusal(serve: Serve, **options: Any) -> EngineError:
    with server(serve) as url, pytest.raises(EngineError) as caught:
        ask(url, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def for_ever(*first: bytes, then: bytes, every: float = 0.02) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"".join(first))
        while True:
            connection.sendall(then)
            time.sleep(every)

    return serve


def sending(*parts: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)

    return serve


ENDLESS = {
    "nothing": for_ever(then=b""),
    "a byte of the status line at a time": for_ever(b"HTTP/1.1 200 ", then=b"O"),
    "headers": for_ever(b"HTTP/1.1 200 OK\r\n", then=b"A: b\r\n"),
    "one header": for_ever(b"HTTP/1.1 200 OK\r\nA: ", then=b"b"),
    "interim replies": for_ever(then=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body without a length": for_ever(HEAD, b"\r\n", then=b" "),
    "a body of a length": for_ever(HEAD, b"Content-Length: 99999\r\n\r\n", then=b" "),
    "a body in chunks": for_ever(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", then=b"1\r\n \r\n"),
    "a packed body": for_ever(HEAD, b"Content-Encoding: gzip\r\n\r\n", then=b"\x1f"),
    "a complaint": for_ever(b"HTTP/1.1 500 Oh\r\n\r\n", then=b" "),
}


@pytest.mark.parametrize("serve", ENDLESS.values(), ids=list(ENDLESS))
def test_an_answer_that_never_ends_ends_at_the_timeout(serve: Serve) -> None:
    started = time.monotonic()
    error = refusal(serve, timeout=0.4)
    assert time.monotonic() - started < 3
    causes = ("no answer within 0.4 s", "the connection broke", "cannot be unpacked")
    assert any(one in error.what for one in causes)


def test_each_try_has_the_whole_time_and_tries_are_counted() -> None:
    started = time.monotonic()
    error = refusal(for_ever(HEAD, b"\r\n", then=b" "), timeout=0.2, retries=2)
    assert error.what == "prompt row, 3 times: no answer within 0.2 s"
    assert 0.6 <= time.monotonic() - started < 3


def blanks(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    for _ in range(1024):
        connection.sendall(b" " * 2**20)


def chunks(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(1024):
        connection.sendall(b"100000\r\n" + b" " * 2**20 + b"\r\n")


def bomb() -> Serve:
    return sending(HEAD, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b" " * 2**28, 1))


def behind_its_end(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(ANSWER))
    for _ in range(1024):
        connection.sendall(b" " * 2**20)


def test_a_body_that_is_too_large_is_refused_in_little_memory() -> None:
    for serve in (blanks, chunks, bomb(), behind_its_end):
        tracemalloc.start()
        error = refusal(serve)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert error.what == "prompt row: sends more than 16 MiB for one answer"
        assert isinstance(error, PromptError)
        assert most < 4 * LARGEST_BODY


def test_a_long_complaint_is_read_no_further_than_its_beginning() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\nno such field ")
        for _ in range(1024):
            connection.sendall(b"x" * 2**20)

    error = refusal(serve)
    assert error.what == f"prompt row: 400: no such field {'x' * 183}..."


@pytest.mark.parametrize(
    "content", [gzip.compress(ANSWER), gzip.compress(ANSWER, 0)], ids=["packed", "stored"]
)
def test_an_answer_may_come_packed(content: bytes) -> None:
    with server(sending(HEAD, b"Content-Encoding: gzip\r\n\r\n", content)) as url:
        assert ask(url) == Answer("row", "[]")


def test_an_answer_of_the_largest_size_is_read() -> None:
    head, tail = ANSWER.split(b"[]")
    content = head + b"a" * (LARGEST_BODY - len(head) - len(tail)) + tail
    with server(sending(HEAD, b"\r\n", content)) as url:
        assert len(ask(url).raw) == LARGEST_BODY - len(head) - len(tail)


BROKEN = {
    "in the middle of a length": sending(HEAD, b"Content-Length: 999\r\n\r\n", ANSWER),
    "in the middle of a chunk": sending(HEAD, b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "in the middle of headers": sending(HEAD),
    "in the middle of a packed body": sending(
        HEAD, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(ANSWER)[:-9]
    ),
    "without a word": sending(),
    "after what is no HTTP": sending(b"220 smtp ready\r\n\r\n"),
    "after headers without end": sending(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 99_999),
}


@pytest.mark.parametrize("serve", BROKEN.values(), ids=list(BROKEN))
def test_a_server_that_closes_too_early_is_named(serve: Serve) -> None:
    error = refusal(serve, retries=1)
    assert error.what.startswith("prompt row, 2 times: the connection broke (")


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "\x1b[31m"])
def test_a_packing_that_nobody_asked_for_is_refused(name: str) -> None:
    error = refusal(sending(HEAD, f"Content-Encoding: {name}\r\n\r\nabc".encode()))
    assert error.what in (
        "prompt row: sends a body packed in a way that was not asked for",
        "prompt row: the connection broke (illegal header line)",
    )


@pytest.mark.parametrize("packed", [b"br\r\n\r\nabc", b"gzip\r\n\r\nabc", b"zstd\r\n\r\n"])
def test_a_complaint_that_cannot_be_unpacked_counts_by_its_status(packed: bytes) -> None:
    for status, times in ((b"503 Slow", ", 2 times"), (b"401 Who", "")):
        head = b"HTTP/1.1 " + status + b"\r\nContent-Encoding: "
        error = refusal(sending(head, packed), retries=1)
        assert error.what == f"prompt row{times}: {status[:3].decode()}: {status[4:].decode()}"
        assert not isinstance(error, PromptError)


def test_a_redirect_is_not_followed_and_carries_no_key(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    for status in (301, 302, 303, 307, 308):
        where = f"{chat.base_url}/chat/completions".encode()
        head = f"HTTP/1.1 {status} Moved sk-secret-0123456789\r\nContent-Length: 0\r\n".encode()
        error = refusal(sending(head, b"Location: ", where, b"\r\n\r\n"))
        assert error.what == f"prompt row: {status}: Moved ***"
    assert chat.bodies == []


WAITS = ["31536000", "1e300", "Fri, 31 Dec 9999 23:59:59 GMT"]


@pytest.mark.parametrize("value", WAITS)
def test_a_wait_of_a_year_is_not_waited_for(value: str) -> None:
    head = f"HTTP/1.1 429 Slow\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    error = refusal(sending(head), retries=3)
    assert error.what == "prompt row: 429: Slow (asks to wait more than a day)"


def test_waits_that_a_server_asks_for_are_bounded_together() -> None:
    slept = Slept(time.time())
    # closed, because a connection that is used again just as the server hangs up is one more time
    head = b"HTTP/1.1 503 Slow\r\nRetry-After: 250\r\nConnection: close\r\n"
    head += b"Content-Length: 0\r\n\r\n"
    with server(sending(head)) as url, pytest.raises(EngineError) as caught:
        engine = Endpoint(EndpointOptions(url, "m", retries=1000), waits=slept.waits())
        list(engine.answers([Prompt("row", "text")]))
    assert caught.value.what == "prompt row, 3 times: 503: Slow (asks to wait 250 s)"
    assert sum(slept.seconds) < 600


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_timeout_that_is_no_time_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        EndpointOptions("http://h/v1", "m", timeout=timeout)


def test_an_error_while_others_are_asked_leaves_at_once() -> None:
    """What hangs is broken off at the timeout, and nothing is left running."""
    with server(for_ever(HEAD, b"\r\n", then=b" ")) as url:
        options = EndpointOptions(url, "m", retries=0, timeout=0.3, concurrency=4)
        engine = Endpoint(options, waits=no_waits())
        started = time.monotonic()
        with pytest.raises(EngineError):
            list(engine.answers(Prompt(f"row-{n}", "text") for n in range(50)))
        assert time.monotonic() - started < 3


def test_proxy_settings_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://h:1")
    with pytest.raises(EngineError, match="ALL_PROXY") as caught:
        ask("http://127.0.0.1:1/v1")
    assert caught.value.where == "environment"


def test_reading_an_answer_twice_as_long_takes_twice_the_time() -> None:
    def seconds(size: int) -> float:
        head, tail = ANSWER.split(b"[]")
        with server(sending(HEAD, b"\r\n", head + b"\\n" * size + tail)) as url:
            started = time.process_time()
            assert len(ask(url).raw) == size
            return time.process_time() - started

    times = [min(seconds(size) for _ in range(3)) for size in (2_000_000, 4_000_000)]
    assert times[1] < 3 * times[0] + 0.05
