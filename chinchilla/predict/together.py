"""Ask several prompts at once, and lose no answer when that breaks off."""

from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from threading import Event, Thread

from chinchilla.errors import EngineError
from chinchilla.predict.engine import Answer, Prompt

Ask = Callable[[Prompt], Answer]
_Tasks = SimpleQueue[Prompt | None]
_Outcomes = SimpleQueue[Answer | Exception]


def ask_together(
    prompts: Iterable[Prompt], ask: Ask, width: int, stop: Event
) -> Generator[Answer, None, None]:
    """Yield answers as they finish, with at most `width` prompts asked and not yet taken.

    A prompt is asked only when an answer before it was taken, so that a kill loses at most
    `width` answers. The first error, or Ctrl-C, sets `stop`: nothing new is asked, what is
    being answered is still yielded, then the error is raised. A second Ctrl-C waits no longer.
    """
    tasks: _Tasks = SimpleQueue()
    outcomes: _Outcomes = SimpleQueue()
    source = iter(prompts)
    started = asked = 0
    failure: BaseException | None = None
    try:
        while True:
            try:
                while failure is None and asked < width and (prompt := next(source, None)):
                    if started < width:
                        started += _start(tasks, outcomes, ask, stop)
                    tasks.put(prompt)
                    asked += 1
                if not asked:
                    break
                outcome = outcomes.get()
                asked -= 1
                if isinstance(outcome, Answer):
                    yield outcome
                    continue
                error: BaseException = outcome
            except (Exception, KeyboardInterrupt) as interrupt:
                if isinstance(failure, KeyboardInterrupt):
                    raise
                error = interrupt
            failure = failure or error
            stop.set()
    finally:
        stop.set()
        for _ in range(started):
            tasks.put(None)
    if failure is not None:
        raise failure


def _start(tasks: _Tasks, outcomes: _Outcomes, ask: Ask, stop: Event) -> int:
    # a daemon: a second Ctrl-C must not wait for a server that hangs
    Thread(target=_work, args=(tasks, outcomes, ask, stop), daemon=True).start()
    return 1


def _work(tasks: _Tasks, outcomes: _Outcomes, ask: Ask, stop: Event) -> None:
    while (prompt := tasks.get()) is not None:
        try:
            if stop.is_set():
                raise EngineError(prompt.id, "not asked any more", "run the command again")
            outcomes.put(ask(prompt))
        except Exception as error:
            outcomes.put(error)
