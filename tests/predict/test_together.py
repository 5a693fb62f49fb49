"""Several prompts at once, stopped in the middle."""

from collections.abc import Iterator
from threading import Event, Semaphore

import pytest

from chinchilla.errors import EngineError
from chinchilla.predict.endpoint import ask_together
from chinchilla.predict.engine import Answer, Prompt

PROMPTS = [Prompt(str(number), "") for number in range(9)]


class Asked:
    """Answer each prompt at once, and count those begun."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.begun = Semaphore(0)

    def __call__(self, prompt: Prompt) -> Answer:
        self.ids.append(prompt.id)
        self.begun.release()
        return Answer(prompt.id, "")

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=60)


def test_each_prompt_is_asked_once_whatever_the_width() -> None:
    for width in (1, 2, 8, 20):
        ask = Asked()
        answers = list(ask_together(PROMPTS, ask, width, Event()))
        assert sorted(answer.id for answer in answers) == [prompt.id for prompt in PROMPTS]
        assert sorted(ask.ids) == [prompt.id for prompt in PROMPTS]
    assert list(ask_together([], Asked(), 3, Event())) == []


def test_one_at_a_time_keeps_the_order() -> None:
    answers = ask_together(PROMPTS, Asked(), 1, Event())
    assert [answer.id for answer in answers] == [prompt.id for prompt in PROMPTS]


def test_an_interrupt_yields_what_is_being_answered_and_then_stops() -> None:
    ask, stop = Asked(), Event()
    answers = ask_together(PROMPTS, ask, 3, stop)
    got = [next(answers)]
    ask.wait_for(3)
    got.append(answers.throw(KeyboardInterrupt()))
    assert stop.is_set()
    got.append(next(answers))
    with pytest.raises(KeyboardInterrupt):
        next(answers)
    assert sorted(answer.id for answer in got) == sorted(ask.ids) == ["0", "1", "2"]


def test_a_second_interrupt_waits_for_nothing() -> None:
    ask = Asked()
    answers = ask_together(PROMPTS, ask, 3, Event())
    next(answers)
    ask.wait_for(3)
    answers.throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        answers.throw(KeyboardInterrupt())
    assert sorted(ask.ids) == ["0", "1", "2"]


def test_an_error_yields_what_is_being_answered_and_then_stops() -> None:
    asked, stop = Asked(), Event()

    def ask(prompt: Prompt) -> Answer:
        answer = asked(prompt)
        if prompt.id == "0":
            asked.wait_for(3)
            raise EngineError("0", "refused", "mend it")
        assert stop.wait(60)
        return answer

    got: list[str] = []
    with pytest.raises(EngineError, match="0: refused"):
        for answer in ask_together(PROMPTS, ask, 3, stop):
            got.append(answer.id)
    assert sorted(got) == ["1", "2"]
    assert sorted(asked.ids) == ["0", "1", "2"]


def test_prompts_that_break_off_keep_what_is_being_answered() -> None:
    ask = Asked()

    def source() -> Iterator[Prompt]:
        yield from PROMPTS[:2]
        ask.wait_for(2)
        raise EngineError("rows.jsonl:3", "broken", "mend it")

    got: list[str] = []
    with pytest.raises(EngineError, match=r"rows\.jsonl:3: broken"):
        for answer in ask_together(source(), ask, 4, Event()):
            got.append(answer.id)
    assert sorted(got) == ["0", "1"]


def test_an_answer_left_untaken_asks_nothing_more() -> None:
    ask = Asked()
    answers = ask_together(PROMPTS, ask, 2, Event())
    next(answers)
    answers.close()
    assert len(ask.ids) <= 2
