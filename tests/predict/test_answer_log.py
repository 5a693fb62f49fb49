"""The answer log: what is in it is never asked again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from chinchilla.answers import Query
from chinchilla.errors import ConfigError, EngineError, PromptError
from chinchilla.predict.answer_log import AnswerJob, answer_all, open_answer_log
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.schema import Label

JOB = AnswerJob("openai", "qwen", {"max_tokens": 9, "extra": {"b": 1, "a": 2}})
PROMPTS = [Prompt("a", "天气"), Prompt("b", "two\n\u2028lines"), Prompt("c", "third")]
ANSWERS = [Answer("a", "[]", 2), Answer("b", "晴\n\u2028", 5, True), Answer("c", '"', 0)]
WRITTEN = '["a","天气",null]\n["b","two\\n\u2028lines",null]\n["c","third",null]\n'
HEADER = (
    '{"constrained":false,"engine":"openai","journal":1,"model":"qwen",'
    '"options":{"extra":{"a":2,"b":1},"max_tokens":9},'
    f'"prompts":"{sha256(WRITTEN.encode("utf-8")).hexdigest()}"}}\n'
)
LINES = [
    '{"id":"a","raw":"[]","tokens":2,"cut":false}\n',
    '{"id":"b","raw":"晴\\n\u2028","tokens":5,"cut":true}\n',
    '{"id":"c","raw":"\\"","tokens":0,"cut":false}\n',
]


class Known:
    """An engine that gives the answers it knows, last first, and keeps what it was asked."""

    def __init__(self, answers: Iterable[Answer] = ANSWERS) -> None:
        self.known = list(answers)
        self.asked: list[str] = []
        self.refused: dict[str, PromptError] = {}

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        ids = [prompt.id for prompt in prompts]
        self.asked += ids
        yield from reversed([answer for answer in self.known if answer.id in ids])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def run(path: Path, engine: Any, job: AnswerJob = JOB) -> dict[str, Answer]:
    with open_answer_log(path, job, PROMPTS) as answer_log:
        return answer_all(engine, PROMPTS, answer_log, lambda answer: None)


def content(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def test_answers_come_in_the_order_of_the_prompts_and_are_on_file_in_that_of_arrival(
    path: Path,
) -> None:
    assert list(run(path, Known()).values()) == ANSWERS
    assert content(path) == HEADER + "".join(reversed(LINES))


def test_what_is_answered_is_not_asked_again(path: Path) -> None:
    first = run(path, Known())
    engine = Known()
    assert run(path, engine) == first
    assert engine.asked == []
    assert content(path) == HEADER + "".join(reversed(LINES))


def test_each_new_answer_is_on_file_before_its_step(path: Path) -> None:
    sizes: list[tuple[str, int]] = []
    path.write_bytes((HEADER + LINES[1]).encode("utf-8"))
    with open_answer_log(path, JOB, PROMPTS) as answer_log:
        assert list(answer_log.answers) == ["b"]
        answer_all(
            Known(), PROMPTS, answer_log, lambda a: sizes.append((a.id, path.stat().st_size))
        )
    ends = [HEADER + LINES[1] + LINES[2], HEADER + LINES[1] + LINES[2] + LINES[0]]
    assert sizes == [(id_, len(end.encode("utf-8"))) for id_, end in zip("ca", ends, strict=True)]


def test_a_file_cut_at_any_byte_is_taken_up(path: Path) -> None:
    whole = (HEADER + "".join(LINES)).encode("utf-8")
    ends = [number + 1 for number, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        engine = Known()
        assert list(run(path, engine).values()) == ANSWERS
        kept = max(0, sum(end <= cut for end in ends) - 1)
        assert engine.asked == ["a", "b", "c"][kept:]
        assert content(path) == HEADER + "".join(LINES[:kept] + LINES[kept:][::-1])


QUESTION = Query("ner", (Label(key="per", name="person"),))
OTHER_JOBS = [
    (JOB._replace(engine="transformers"), PROMPTS, "engine"),
    (JOB._replace(model="glm"), PROMPTS, "model"),
    (JOB._replace(options={"max_tokens": 8, "seed": 1}), PROMPTS, "extra, max_tokens, seed"),
    (JOB._replace(constrained=True), PROMPTS, "constrained"),
    (JOB, PROMPTS[:2], "prompts"),
    (JOB, [PROMPTS[1], PROMPTS[0], PROMPTS[2]], "prompts"),
    (JOB, [PROMPTS[0]._replace(text="雨"), *PROMPTS[1:]], "prompts"),
]


@pytest.mark.parametrize(("job", "prompts", "names"), OTHER_JOBS)
def test_the_file_of_another_job_is_refused_and_kept(
    path: Path, job: AnswerJob, prompts: list[Prompt], names: str
) -> None:
    run(path, Known())
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        open_answer_log(path, job, prompts)
    assert str(caught.value) == (
        f"{path}: holds the answers of another job (other {names}); pass another --out or delete it"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["notes", "notes\n", '{"id":"a"}\n', "[1]\n", "\n", "\x00\xff"])
def test_a_file_of_something_else_is_refused_and_kept(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not a file of answers; pass another --out"):
        open_answer_log(path, JOB, PROMPTS)
    assert path.read_bytes() == text.encode("latin-1")


def limited(**changes: Any) -> list[Prompt]:
    return [Prompt("a", "text", Limits("json", QUESTION, "text")._replace(**changes))]


OTHER_LIMITS = [
    {"form": "lines"},
    {"passage": "tex"},
    {"query": replace(QUESTION, empty="none")},
    {"query": Query("ner", (Label(key="per", name="people"),))},
]


@pytest.mark.parametrize("changes", OTHER_LIMITS)
def test_other_limits_are_another_job_where_they_count(path: Path, changes: dict[str, Any]) -> None:
    open_answer_log(path, JOB, limited()).__exit__(None, None, None)
    open_answer_log(path, JOB, limited(**changes)).__exit__(None, None, None)
    path.unlink()
    constrained = JOB._replace(constrained=True)
    open_answer_log(path, constrained, limited()).__exit__(None, None, None)
    with pytest.raises(ConfigError, match="other prompts"):
        open_answer_log(path, constrained, limited(**changes))


BROKEN = [
    (LINES[0] + "{}\n", ":3: not an answer"),
    (LINES[0] + "\n" + LINES[1], ":3: not an answer"),
    (LINES[0] + '{"id":"b","raw":1,"tokens":2,"cut":false}\n', ":3: not an answer"),
    (LINES[0] + LINES[0].replace("2", "3"), ":3: a: answered twice"),
    (LINES[0].replace('"a"', '"z"'), ":2: z: an answer to no prompt"),
]


@pytest.mark.parametrize(("lines", "message"), BROKEN)
def test_a_line_that_no_run_wrote_is_named(path: Path, lines: str, message: str) -> None:
    path.write_bytes((HEADER + lines).encode("utf-8"))
    with pytest.raises(ConfigError) as caught:
        open_answer_log(path, JOB, PROMPTS)
    assert str(caught.value) == f"{path}{message}; delete the line or the file"


def test_a_line_written_once_more_by_an_interrupt_is_no_error(path: Path) -> None:
    path.write_bytes((HEADER + LINES[0] * 2).encode("utf-8"))
    with open_answer_log(path, JOB, PROMPTS) as answer_log:
        assert answer_log.answers == {"a": ANSWERS[0]}


def test_two_prompts_with_one_id_are_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="a: the id of two prompts"):
        open_answer_log(path, JOB, [*PROMPTS, Prompt("a", "other")])
    assert not path.exists()


UNRULY = [
    ([*ANSWERS, ANSWERS[0]], "a: answered twice"),
    (ANSWERS[1:], "a: this and 0 further prompts got no answer"),
]


@pytest.mark.parametrize(("answers", "message"), UNRULY)
def test_an_engine_that_answers_twice_or_not_at_all_is_refused(
    path: Path, answers: list[Answer], message: str
) -> None:
    with pytest.raises(EngineError) as caught:
        run(path, Known(answers))
    assert str(caught.value).startswith(message)


def test_an_answer_to_no_prompt_is_refused(path: Path) -> None:
    with (
        open_answer_log(path, JOB, PROMPTS) as answer_log,
        pytest.raises(EngineError, match="z: an answer to no prompt"),
    ):
        answer_log.add(Answer("z", ""))


def test_a_second_run_cannot_write_the_same_file(path: Path) -> None:
    with (
        open_answer_log(path, JOB, PROMPTS),
        pytest.raises(ConfigError, match="another run is writing it"),
    ):
        open_answer_log(path, JOB, PROMPTS)
    open_answer_log(path, JOB, PROMPTS).__exit__(None, None, None)


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "such" / "folder.jsonl"):
        with pytest.raises(ConfigError) as caught:
            open_answer_log(path, JOB, PROMPTS)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).endswith("; pass another file with --out")


def test_an_interrupt_while_an_answer_is_handled_keeps_what_is_still_coming(path: Path) -> None:
    def stop(answer: Answer) -> None:
        raise KeyboardInterrupt

    class Draining(Known):
        def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
            try:
                yield ANSWERS[1]
            except KeyboardInterrupt:
                yield ANSWERS[0]
                raise

    with open_answer_log(path, JOB, PROMPTS) as answer_log, pytest.raises(KeyboardInterrupt):
        answer_all(Draining(), PROMPTS, answer_log, stop)
    assert content(path) == HEADER + LINES[1] + LINES[0]


# a run that is killed, against a real server

CHILD = """
import sys
from pathlib import Path
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Prompt
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.answer_log import answer_all, open_answer_log

prompts = [Prompt(f"row-{number}", f"text {number}") for number in range(20)]
options = EndpointOptions(sys.argv[1], "qwen", concurrency=3)
with open_answer_log(Path(sys.argv[2]), options.job, prompts) as answer_log:
    answers = answer_all(Endpoint(options), prompts, answer_log, lambda answer: None)
print([answer.raw for answer in answers.values()] == [prompt.text.upper() for prompt in prompts])
"""


@pytest.fixture
def child(chat: Any, path: Path) -> Callable[[], subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHILD, chat.base_url, str(path)]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}

    def start() -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)

    return start


def on_file(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    return [line.split('"')[3].replace("row-", "text ") for line in lines]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on_and_asks_nothing_twice(
    chat: Any, path: Path, child: Callable[[], subprocess.Popen[str]], how: signal.Signals
) -> None:
    eighth, released = Event(), Event()

    def hold(text: str) -> None:
        if sum(chat.asked().values()) >= 8:
            eighth.set()
            released.wait(60)

    chat.always = hold
    stopped = child()
    assert eighth.wait(60), stopped.communicate()
    stopped.send_signal(how)
    if how == signal.SIGKILL:
        stopped.wait(60)
    released.set()
    stopped.communicate(timeout=60)
    assert stopped.returncode == -how
    kept = on_file(path)
    assert 5 <= len(kept) < 20
    if how == signal.SIGINT:
        # nothing that the server answered, and would bill, is lost
        assert sorted(kept) == sorted(chat.asked())
    again = child()
    assert again.communicate(timeout=60) == ("True\n", "")
    assert {text: chat.asked()[text] for text in kept} == dict.fromkeys(kept, 1)
    assert len(chat.asked()) == 20
    assert sorted(on_file(path)) == sorted(chat.asked())


def test_twice_the_answers_are_kept_and_read_in_twice_the_time(tmp_path: Path) -> None:
    def seconds(size: int) -> float:
        path = tmp_path / str(size)
        asked = [Prompt(str(number), "text") for number in range(size)]
        started = time.process_time()
        with open_answer_log(path, JOB, asked) as answer_log:
            for prompt in asked:
                answer_log.add(Answer(prompt.id, "[]" * 50))
        with open_answer_log(path, JOB, asked) as answer_log:
            assert len(answer_log.answers) == size
        path.unlink()
        return time.process_time() - started

    times = [min(seconds(size) for _ in range(3)) for size in (10_000, 20_000)]
    assert times[1] < 3 * times[0] + 0.05
