"""One request and its whole reply, within a time and a size, whatever the server does.

The time is that of everything: name, connection, headers, and the last byte of the body. Only a
request that can be cancelled keeps such a limit, so all of them run in one event loop.
"""

import asyncio
import zlib
from collections.abc import Coroutine, Mapping
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import httpx

Result = TypeVar("Result")
LARGEST_BODY = 16 * 2**20
"""Bytes of a reply, unpacked."""
LARGEST_COMPLAINT = 2**16
"""Bytes that are read of a reply that is no answer."""


class Reply(NamedTuple):
    """What a server sent back."""

    status: int
    reason: str
    retry_after: str | None
    content: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of success."""
        return 200 <= self.status < 300


class BodyError(Exception):
    """Raised for a body that is too large or packed in a way that cannot be read."""


class Connection:
    """A client and the loop its requests run in; used from any number of threads."""

    def __init__(self, headers: Mapping[str, str], timeout: float, width: int) -> None:
        """Prepare `width` connections; nothing is sent yet."""
        limits = httpx.Limits(max_connections=width)
        packed = {"Accept-Encoding": "gzip", **headers}
        self._client = httpx.AsyncClient(headers=packed, timeout=None, limits=limits)
        self._timeout = timeout
        self._loop = asyncio.new_event_loop()
        # a daemon: a second Ctrl-C must not wait for a server that hangs
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Connection":
        """Start the loop."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Break off what is under way and close the connections."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def post(self, url: str, body: bytes) -> Reply:
        """Return the reply; raise TimeoutError, BodyError or httpx.HTTPError where none comes."""
        return self._do(self._post(url, body))

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _post(self, url: str, body: bytes) -> Reply:
        async with (
            asyncio.timeout(self._timeout),
            # a redirect is not followed: the key would go to another host
            self._client.stream("POST", url, content=body, follow_redirects=False) as response,
        ):
            content = await _body(response)
        waits = response.headers.get("Retry-After")
        return Reply(response.status_code, response.reason_phrase, waits, content)

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    """Read the body; of a complaint that cannot be read the status says enough."""
    try:
        return await _content(response)
    except BodyError:
        if response.is_success:
            raise
        return b""


async def _content(response: httpx.Response) -> bytes:
    """Read the body, unpacked here: the library would unpack a small bomb whole."""
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    content, received = bytearray(), 0
    most = LARGEST_BODY if response.is_success else LARGEST_COMPLAINT
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            content += unpack.decompress(chunk, most + 1 - len(content)) if unpack else chunk
        except zlib.error as error:
            raise BodyError("a body that cannot be unpacked") from error
        # what comes behind the end of a packed body is kept too
        if max(received, len(content)) > most:
            if response.is_success:
                raise BodyError(f"more than {most // 2**20} MiB for one answer")
            return bytes(content[:most])
    if unpack and content and not unpack.eof:
        raise httpx.RemoteProtocolError("the body ends in the middle")
    return bytes(content)


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise BodyError("a body packed in a way that was not asked for")
