"""A key that a server sends back, in whatever way, is shown to nobody and written to no file."""

import base64
import json
import logging
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from waiting import no_waits

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.answer_log import answer_all, open_answer_log
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Answer, Prompt
from chinchilla.predict.redaction import Secret

KEY = "sk-secret-0123456789"
KEYS = st.text(string.ascii_letters + string.digits + "-._~", min_size=8, max_size=80)


def base64_of(before: str) -> Callable[[str], str]:
    return lambda key: base64.b64encode(f"{before}{key}".encode()).decode()


WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "broken in lines": lambda key: "\n".join(key),
    "with blanks": lambda key: " \t".join(key),
    "escaped line ends": lambda key: f"{key[:5]}\\n{key[5:]}",
    "percent-encoded": lambda key: "".join(f"%{ord(one):02x}" for one in key),
    "percent-encoded twice": lambda key: quote("".join(f"%{ord(one):02X}" for one in key)),
    "escaped as JSON": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
    "escaped as Python": lambda key: "".join(f"\\x{ord(one):02x}" for one in key),
    "escaped as HTML": lambda key: "".join(f"&#{ord(one)};" for one in key),
    "escaped as HTML in hexadecimal": lambda key: "".join(f"&#x{ord(one):x};" for one in key),
    "coloured": lambda key: "\x1b[1;31m".join(key),
    "base64": base64_of(""),
    "base64 of a header": base64_of("Bearer "),
    "base64 of a user": base64_of("me:"),
    "base64 of a field": base64_of("key="),
    "hexadecimal": lambda key: key.encode().hex(),
    "quoted": repr,
    "bytes": lambda key: repr(key.encode()),
    "a part": lambda key: key[:10],
    "after a percent sign": lambda key: f"%{key}",
    "as JSON": lambda key: json.dumps({"Authorization": f"Bearer {key}"}),
}


def shows(text: str, key: str) -> bool:
    """Tell whether anybody could read the key, or eight characters of it in a row."""
    plain = "".join(text.split()).lower()
    key = key.lower()
    return any(key[start : start + 8] in plain for start in range(len(key) - 7))


@given(KEYS, st.sampled_from(sorted(WAYS)), st.text(max_size=20), st.text(max_size=20))
def test_no_text_shows_a_key_however_it_is_echoed(
    key: str, way: str, before: str, after: str
) -> None:
    echoed = WAYS[way](key)
    shown = Secret(key).removed(f"{before}{echoed}{after}")
    assert not shows(shown, key)
    letters = [one for one in key if one.isalnum()]
    if len(letters) >= 8 and way != "a part":
        assert echoed not in shown
        assert "***" in shown


@given(KEYS, st.text(max_size=200))
def test_a_text_without_the_key_stays_as_it_is(key: str, text: str) -> None:
    shown = Secret(key).removed(text)
    assert shown == text or "***" in shown
    assert Secret("").removed(text) == text


def test_a_letter_that_grows_in_lower_case_moves_no_mask() -> None:
    assert Secret(KEY).removed(f"\u0130\u0130 {KEY}.") == "\u0130\u0130 ***."


@pytest.mark.parametrize(
    "part",
    ["sk-secret ", "\\", '"\\', "\\u0", "\\n", "%25", "&#0", "&#x0", "\x1b[0;", "a", " ", "="],
)
def test_the_secret_of_a_text_is_found_in_linear_time(part: str) -> None:
    secret = Secret(KEY)

    def seconds(size: int) -> float:
        text = f"{part * (size // len(part))}  %41{KEY}"
        started = time.process_time()
        assert secret.is_in(text)
        assert secret.begins_in(text)
        assert KEY not in secret.removed(text)
        return time.process_time() - started

    times = [min(seconds(size) for _ in range(3)) for size in (3_000, 24_000)]
    # eight times as much takes 64 times as long where time is quadratic
    assert times[1] < 20 * max(times[0], 0.003)


# the whole engine


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def engine(chat: Any, **options: Any) -> Endpoint:
    settings = {"retries": 0, **options}
    return Endpoint(EndpointOptions(chat.base_url, "m", **settings), waits=no_waits())


def refusal(chat: Any) -> str:
    with pytest.raises(EngineError) as caught:
        list(engine(chat).answers([Prompt("row", "text")]))
    return f"{caught.value} {caught.value!r} {caught.value.args}"


PARTS_OF_A_REPLY: dict[str, Callable[[str], Any]] = {
    "the message": lambda echo: (401, {}, {"error": {"message": f"bad key {echo}"}}),
    "the whole body": lambda echo: (400, {}, echo.encode("utf-8")),
    "after many blanks": lambda echo: (400, {}, b"x" + b" " * 65_000 + echo.encode("utf-8")),
    "a message cut by us": lambda echo: (400, {}, f"{'x' * 190}{echo}".encode()),
    "a detail": lambda echo: (422, {}, {"detail": [{"input": echo}]}),
    "an error of status 200": lambda echo: (200, {}, {"error": {"code": 400, "message": echo}}),
    "no completion": lambda echo: (200, {}, f"<html>{echo}</html>".encode()),
    "a refusal": lambda echo: (200, {}, message(content=None, refusal=echo)),
    "an answer": lambda echo: (200, {}, message(content=f"[{echo}]")),
    "parts of an answer": lambda echo: (
        200,
        {},
        message(content=[{"type": "text", "text": echo[:3]}, {"type": "text", "text": echo[3:]}]),
    ),
}


def message(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": fields}]}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(PARTS_OF_A_REPLY)), st.sampled_from(sorted(WAYS)))
def test_no_error_shows_the_key(chat: Any, where: str, way: str) -> None:
    # the answers of a model are searched for the beginning of the key alone
    chat.plan = [PARTS_OF_A_REPLY[where](WAYS[way](KEY))]
    shown = refusal(chat)
    assert not shows(shown, KEY)
    assert WAYS[way](KEY) not in shown


@pytest.mark.parametrize("code", [401, 429, 500])
@pytest.mark.parametrize("way", ["as it is", "percent-encoded", "base64 of a header", "a part"])
def test_a_reason_phrase_shows_no_key(
    chat: Any, caplog: pytest.LogCaptureFixture, code: int, way: str
) -> None:
    echoed = WAYS[way](KEY)

    def reply() -> Any:
        return (code, {"Retry-After": KEY, "Location": f"http://h/?key={KEY}"}, b"")

    chat.reason = f"No {echoed}"
    chat.plan = [reply]
    with caplog.at_level(logging.DEBUG):
        shown = refusal(chat)
    assert f"{code}: No" in shown
    assert not shows(shown, KEY)
    assert echoed not in shown
    assert not shows(caplog.text, KEY)


def test_the_key_of_a_header_that_breaks_the_protocol_is_not_shown(chat: Any) -> None:
    chat.reason = f"\r\n\x00{KEY}: {KEY}"
    assert not shows(refusal(chat), KEY)


def test_an_answer_with_the_key_is_refused_and_never_on_file(chat: Any, tmp_path: Path) -> None:
    chat.plan = [(200, {}, message(content=f'["{KEY}"]'))]
    path = tmp_path / "answers"
    asked = [Prompt("row", "text")]
    options = EndpointOptions(chat.base_url, "m")
    with (
        open_answer_log(path, options.job, asked) as answer_log,
        pytest.raises(EngineError, match="sends the key back in its answer"),
    ):
        answer_all(engine(chat), asked, answer_log, lambda answer: None)
    assert not shows(path.read_text(encoding="utf-8"), KEY)


def test_a_word_in_place_of_a_key_may_be_in_answers(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("EMPTY", "x", "not-needed"):
        monkeypatch.setenv("OPENAI_API_KEY", word)
        chat.plan = [(200, {}, message(content=f"[{word}]"))]
        assert list(engine(chat).answers([Prompt("row", "a")])) == [Answer("row", f"[{word}]")]


@pytest.mark.parametrize(
    "options",
    [
        {"model": f"m-{KEY}"},
        {"base_url": f"http://h/{KEY}/v1"},
        {"extra": {"user": {"name": [KEY.upper()]}}},
    ],
)
def test_a_key_among_the_options_is_refused_before_any_file_is_written(
    options: dict[str, Any],
) -> None:
    with pytest.raises(ConfigError) as caught:
        Endpoint(EndpointOptions(**{"base_url": "http://h/v1", "model": "m", **options}))
    assert not shows(str(caught.value), KEY)


@pytest.mark.parametrize("name", ["api_key", "Authorization", "X-Api-Key", "password", "token"])
def test_a_field_that_would_put_a_secret_on_file_is_refused(name: str) -> None:
    for extra in ({name: "abc"}, {"a": [{"b": {name: "abc"}}]}):
        with pytest.raises(ConfigError, match="would be written to the answers file") as caught:
            EndpointOptions("http://h/v1", "m", extra=extra)
        assert "abc" not in str(caught.value)


def test_a_key_in_place_of_its_variable_is_not_shown(chat: Any) -> None:
    with pytest.raises(ConfigError, match="not the name of a variable") as caught:
        EndpointOptions("http://h/v1", "m", key_variable=KEY)
    assert not shows(str(caught.value), KEY)
    plain = KEY.replace("-", "")
    chat.plan = [(401, {}, {"error": "no key"})]
    with pytest.raises(EngineError, match="of --key-variable is set: it is empty") as refused:
        list(engine(chat, key_variable=plain).answers([Prompt("row", "text")]))
    assert not shows(str(refused.value), plain)
