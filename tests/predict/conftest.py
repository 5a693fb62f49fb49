"""A chat endpoint on this machine that does what a test tells it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pytest

Body = dict[str, Any]


def completion(text: object, finish: str = "stop", tokens: int = 3) -> Body:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 9, "completion_tokens": tokens}
    return {"choices": [{**choice, "finish_reason": finish}], "usage": usage}


class ChatServer(ThreadingHTTPServer):
    """Replies of `plan` first, one a request; then the prompt in capitals.

    A reply is (status, headers, body), "drop" for a connection closed without a word, or a
    function that is called and returns one of these.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        self.plan: list[Any] = []
        self.always: Callable[[str], Any] | None = None
        self.reason: str | None = None
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.replied: Counter[str] = Counter()
        self.lock = Lock()

    def asked(self) -> Counter[str]:
        with self.lock:
            return Counter(body["messages"][0]["content"] for body in self.bodies)

    def reply_to(self, handler: BaseHTTPRequestHandler) -> tuple[str, Any]:
        length = int(handler.headers["Content-Length"])
        body = json.loads(handler.rfile.read(length))
        text = body["messages"][0]["content"]
        with self.lock:
            self.bodies.append(body)
            self.headers.append(dict(handler.headers))
            self.paths.append(handler.path)
            planned = self.plan.pop(0) if self.plan else None
        if planned is None and self.always:
            planned = self.always(text)
        if callable(planned):
            planned = planned()
        return text, planned or (200, {}, completion(text.upper()))

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: clients of these tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ChatServer

    def do_POST(self) -> None:
        text, reply = self.server.reply_to(self)
        if reply == "drop":
            self.close_connection = True
            return
        status, headers, body = reply
        content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8")
        self.send_response(status, self.server.reason)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        with self.server.lock:
            self.server.replied[text] += status == 200

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    server = ChatServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
