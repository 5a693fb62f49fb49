"""An endpoint's reply: read within a size, then an answer, or why there is none.

The shapes are those of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat),
read as loosely as the servers that imitate them write them.
"""

import json
import re
import zlib
from typing import Annotated, Any, NamedTuple

import httpx
from pydantic import BaseModel, Field, ValidationError

from chinchilla.predict.engine import Answer
from chinchilla.predict.redaction import Secret

LARGEST_BODY = 16 * 2**20
"""Bytes of a reply, unpacked."""
LARGEST_COMPLAINT = 2**16
"""Bytes that are read of a reply that is no answer."""
_LONGEST = 200
"""Characters of a server's message that are shown."""
_SEARCHED = 4096
"""Characters of a server's message that the key is looked for in, before it is cut."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_TOKENS = "raise --max-new-tokens"
_THINKING = (
    'switch thinking off with --extra \'{"chat_template_kwargs": {"enable_thinking": false}}\', '
    "or the server's reasoning parser"
)


class BodyError(Exception):
    """Raised for a body that is too large or packed in a way that cannot be read."""


class Reply(NamedTuple):
    """What a server sent back."""

    status: int
    reason: str
    retry_after: str | None
    content: bytes


class Failure(NamedTuple):
    """Why there is no answer, and what to do; whether to ask again, after the server's `wait`.

    A `reason`, a word to count by, marks a failure of this prompt alone. `wait` is in seconds.
    """

    what: str
    todo: str
    reason: str = ""
    again: bool = False
    wait: float | None = None


async def read_reply(response: httpx.Response) -> Reply:
    """Return the status and body of a reply whose headers are there.

    An error body is cut at LARGEST_COMPLAINT, and is empty where it cannot be unpacked.

    Raises:
        BodyError: a successful reply is larger than LARGEST_BODY, or cannot be unpacked.
        httpx.HTTPError: the connection broke.
    """
    try:
        content = await _content(response)
    except BodyError:
        if response.is_success:
            raise
        content = b""
    wait = response.headers.get("Retry-After")
    return Reply(response.status_code, response.reason_phrase, wait, content)


async def _content(response: httpx.Response) -> bytes:
    """Return the body, unpacked here: httpx would unpack a small bomb whole."""
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    content, received = bytearray(), 0
    most = LARGEST_BODY if response.is_success else LARGEST_COMPLAINT
    async for chunk in response.aiter_raw():
        received += len(chunk)
        try:
            content += unpack.decompress(chunk, most + 1 - len(content)) if unpack else chunk
        except zlib.error as error:
            raise BodyError("a body that cannot be unpacked") from error
        # what follows the end of a packed body is buffered by zlib, so it counts too
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


class _ContentPart(BaseModel):
    text: str | None = None
    refusal: str | None = None


class _Message(BaseModel):
    content: str | list[_ContentPart] | None = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None

    @property
    def parts(self) -> list[_ContentPart]:
        if isinstance(self.content, list):
            return self.content
        return [_ContentPart(text=self.content)]


class _Choice(BaseModel):
    message: _Message | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: Annotated[int, Field(ge=0, le=2**53)] | None = None


class _Completion(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


def json_of(content: bytes) -> object:
    """Return the JSON of a body, None for what is not JSON.

    Python's reader takes what servers in Python write: NaN, a byte order mark, and half a
    surrogate pair where a model was cut in the middle of a character.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def read_answer(id_: str, body: object, secret: Secret) -> Answer | Failure | None:
    """Return the answer of a chat completion, or why it has none; None for anything else.

    A text that is missing for no reason is an empty answer: a model may write nothing.
    """
    try:
        reply = _Completion.model_validate(body)
    except ValidationError:
        return None
    choice = reply.choices[0]
    message = choice.message or _Message()
    # half a surrogate pair, which no UTF-8 file can hold
    text = _SURROGATES.sub("\ufffd", "".join(part.text or "" for part in message.parts))
    if failure := _failure(message, text, choice.finish_reason):
        return failure._replace(what=brief(failure.what, secret))
    if secret.telling and secret.begins_in(text):
        what = "sends the key back in its answer"
        return Failure(what, "do not trust this server", "key-in-answer")
    tokens = reply.usage.completion_tokens if reply.usage else None
    return Answer(id_, text, tokens or 0, choice.finish_reason == "length")


def _failure(message: _Message, text: str, finish: str | None) -> Failure | None:
    """Return why a message holds no answer; no answer is taken from another field."""
    if finish == "content_filter":
        what = "stopped by the server's content filter"
        return Failure(what, "ask another model", "content-filter")
    if text.strip():
        return None
    if refusal := message.refusal or next(filter(None, (p.refusal for p in message.parts)), None):
        what = f"the model refuses: {refusal}"
        return Failure(what, "ask another model", "refused-by-model")
    fields = ("reasoning_content", "reasoning")
    thought = next((name for name in fields if getattr(message, name)), None)
    if finish == "length" and (thought or not text):
        by = f", by {thought}" if thought else ""
        todo = f"{_TOKENS}, or {_THINKING}" if thought else _TOKENS
        what = f"no content: max_tokens was used up before it{by}"
        return Failure(what, todo, "cut-before-content")
    if thought:
        return Failure(f"no content, only {thought}", _THINKING, "answer-in-reasoning")
    if message.tool_calls or message.function_call or finish in ("tool_calls", "function_call"):
        return Failure("calls a tool instead of answering", "serve it without tools", "tool-call")
    return None


def error_code(body: object) -> int | None:
    """Return the status that a body with an `error` names, 500 where it names none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    try:
        code = int(error.get("code") or 500)
    except (ValueError, TypeError, OverflowError):
        return None
    return code if 400 <= code < 600 else None


def server_message(content: bytes, secret: Secret) -> str:
    """Return the server's own message on one line, shortened, the secret taken out."""
    content = content[:LARGEST_COMPLAINT]
    fields, message = json_of(content), content.decode("utf-8", "replace")
    for name in ("error", "message", "detail"):
        if isinstance(fields, dict) and fields.get(name):
            fields = fields[name]
            message = fields if isinstance(fields, str) else message
    return brief(message, secret)


def brief(message: str, secret: Secret) -> str:
    """Return a message of others on one line, the secret taken out, then shortened."""
    message = secret.removed(" ".join(message.split())[:_SEARCHED])
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 3]}..."
