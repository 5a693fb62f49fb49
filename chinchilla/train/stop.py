"""Stop a training so that nothing it has learnt is lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from chinchilla.train.processes import any_of

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(TrainerCallback):
    """Save and end a training after the step under way, once `asked` is true in any process.

    `stopped` tells, alike in all processes, whether it came to that before the last step.
    """

    def __init__(self) -> None:
        """Begin with nobody asking."""
        self.asked = self.stopped = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Tell the trainer to save and stop; not to log, or the next log would be another."""
        if any_of(self.asked) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    @contextmanager
    def on_interrupt(self, say: Callable[[str], None]) -> Iterator[None]:
        """Be asked by Ctrl-C or a polite kill; a second one raises KeyboardInterrupt at once.

        A signal that the process was started to ignore stays ignored.
        """

        def ask(number: int, frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True
            say("stopping after this step; once more to stop at once")

        before = {one: signal.getsignal(one) for one in _SIGNALS}
        for one, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(one, ask)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
