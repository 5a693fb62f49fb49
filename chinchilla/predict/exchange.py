"""What is sent to a chat endpoint and what comes back, as plain values.

The shapes are those of OpenAI's chat completions (platform.openai.com/docs/api-reference/chat),
read as loosely as the servers that imitate them write them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
import orjson

from chinchilla.errors import ConfigError
from chinchilla.predict.engine import Answer, Prompt
from chinchilla.predict.job import Job

Structured = Literal["off", "vllm", "llama.cpp"]
"""In which server's way the grammar of an answer is sent."""

_OURS = ("messages", "model", "n", "stream")
_LONGEST = 200


@dataclass(frozen=True)
class EndpointOptions:
    """Where and how to ask; the key is named by its environment variable, never held.

    `timeout` is in seconds, `concurrency` in threads. `extra` fields join the request and win
    over ours; a null takes one of ours out. Raises ConfigError for a value that cannot be used.
    """

    base_url: str
    model: str
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int | None = None
    concurrency: int = 4
    timeout: float = 120.0
    retries: int = 5
    extra: Mapping[str, Any] = field(default_factory=dict)
    structured: Structured = "off"
    key_variable: str = "OPENAI_API_KEY"

    def __post_init__(self) -> None:
        """Refuse what would only fail at the first request."""
        _check_url(self.base_url)
        for name, least in (("max_tokens", 1), ("concurrency", 1), ("retries", 0)):
            if getattr(self, name) < least:
                raise ConfigError(name, f"{getattr(self, name)} is too few", f"use {least} or more")
        if self.timeout <= 0:
            raise ConfigError("timeout", f"{self.timeout} s is no time", "use more than 0")
        if self.structured not in get_args(Structured):
            todo = f"use {', '.join(get_args(Structured))}"
            raise ConfigError("structured", f"no way {self.structured!r}", todo)
        _check_extra(self.extra)

    @property
    def url(self) -> str:
        """Return the address that requests are posted to."""
        return f"{self.base_url.rstrip('/')}/chat/completions"

    @property
    def job(self) -> Job:
        """Return what of these decides the answers, for the header of their journal."""
        options = {
            "base_url": self.base_url.rstrip("/"),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "extra": dict(self.extra),
            "structured": self.structured,
        }
        return Job("openai", self.model, options, self.structured != "off")


def _check_url(url: str) -> None:
    # said without the address: it may hold a password or a key
    if "@" in url:
        todo = "put the key into an environment variable"
        raise ConfigError("base URL", "holds a user name or password", todo)
    if "?" in url or "#" in url:
        todo = "end it where /chat/completions is to follow"
        raise ConfigError("base URL", "has a query or a fragment", todo)
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(url, "not an address", "give one like http://localhost:8000/v1")


def _check_extra(extra: Mapping[str, Any]) -> None:
    for name in _OURS:
        if name in extra:
            raise ConfigError(f"extra field {name}", "is set by this engine", "leave it out")
    try:
        orjson.dumps(dict(extra))
    except TypeError as error:
        raise ConfigError("extra fields", str(error), "use plain JSON values") from error


def request_body(options: EndpointOptions, prompt: Prompt, grammar: str | None) -> bytes:
    """Return the JSON to post for a prompt; a grammar goes where the server looks for it."""
    fields = {
        "model": options.model,
        "messages": [{"role": "user", "content": prompt.text}],
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "seed": options.seed,
        **(_grammar_field(options.structured, grammar) if grammar else {}),
        **options.extra,
    }
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def _grammar_field(structured: Structured, grammar: str) -> dict[str, Any]:
    """Return the request field of a grammar in llguidance's Lark syntax.

    vLLM: docs.vllm.ai/en/latest/features/structured_outputs (guided_grammar before 0.12).
    llama.cpp, built with LLAMA_LLGUIDANCE: its docs/llguidance.md.
    """
    if structured == "vllm":
        return {"structured_outputs": {"grammar": grammar}}
    marked = grammar.startswith("%llguidance")
    return {"grammar": grammar if marked else f"%llguidance {{}}\n{grammar}"}


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    completion_tokens: int | None = None


class _Reply(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage | None = None


def read_answer(id_: str, content: bytes) -> Answer | None:
    """Read a chat completion; return None for anything else.

    A missing or null text is an empty answer: a filter or a limit may leave none.
    """
    try:
        # not msgspec: a model cut in the middle of a character leaves half a surrogate pair
        reply = msgspec.convert(json.loads(content), _Reply)
    except (ValueError, RecursionError):
        return None
    first = reply.choices[0]
    tokens = reply.usage.completion_tokens if reply.usage else None
    raw = _whole(_text(first.message))
    return Answer(id_, raw, tokens or 0, first.finish_reason == "length")


def _text(message: _Message | None) -> str:
    content = message.content if message else None
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""


def _whole(text: str) -> str:
    """Put the replacement character for half a surrogate pair, which no UTF-8 file can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def error_code(content: bytes) -> int | None:
    """Return the status that a reply of status 200 says its error would have had."""
    try:
        error = json.loads(content).get("error")
        return int(error.get("code") or 500) if isinstance(error, dict) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def server_words(content: bytes, secret: str | None) -> str:
    """Return the server's own message on one line, shortened, the secret taken out."""
    words = _message(content)
    if secret:
        words = words.replace(secret, "***")
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."


def _message(content: bytes) -> str:
    plain = content.decode("utf-8", "replace")
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return plain
    for name in ("error", "message", "detail"):
        if isinstance(fields, dict) and fields.get(name):
            fields = fields[name]
    return fields if isinstance(fields, str) else plain
