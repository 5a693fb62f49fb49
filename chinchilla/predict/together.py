"""Ask several prompts at once, and lose no answer when that breaks off."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from threading import Event, Thread

from chinchilla.errors import EngineError
from chinchilla.predict.engine import Answer, Prompt

Ask = Callable[[Prompt], Answer | None]
"""Return the answer, or null for a prompt that is left out."""


def ask_together(
    prompts: Iterable[Prompt], ask: Ask, width: int, stop: Event
) -> Generator[Answer, None, None]:
    """Yield answers as they finish, with at most `width` prompts asked and not yet taken.

    A prompt is asked only when an answer before it was taken, so that a kill loses at most
    `width` answers. The first error, or Ctrl-C, sets `stop`: nothing new is asked, what is
    being answered is still yielded, then the error is raised. A second Ctrl-C waits no longer.
    """
    crew = _Crew(ask, width, stop)
    source = iter(prompts)
    waiting = 0
    try:
        while True:
            while waiting < width and (prompt := next(source, None)):
                crew.tasks.put(prompt)
                waiting += 1
            if not waiting:
                break
            yield from crew.first()
            waiting -= 1
    except (Exception, KeyboardInterrupt):
        # from here on nothing is counted: an interrupt may have come between any two steps
        yield from crew.rest()
        raise
    finally:
        crew.dismiss()


class _Crew:
    """The threads that ask, what they are given and what they have done."""

    def __init__(self, ask: Ask, width: int, stop: Event) -> None:
        self.tasks: SimpleQueue[Prompt | None] = SimpleQueue()
        self._done: deque[Answer | Exception | None] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._ask, self._stop = ask, stop
        # daemons: a second Ctrl-C must not wait for a server that hangs
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(width)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (prompt := self.tasks.get()) is not None:
            self._done.append(self._outcome(prompt))
            self._bell.put(None)

    def _outcome(self, prompt: Prompt) -> Answer | Exception | None:
        if self._stop.is_set():
            return EngineError(prompt.id, "not asked any more", "run the command again")
        try:
            return self._ask(prompt)
        except Exception as error:
            return error

    def first(self) -> Generator[Answer, None, None]:
        """Wait for the next outcome; yield the answer or raise the error."""
        self._bell.get()
        # left in its place until it is taken, so that an interrupt does not lose it
        outcome = self._done[0]
        if isinstance(outcome, Exception):
            raise outcome
        try:
            if outcome is not None:
                yield outcome
        finally:
            self._done.popleft()

    def rest(self) -> Generator[Answer, None, None]:
        """Stop asking; yield the answers that were on their way."""
        self.dismiss()
        yield from self._answers_done()
        for thread in self._threads:
            thread.join()
            yield from self._answers_done()

    def _answers_done(self) -> Generator[Answer, None, None]:
        while self._done:
            outcome = self._done.popleft()
            if isinstance(outcome, Answer):
                yield outcome

    def dismiss(self) -> None:
        """Send the threads home once they have done what they are at."""
        self._stop.set()
        for _ in self._threads:
            self.tasks.put(None)
