"""Replies without an answer: each is one line that says why, or is counted by cause."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from waiting import no_waits

from chinchilla.errors import EngineError, PromptError
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Answer, Prompt


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def engine(chat: Any, **more: Any) -> Endpoint:
    return Endpoint(EndpointOptions(chat.base_url, "m", retries=0), waits=no_waits(), **more)


def completion(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": None, **message}, "finish_reason": finish}]}


THINKS = "enable_thinking"
THOUGHT = '{"人物": ["李岩"]}'
CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
CAUSES: list[tuple[Any, str, str, str]] = [
    (
        completion(reasoning_content=THOUGHT),
        "answer-in-reasoning",
        "only reasoning_content",
        THINKS,
    ),
    (completion(reasoning=THOUGHT), "answer-in-reasoning", "no content, only reasoning", THINKS),
    (completion(content="", reasoning=[THOUGHT]), "answer-in-reasoning", "only reasoning", THINKS),
    (
        completion(content="\n\n", reasoning=THOUGHT),
        "answer-in-reasoning",
        "only reasoning",
        THINKS,
    ),
    (completion(content=[], reasoning=THOUGHT), "answer-in-reasoning", "only reasoning", THINKS),
    (completion(None, reasoning=THOUGHT), "answer-in-reasoning", "only reasoning", THINKS),
    (
        completion("length", reasoning=THOUGHT),
        "cut-before-content",
        "by reasoning",
        "--max-new-tokens",
    ),
    (completion("length", reasoning_content=THOUGHT), "cut-before-content", "max_tokens", THINKS),
    (completion("length", content=""), "cut-before-content", "max_tokens", "--max-new-tokens"),
    (completion("length"), "cut-before-content", "max_tokens", "--max-new-tokens"),
    ({"choices": [{"finish_reason": "length"}]}, "cut-before-content", "max_tokens", "raise"),
    (
        completion(refusal="I can't"),
        "refused-by-model",
        "the model refuses: I can't",
        "another model",
    ),
    (
        completion(content=[{"type": "refusal", "refusal": "No"}]),
        "refused-by-model",
        "the model refuses: No",
        "another model",
    ),
    (completion("tool_calls", tool_calls=CALL), "tool-call", "calls a tool", "without tools"),
    (completion("stop", tool_calls=CALL), "tool-call", "calls a tool", "without tools"),
    (completion(function_call={"name": "f"}), "tool-call", "calls a tool", "without tools"),
    (completion("content_filter"), "content-filter", "content filter", "another model"),
    (
        completion("content_filter", content="[{"),
        "content-filter",
        "content filter",
        "another model",
    ),
    ({"choices": []}, "not-a-completion", 'completion: {"choices": []}', "base URL"),
    ({"id": "x"}, "not-a-completion", 'completion: {"id": "x"}', "base URL"),
    ({"choices": None}, "not-a-completion", "not a chat completion", "base URL"),
    ({"choices": [1]}, "not-a-completion", "not a chat completion", "base URL"),
    ({"error": {"message": "no"}, "choices": None}, "", "500: no", "again"),
    ({"error": {"message": "no", "code": 400}}, "refused-by-server", "400: no", "max_tokens"),
    ({"error": {"message": "no", "code": "x"}}, "not-a-completion", "completion: no", "base URL"),
    ({"error": {"message": "no", "code": 10**400}}, "not-a-completion", "no", "base URL"),
    ({"error": "no"}, "not-a-completion", "completion: no", "base URL"),
    (b"<html><body>Login</body></html>", "not-a-completion", "<html><body>Login", "base URL"),
    (b"data: {}\n\ndata: [DONE]", "not-a-completion", "completion: data: {} data:", "base URL"),
    (b"[]", "not-a-completion", "completion: []", "base URL"),
    (b'"text"', "not-a-completion", 'completion: "text"', "base URL"),
    (b"null", "not-a-completion", "completion: null", "base URL"),
    (b"", "not-a-completion", "completion: nothing", "base URL"),
    (b"\xff\xfe", "not-a-completion", "not a chat completion", "base URL"),
    (b"[" * 100_000, "not-a-completion", "completion: [[[", "base URL"),
    (b'{"choices":' * 100_000, "not-a-completion", "not a chat completion", "base URL"),
    (b"9" * 100_000, "not-a-completion", "completion: 999", "base URL"),
    (completion(content={"text": "a"}), "not-a-completion", "not a chat completion", "base URL"),
    (
        {**completion(content="a"), "usage": {"completion_tokens": 10**40}},
        "not-a-completion",
        "not a chat completion",
        "base URL",
    ),
    (completion(refusal=f"\x1b[2J\n{'x' * 999}"), "refused-by-model", "refuses: ", "another model"),
]


@pytest.mark.parametrize(("body", "reason", "what", "todo"), CAUSES)
def test_a_reply_without_an_answer_says_why_and_what_to_do(
    chat: Any, body: Any, reason: str, what: str, todo: str
) -> None:
    chat.always = lambda text: (200, {}, body)
    with pytest.raises(EngineError) as caught:
        list(engine(chat).answers([Prompt("row", "text")]))
    error = caught.value
    assert what in error.what
    assert todo in error.todo
    assert (error.reason if isinstance(error, PromptError) else "") == reason
    assert str(error).isprintable()
    assert len(str(error)) < 600


@pytest.mark.parametrize(("body", "reason", "what", "todo"), CAUSES)
def test_a_forgiving_engine_has_each_cause_and_the_other_answers(
    chat: Any, body: Any, reason: str, what: str, todo: str
) -> None:
    if not reason:
        return
    chat.always = lambda text: (200, {}, body) if text == "b" else None
    asking = engine(chat, forgiving=True)
    prompts = [Prompt("1", "a"), Prompt("2", "b"), Prompt("3", "c")]
    answers = sorted(asking.answers(prompts))
    assert answers == [Answer("1", "A", 3), Answer("3", "C", 3)]
    assert {name: error.reason for name, error in asking.refused.items()} == {"2": reason}


def test_what_is_wrong_with_the_server_stops_a_forgiving_engine_too(chat: Any) -> None:
    for status in (401, 403, 404, 500):
        chat.plan = [(status, {}, {"error": "no"})]
        with pytest.raises(EngineError, match=f"{status}: no"):
            list(engine(chat, forgiving=True).answers([Prompt("1", "a")]))


# the command


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    done = chinchilla(folder, "build", "--source", "boson", "--out", "p")
    assert done.returncode == 0, done.stderr
    return folder


def chinchilla(
    folder: Path, *command: str, start: tuple[str, ...] = ("-m", "chinchilla")
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *start, *command],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def predict(
    build: Path, chat: Any, *options: str, start: tuple[str, ...] = ("-m", "chinchilla")
) -> "subprocess.CompletedProcess[str]":
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("甲在南塔", "乙在家")]
    (build / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    usual = ("--processed", "p", "--source", "boson", "--input", "in.jsonl")
    command = ("predict", "m", "--base-url", chat.base_url, *usual, *options)
    return chinchilla(build, *command, start=start)


def test_a_thinking_model_stops_predict_with_what_to_switch_off(build: Path, chat: Any) -> None:
    chat.always = lambda text: (200, {}, completion(reasoning_content=THOUGHT))
    for options in ((), ("--on-error", "count")):
        done = predict(build, chat, *options)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "no content, only reasoning_content; switch thinking off" in done.stderr
        assert "李岩" not in done.stderr


def test_predict_counts_by_cause_and_writes_the_others(build: Path, chat: Any) -> None:
    def reply(text: str) -> Any:
        fields = {"content": '{"地点": ["南塔"]}'} if "南塔" in text else {"refusal": "No"}
        return (200, {}, completion(**fields))

    chat.always = reply
    done = predict(build, chat, "--on-error", "count")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["甲在南塔"]
    assert "refused refused-by-model: 1, first" in done.stderr
    done = predict(build, chat)
    assert done.returncode == 1
    assert "the model refuses: No; ask another model" in done.stderr


def test_answers_that_are_empty_are_counted(build: Path, chat: Any) -> None:
    chat.always = lambda text: (200, {}, completion(content=""))
    done = predict(build, chat)
    assert done.returncode == 0
    assert "2 answers are empty, the first line-000001.0" in done.stderr


WITHOUT = """
import runpy, sys
for name in ("torch", "transformers", "peft", "llguidance"):
    sys.modules[name] = None
runpy.run_module("chinchilla", run_name="__main__")
"""


def test_an_endpoint_is_asked_where_nothing_to_train_with_is_installed(
    build: Path, chat: Any
) -> None:
    done = predict(build, chat, "--constrained", start=("-c", WITHOUT))
    assert done.returncode == 0, done.stderr
    assert "grammar" in chat.bodies[0]["structured_outputs"]
