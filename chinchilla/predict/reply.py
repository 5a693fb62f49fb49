"""What a chat endpoint sends back: an answer, or why there is none.

The shapes are those of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat),
read as loosely as the servers that imitate them write them.
"""

import json
import re
from typing import Annotated, Any, NamedTuple

import msgspec
import orjson

from chinchilla.predict.engine import Answer
from chinchilla.predict.redaction import Secret

_LONGEST = 200
_MOST = 4096
_LARGEST = 2**16
"""Bytes of a body that are looked at for a message."""
_THINKING = (
    'switch thinking off with --extra \'{"chat_template_kwargs": {"enable_thinking": false}}\', '
    "or the server's reasoning parser"
)
_TOKENS = "raise --max-new-tokens"


class NoAnswer(NamedTuple):
    """Why a reply holds no answer: in a word to count by, in words, and what to do."""

    reason: str
    what: str
    todo: str


class _ContentPart(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None


_NOTHING = msgspec.Raw(b"null")


class _Message(msgspec.Struct):
    """The fields of Raw are not decoded: whether they hold anything is all that counts."""

    content: str | list[_ContentPart] | None = None
    refusal: msgspec.Raw = _NOTHING
    reasoning_content: msgspec.Raw = _NOTHING
    reasoning: msgspec.Raw = _NOTHING
    tool_calls: msgspec.Raw = _NOTHING
    function_call: msgspec.Raw = _NOTHING


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    completion_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class _Reply(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage | None = None


_REPLIES = msgspec.json.Decoder(_Reply)
_HALVES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def read_answer(id_: str, content: bytes, secret: Secret) -> Answer | NoAnswer | None:
    """Read a chat completion; return None for anything else.

    A text that is missing for no reason is an empty answer: a model may say nothing.
    """
    reply = _read(content)
    if reply is None:
        return None
    first = reply.choices[0]
    message = first.message or _Message()
    text = _text(message)
    if (lack := _lack(message, text, first.finish_reason)) is not None:
        return lack._replace(what=brief(lack.what, secret))
    if secret.telling and secret.shows_in(text):
        return NoAnswer(
            "key-in-answer", "sends the key back in its answer", "do not trust this server"
        )
    tokens = reply.usage.completion_tokens if reply.usage else None
    return Answer(id_, text, tokens or 0, first.finish_reason == "length")


def _read(content: bytes) -> _Reply | None:
    """Decode a completion in little memory, whatever else its body holds."""
    for reading in (_exactly, _without_halves, _as_python_does):
        try:
            return reading(content)
        except (msgspec.DecodeError, ValueError, TypeError, RecursionError):
            continue
    return None


def _exactly(content: bytes) -> _Reply:
    return _REPLIES.decode(content)


def _without_halves(content: bytes) -> _Reply:
    """Decode what a model cut in the middle of a character left."""
    return _REPLIES.decode(_HALVES.sub(_whole, content.removeprefix(b"\xef\xbb\xbf")))


def _as_python_does(content: bytes) -> _Reply:
    """Decode what servers in Python write where a probability is no number."""
    if len(content) > _LARGEST:
        raise ValueError
    return _REPLIES.decode(orjson.dumps(json.loads(_HALVES.sub(_whole, content))))


def _whole(found: re.Match[bytes]) -> bytes:
    """Put the replacement character for half a surrogate pair, which no UTF-8 file can hold."""
    return rb"\ufffd" if found[1] else found[0]


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content or ""


def _lack(message: _Message, text: str, finish: str | None) -> NoAnswer | None:
    """Say why a message holds no answer; nothing is taken from where no answer stands."""
    if finish == "content_filter":
        return NoAnswer(
            "content-filter", "stopped by the server's content filter", "ask another model"
        )
    if text.strip():
        return None
    if refusal := _refusal(message):
        return NoAnswer("refused-by-model", f"the model refuses: {refusal}", "ask another model")
    fields = ("reasoning_content", "reasoning")
    thought = next((name for name in fields if _holds(getattr(message, name))), None)
    if finish == "length" and (thought or not text):
        by = f", by {thought}" if thought else ""
        todo = f"{_TOKENS}, or {_THINKING}" if thought else _TOKENS
        return NoAnswer(
            "cut-before-content", f"no content: max_tokens was used up before it{by}", todo
        )
    if thought:
        return NoAnswer("answer-in-reasoning", f"no content, only {thought}", _THINKING)
    called = _holds(message.tool_calls) or _holds(message.function_call)
    if called or finish in ("tool_calls", "function_call"):
        return NoAnswer("tool-call", "calls a tool instead of answering", "serve it without tools")
    return None


def _refusal(message: _Message) -> str | None:
    if _holds(message.refusal):
        return bytes(message.refusal)[:_MOST].decode("utf-8", "replace").strip('"')
    parts = message.content if isinstance(message.content, list) else []
    return next((part.refusal for part in parts if part.refusal), None)


def _holds(raw: msgspec.Raw) -> bool:
    return bytes(raw).strip() not in (b"null", b"false", b'""', b"[]", b"{}")


def error_code(content: bytes) -> int | None:
    """Return the status that a reply of status 200 says its error would have had."""
    error = _fields(content).get("error")
    if not isinstance(error, dict):
        return None
    try:
        code = int(error.get("code") or 500)
    except (ValueError, TypeError, OverflowError):
        return None
    return code if 400 <= code < 600 else None


def server_words(content: bytes, secret: Secret) -> str:
    """Return the server's own message on one line, shortened, the secret taken out."""
    fields: Any = _fields(content)
    for name in ("error", "message", "detail"):
        if isinstance(fields, dict) and fields.get(name):
            fields = fields[name]
    words = fields if isinstance(fields, str) else content[:_LARGEST].decode("utf-8", "replace")
    return brief(words, secret)


def _fields(content: bytes) -> dict[str, Any]:
    if len(content) > _LARGEST:
        return {}
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def brief(words: str, secret: Secret) -> str:
    """Return words of others on one line, the secret taken out, then shortened."""
    words = secret.removed(" ".join(words.split())[:_MOST])
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."
