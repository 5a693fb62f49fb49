"""A request to a chat endpoint: its options, and the JSON of its body."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import orjson

from chinchilla.errors import ConfigError
from chinchilla.predict.answer_log import AnswerJob
from chinchilla.predict.engine import Prompt
from chinchilla.strict_json import ONE_VALUE, DuplicateKeyError, loads

Structured = Literal["off", "vllm", "llama.cpp"]
"""The server whose request field takes the grammar of an answer."""

KEY_VARIABLE = "OPENAI_API_KEY"
"""The environment variable that holds the key where no other is named."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("messages", "model", "n", "stream")
_SECRETS = re.compile(
    r"(?:x[-_])?(?:api[-_]?key|(?:access[-_]?|auth[-_]?)?token|auth(?:orization)?|bearer"
    r"|passw(?:or)?d|secret)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class EndpointOptions:
    """Where and how to ask; the key is in the environment variable named, never here.

    `timeout` is in seconds for a whole answer, `concurrency` in requests at once, `retries` in
    further requests after the first. `extra` fields win over ours; a null takes one of ours out.
    Raises ConfigError for a value that cannot be used.
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
    key_variable: str = KEY_VARIABLE

    def __post_init__(self) -> None:
        """Refuse what would only fail at the first request."""
        _check_url(self.base_url)
        for name, least in (("max_tokens", 1), ("concurrency", 1), ("retries", 0)):
            if getattr(self, name) < least:
                raise ConfigError(name, f"{getattr(self, name)} is too few", f"use {least} or more")
        if not 0 < self.timeout < math.inf:
            raise ConfigError("timeout", f"{self.timeout} s is no time", "use seconds above 0")
        if self.structured not in get_args(Structured):
            todo = f"use {', '.join(get_args(Structured))}"
            raise ConfigError("structured", f"no way {self.structured!r}", todo)
        _check_extra(self.extra)
        if not _VARIABLE.fullmatch(self.key_variable):
            # its value is not shown: it may be the key
            todo = "pass the name of an environment variable that holds the key"
            raise ConfigError("--key-variable", "not the name of a variable", todo)

    @property
    def url(self) -> str:
        """The address that requests are posted to."""
        return f"{self.base_url.rstrip('/')}/chat/completions"

    @property
    def job(self) -> AnswerJob:
        """What of these decides the answers, for the header of the answer log."""
        options = {
            "base_url": self.base_url.rstrip("/"),
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "extra": dict(self.extra),
            "structured": self.structured,
        }
        return AnswerJob("openai", self.model, options, self.structured != "off")


def _check_url(url: str) -> None:
    # the address is not shown: it may hold a password or a key
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
    for name in _RESERVED:
        if name in extra:
            raise ConfigError(f"extra field {name}", "is set by this engine", "leave it out")
    try:
        orjson.dumps(dict(extra))
    except TypeError as error:
        raise ConfigError("extra fields", str(error), "use plain JSON values") from error
    for name in _names(extra):
        if _SECRETS.fullmatch(name):
            todo = "put a key into the environment variable named by --key-variable"
            raise ConfigError(f"extra field {name}", "would be written to the answers file", todo)


def _names(value: object) -> Iterator[str]:
    """Yield the names of all fields, however deep."""
    if isinstance(value, Mapping):
        yield from map(str, value)
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _names(item)


def extra_fields(text: str) -> dict[str, Any]:
    """Return the further fields of a request from their JSON; raise ConfigError for no object."""
    try:
        fields = loads(text.encode())
    except orjson.JSONDecodeError as error:
        raise ConfigError("--extra", f"not JSON ({error})", "write a JSON object") from error
    except DuplicateKeyError as error:
        raise ConfigError("--extra", str(error), ONE_VALUE) from error
    if not isinstance(fields, dict):
        raise ConfigError("--extra", "not an object", "write a JSON object")
    return fields


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
    declared = grammar.startswith("%llguidance")
    return {"grammar": grammar if declared else f"%llguidance {{}}\n{grammar}"}
