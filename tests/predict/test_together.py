"""Several prompts at once, stopped in the middle."""

import asyncio
import os
import signal
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from threading import Timer

import pytest

from chinchilla.errors import EngineError, PromptError
from chinchilla.predict.answer_log import AnswerJob, answer_all, open_answer_log
from chinchilla.predict.endpoint import Ask, ask_together
from chinchilla.predict.engine import Answer, Prompt

PROMPTS = [Prompt(str(number), "") for number in range(9)]


class Asked:
    """Answer each prompt at once, and keep those begun."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, prompt: Prompt) -> Answer:
        self.ids.append(prompt.id)
        return Answer(prompt.id, "")


def together(
    prompts: Iterable[Prompt], ask: Ask, width: int, stop: asyncio.Event | None = None
) -> Generator[Answer, None, None]:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        yield from ask_together(loop, prompts, ask, width, stop or asyncio.Event())


def test_each_prompt_is_asked_once_whatever_the_width() -> None:
    for width in (1, 2, 8, 20):
        ask = Asked()
        answers = list(together(PROMPTS, ask, width))
        assert sorted(answer.id for answer in answers) == [prompt.id for prompt in PROMPTS]
        assert sorted(ask.ids) == [prompt.id for prompt in PROMPTS]
    assert list(together([], Asked(), 3)) == []


def test_one_at_a_time_keeps_the_order() -> None:
    answers = together(PROMPTS, Asked(), 1)
    assert [answer.id for answer in answers] == [prompt.id for prompt in PROMPTS]


def test_an_interrupt_yields_what_is_being_answered_and_then_stops() -> None:
    ask, stop = Asked(), asyncio.Event()
    answers = together(PROMPTS, ask, 3, stop)
    got = [next(answers), answers.throw(KeyboardInterrupt())]
    assert stop.is_set()
    got.append(next(answers))
    with pytest.raises(KeyboardInterrupt):
        next(answers)
    assert sorted(answer.id for answer in got) == sorted(ask.ids) == ["0", "1", "2"]


def test_a_second_interrupt_waits_for_nothing() -> None:
    ask = Asked()
    answers = together(PROMPTS, ask, 3)
    next(answers)
    answers.throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        answers.throw(KeyboardInterrupt())
    assert sorted(ask.ids) == ["0", "1", "2"]


def test_an_error_yields_what_is_being_answered_and_then_stops() -> None:
    asked, stop = Asked(), asyncio.Event()

    async def ask(prompt: Prompt) -> Answer:
        answer = await asked(prompt)
        if prompt.id == "0":
            raise EngineError("0", "refused", "fix it")
        await asyncio.wait_for(stop.wait(), 60)
        return answer

    got: list[str] = []
    with pytest.raises(EngineError, match="0: refused"):
        for answer in together(PROMPTS, ask, 3, stop):
            got.append(answer.id)
    assert sorted(got) == ["1", "2"]
    assert sorted(asked.ids) == ["0", "1", "2"]


def test_prompts_that_break_off_keep_what_is_being_answered() -> None:
    async def ask(prompt: Prompt) -> Answer:
        await asyncio.sleep(0.01 * int(prompt.id))
        return Answer(prompt.id, "")

    def source() -> Iterator[Prompt]:
        yield from PROMPTS[:2]
        raise EngineError("rows.jsonl:3", "broken", "fix it")

    answers = together(source(), ask, 2)
    assert next(answers).id == "0"
    assert next(answers).id == "1"
    with pytest.raises(EngineError, match=r"rows\.jsonl:3: broken"):
        next(answers)


def test_an_answer_left_untaken_asks_nothing_more() -> None:
    ask = Asked()
    answers = together(PROMPTS, ask, 2)
    next(answers)
    answers.close()
    assert len(ask.ids) <= 2


class Many:
    """An engine that has much to answer; each answer takes a few steps of the loop."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.refused: dict[str, PromptError] = {}

    def answers(self, prompts: Iterable[Prompt]) -> Generator[Answer, None, None]:
        yield from together(prompts, self._ask, 3)

    async def _ask(self, prompt: Prompt) -> Answer:
        self.ids.append(prompt.id)
        for _ in range(3):
            sum(range(1_000))
            await asyncio.sleep(0)
        return Answer(prompt.id, "")


@pytest.fixture
def polite_kill() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, as on the command line."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("polite_kill")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_an_interrupt_at_any_moment_loses_no_answer(tmp_path: Path, sent: signal.Signals) -> None:
    prompts = [Prompt(str(number), "") for number in range(20_000)]
    job = AnswerJob("openai", "m", {})
    for moment in range(20):
        engine, path = Many(), tmp_path / str(moment)
        timer = Timer(0.05 + moment / 1000, os.kill, (os.getpid(), sent))
        with open_answer_log(path, job, prompts) as answer_log:
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                answer_all(engine, prompts, answer_log, lambda answer: None)
        assert 0 < len(engine.ids) < len(prompts)
        assert sorted(answer_log.answers) == sorted(engine.ids)


def test_a_handler_that_only_notes_a_signal_stops_nothing() -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))

    async def ask(prompt: Prompt) -> Answer:
        await asyncio.sleep(0.01)
        if prompt.id == "1":
            os.kill(os.getpid(), signal.SIGINT)
        return Answer(prompt.id, "")

    try:
        answers = list(together(PROMPTS, ask, 2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(answer.id for answer in answers) == [prompt.id for prompt in PROMPTS]
    assert noted == [signal.SIGINT]
