"""The endpoint engine against a real server on this machine."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from waiting import Slept

from chinchilla.answers import Query
from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.answer_log import answer_all, open_answer_log
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.schema import Label

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:50 GMT"
"""Thirty seconds after NOW."""
KEY = "sk-secret-0123456789"


def completion(text: object, finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {"choices": choices, "usage": {"completion_tokens": 7}}


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"row-{number}", f"text {number}") for number in range(count)]


@pytest.fixture
def slept() -> Slept:
    return Slept(NOW)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def engine(chat: Any, slept: Slept, **options: Any) -> Endpoint:
    settings = {"retries": 3, **options}
    return Endpoint(EndpointOptions(chat.base_url, "qwen", **settings), waits=slept.waits())


def ask_one(chat: Any, slept: Slept, **options: Any) -> Answer:
    (answer,) = engine(chat, slept, **options).answers(prompts(1))
    return answer


def refusal(chat: Any, slept: Slept, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask_one(chat, slept, **options)
    assert "\n" not in str(caught.value)
    return caught.value


# what is sent and what comes back


def test_a_request_holds_the_prompt_and_the_options_and_nothing_else(
    chat: Any, slept: Slept
) -> None:
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "seed": None, "top_k": 1}
    answer = ask_one(chat, slept, max_tokens=99, seed=5, extra=extra)
    assert answer == Answer("row-0", "TEXT 0", 3, False)
    assert chat.paths == ["/v1/chat/completions"]
    assert chat.bodies == [
        {
            "model": "qwen",
            "messages": [{"role": "user", "content": "text 0"}],
            "max_tokens": 99,
            "temperature": 0.0,
            "chat_template_kwargs": {"enable_thinking": False},
            "top_k": 1,
        }
    ]
    assert "Authorization" not in chat.headers[0]


def test_the_key_comes_from_the_variable_that_is_named(
    chat: Any, slept: Slept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")
    ask_one(chat, slept, key_variable="MY_KEY")
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"


REPLIES = [
    (completion("[]"), Answer("row-0", "[]", 7, False)),
    (completion("[{", "length"), Answer("row-0", "[{", 7, True)),
    (completion(None), Answer("row-0", "", 7, False)),
    (completion("  ", "length"), Answer("row-0", "  ", 7, True)),
    ({"choices": [{"message": {"role": "assistant"}}]}, Answer("row-0", "", 0, False)),
    ({"choices": [{"finish_reason": "stop"}], "usage": None}, Answer("row-0", "", 0, False)),
    (completion([{"type": "text", "text": "a"}, {"type": "x"}]), Answer("row-0", "a", 7, False)),
    (completion("\ud83d\ude00 \ud83d"), Answer("row-0", "\U0001f600 \ufffd", 7, False)),
    (completion("\\ud83d \ude00"), Answer("row-0", "\\ud83d \ufffd", 7, False)),
    ({**completion("a"), "logprobs": float("nan")}, Answer("row-0", "a", 7, False)),
    (b"\xef\xbb\xbf" + json.dumps(completion("a")).encode(), Answer("row-0", "a", 7, False)),
]


@pytest.mark.parametrize(("body", "answer"), REPLIES)
def test_a_reply_is_read_as_loosely_as_servers_write_it(
    chat: Any, slept: Slept, body: object, answer: Answer
) -> None:
    chat.plan = [(200, {}, body)]
    assert ask_one(chat, slept) == answer


LABEL = Label(key="per", name="person")
LIMITS = Limits("json", Query("ner", (LABEL,)), "text 0")
GRAMMARS = [
    ("vllm", "start: /a/", {"structured_outputs": {"grammar": "start: /a/"}}),
    ("llama.cpp", "start: /a/", {"grammar": "%llguidance {}\nstart: /a/"}),
    ("llama.cpp", "%llguidance {}\nstart: /a/", {"grammar": "%llguidance {}\nstart: /a/"}),
]


@pytest.mark.parametrize(("structured", "grammar", "fields"), GRAMMARS)
def test_a_grammar_goes_where_the_server_looks_for_it(
    chat: Any, slept: Slept, structured: Any, grammar: str, fields: dict[str, Any]
) -> None:
    options = EndpointOptions(chat.base_url, "qwen", structured=structured)
    limited = Endpoint(options, lambda limits: f"{grammar}", slept.waits())
    asked = [Prompt("limited", "text 0", LIMITS), Prompt("free", "text 1")]
    list(limited.answers(asked))
    by_text = {body["messages"][0]["content"]: body for body in chat.bodies}
    names = ("structured_outputs", "grammar")
    grammars = [{n: by_text[text][n] for n in names if n in by_text[text]} for text in by_text]
    assert sorted(grammars, key=len) == [{}, fields]


# retries


PASSING = [
    ([(429, {"Retry-After": "7"}, {})], [7.844]),
    ([(503, {"Retry-After": DATE}, {})], [30.844]),
    ([(429, {"Retry-After": "soon"}, {})], [0.922]),
    ([(500, {}, b"oops"), (502, {}, b"")], [0.922, 1.758]),
    (["drop"], [0.922]),
    ([(408, {}, {}), (409, {}, {}), "drop"], [0.922, 1.758, 2.841]),
    ([(200, {}, {"error": {"code": 502, "message": "upstream"}})], [0.922]),
    ([(200, {"Content-Length": "999"}, b"half")], [0.922]),
]


@pytest.mark.parametrize(("plan", "seconds"), PASSING)
def test_what_may_pass_is_asked_again(
    chat: Any, slept: Slept, plan: list[Any], seconds: list[float]
) -> None:
    asked = len(plan) + 1
    chat.plan = [_closing(reply) for reply in plan]
    assert ask_one(chat, slept) == Answer("row-0", "TEXT 0", 3, False)
    assert [round(value, 3) for value in slept.seconds] == seconds
    assert chat.asked() == {"text 0": asked}


def _closing(reply: Any) -> Any:
    """Close the connection after each reply, so that value that is too short is seen to be."""
    if reply == "drop":
        return reply
    status, headers, body = reply
    return status, {**headers, "Connection": "close"}, body


def test_the_waits_double_and_stop_growing(chat: Any, slept: Slept) -> None:
    chat.always = lambda text: (500, {}, b"")
    refusal(chat, slept, retries=8)
    spans = [1, 2, 4, 8, 16, 32, 60, 60]
    assert all(span / 2 <= value <= span for span, value in zip(spans, slept.seconds, strict=True))


FOR_GOOD = [
    (400, {"error": {"message": "too  long\nby far"}}, "400: too long by far", "max_tokens"),
    (401, {"error": "no"}, "401: no", "OPENAI_API_KEY is set"),
    (403, {"message": "not you"}, "403: not you", "OPENAI_API_KEY is set"),
    (404, {"detail": "no such model"}, "404: no such model", "base URL"),
    (422, {"detail": [{"loc": "seed"}]}, '422: {"detail": [{"loc": "seed"}]}', "extra"),
    (301, b"", "301: Moved Permanently", "base URL"),
    (400, b"x" * 999, f"400: {'x' * 197}...", "max_tokens"),
    (200, b"<html>hello</html>", "not a chat completion: <html>hello</html>", "OpenAI"),
    (200, {"choices": []}, 'not a chat completion: {"choices": []}', "OpenAI"),
    (200, {"error": {"code": 400, "message": "bad"}}, "400: bad", "max_tokens"),
    (200, b"", "not a chat completion: nothing", "OpenAI"),
    (200, b"[1]", "not a chat completion: [1]", "OpenAI"),
]


@pytest.mark.parametrize(("status", "body", "what", "todo"), FOR_GOOD)
def test_what_stays_wrong_is_asked_once_and_explained(
    chat: Any, slept: Slept, status: int, body: object, what: str, todo: str
) -> None:
    chat.plan = [(status, {}, body)]
    error = refusal(chat, slept)
    assert error.where == f"{chat.base_url}/chat/completions"
    assert error.what == f"prompt row-0: {what}"
    assert todo in error.todo
    assert (chat.asked(), slept.seconds) == ({"text 0": 1}, [])


def test_a_server_that_stays_broken_is_named_with_its_message_and_the_times(
    chat: Any, slept: Slept
) -> None:
    chat.always = lambda text: (503, {}, {"error": {"message": "overloaded"}})
    assert str(refusal(chat, slept)) == (
        f"{chat.base_url}/chat/completions: prompt row-0, 4 times: 503: overloaded; "
        "run the command again to go on from here"
    )


def test_a_server_that_asks_for_an_hour_is_not_waited_for(chat: Any, slept: Slept) -> None:
    chat.plan = [(429, {"Retry-After": "3600"}, {"error": {"message": "quota"}})]
    assert refusal(chat, slept).what == "prompt row-0: 429: quota (asks to wait 3600 s)"
    assert slept.seconds == []


def test_a_server_that_is_too_slow_is_asked_again_and_then_named(chat: Any, slept: Slept) -> None:
    released = Event()
    chat.always = lambda text: (released.wait(30), "drop")[1]
    error = refusal(chat, slept, timeout=0.05, retries=1)
    released.set()
    assert error.what == "prompt row-0, 2 times: no answer within 0.05 s"
    assert len(slept.seconds) == 1


def test_a_server_that_is_not_there_is_named_on_one_line(slept: Slept) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        options = EndpointOptions(url, "qwen", retries=1)
        with pytest.raises(EngineError) as caught:
            list(Endpoint(options, waits=slept.waits()).answers(prompts(1)))
    message = str(caught.value)
    assert message.startswith(f"{url}/chat/completions: prompt row-0, 2 times: cannot be reached (")
    assert message.endswith("start the server or check the base URL")
    assert "\n" not in message


# several at once


def test_as_many_are_asked_at_once_as_allowed_and_no_more(chat: Any, slept: Slept) -> None:
    together, lock = Barrier(3), Lock()
    now = most = 0

    def meet(text: str) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)
        with lock:
            now -= 1

    chat.always = meet
    answers = list(engine(chat, slept, concurrency=3).answers(prompts(12)))
    assert sorted(answer.id for answer in answers) == sorted(value.id for value in prompts(12))
    assert most == 3


def test_prompts_are_taken_only_as_they_are_asked(chat: Any, slept: Slept) -> None:
    taken: list[str] = []

    def source() -> Iterator[Prompt]:
        for prompt in prompts(9):
            taken.append(prompt.id)
            yield prompt

    answers = engine(chat, slept, concurrency=2).answers(source())
    next(answers)
    assert taken == ["row-0", "row-1"]
    assert len(list(answers)) == 8


def test_an_error_loses_no_answer_that_the_server_gave(chat: Any, slept: Slept) -> None:
    together = Barrier(3)

    def reply(text: str) -> Any:
        if text in ("text 0", "text 1", "text 2"):
            together.wait(60)
        return (400, {}, {"error": {"message": "bad"}}) if text == "text 0" else None

    chat.always = reply
    got: list[str] = []
    with pytest.raises(EngineError, match="prompt row-0: 400: bad"):
        for answer in engine(chat, slept, concurrency=3).answers(prompts(9)):
            got.append(answer.raw.lower())
    assert {"text 1", "text 2"} <= set(got)
    assert sorted([*got, "text 0"]) == sorted(chat.asked())


# the key stays where it is


def test_the_key_is_in_no_error_and_no_file(
    chat: Any, slept: Slept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat.plan = [None, (401, {}, {"error": {"message": "x" * 190 + f"bad key {KEY}"}})]
    asking = engine(chat, slept, concurrency=1)
    options = EndpointOptions(chat.base_url, "qwen", concurrency=1)
    path = tmp_path / "answers.jsonl"
    with (
        open_answer_log(path, options.job, prompts(2)) as answer_log,
        pytest.raises(EngineError) as caught,
    ):
        answer_all(asking, prompts(2), answer_log, lambda answer: None)
    assert chat.headers[1]["Authorization"] == f"Bearer {KEY}"
    seen = str(caught.value) + repr(vars(asking)) + path.read_text(encoding="utf-8")
    assert "sk-" not in seen
    assert "401: xxx" in seen
    assert "OPENAI_API_KEY holds a valid key" in seen


@pytest.mark.parametrize("key", [f"{KEY}\nX", f"{KEY}\u00e9", f"{KEY}\x7f"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(
    chat: Any, slept: Slept, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    error = refusal(chat, slept)
    assert str(error) == "OPENAI_API_KEY: holds characters that no key has; set it again"
    assert chat.bodies == []


# options


BAD = [
    ({"base_url": "localhost:8000"}, "localhost:8000: not an address"),
    ({"base_url": "http://"}, "http://: not an address"),
    ({"base_url": "http://h:99999/v1"}, "http://h:99999/v1: not an address"),
    ({"base_url": f"http://me:{KEY}@h/v1"}, "base URL: holds a user name or password"),
    ({"base_url": f"http://h/v1?key={KEY}"}, "base URL: has a query or a fragment"),
    ({"concurrency": 0}, "concurrency: 0 is too few; use 1 or more"),
    ({"max_tokens": 0}, "max_tokens: 0 is too few; use 1 or more"),
    ({"retries": -1}, "retries: -1 is too few; use 0 or more"),
    ({"timeout": 0}, "timeout: 0 s is no time"),
    ({"structured": "tgi"}, "structured: no way 'tgi'; use off, vllm, llama.cpp"),
    ({"extra": {"stream": True}}, "extra field stream: is set by this engine"),
    ({"extra": {"a": {1, 2}}}, "extra fields: "),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_an_option_that_cannot_be_used_is_refused_at_once(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        EndpointOptions(**{"base_url": "http://h/v1", "model": "m", **fields})
    assert str(caught.value).startswith(message)
    assert KEY not in str(caught.value)


def test_a_grammar_without_a_way_to_send_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="given only together"):
        Endpoint(EndpointOptions("http://h/v1", "m"), lambda limits: "start: /a/")
    with pytest.raises(ConfigError, match="given only together"):
        Endpoint(EndpointOptions("http://h/v1", "m", structured="vllm"))


def test_a_job_is_what_decides_the_answers_not_how_they_are_fetched() -> None:
    first = EndpointOptions("http://h/v1/", "m", concurrency=1, timeout=1, retries=0)
    again = EndpointOptions("http://h/v1", "m", concurrency=9, timeout=9, retries=9)
    assert first.job == again.job
    assert json.dumps(first.job.options, sort_keys=True) == (
        '{"base_url": "http://h/v1", "extra": {}, "max_tokens": 512, "seed": null, '
        '"structured": "off", "temperature": 0.0}'
    )


async def _ask_inside(url: str) -> list[Answer]:
    return list(Endpoint(EndpointOptions(url, "m")).answers(prompts(1)))


def test_a_thread_whose_event_loop_runs_is_refused() -> None:
    with pytest.raises(EngineError, match="an event loop runs in this thread"):
        asyncio.run(_ask_inside("http://localhost:9/v1"))
