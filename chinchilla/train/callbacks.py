"""What is shown of a training, its curve, and how it is stopped without loss."""

import csv
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from transformers import TrainerCallback, TrainerState

from chinchilla.errors import TrainError
from chinchilla.files import write_whole
from chinchilla.train.distributed import any_of

COLUMNS = ("step", "epoch", "loss", "learning_rate", "eval_f1", "eval_cut")


class TrainingMoment(NamedTuple):
    """How far a training is, as its log says.

    `loss` and `f1` are the last known ones, `left` is in seconds; `evaluated` is true where dev
    was evaluated at this step.
    """

    step: int
    steps: int
    loss: float | None
    f1: float | None
    tokens_per_second: float
    left: float
    evaluated: bool


Show = Callable[[TrainingMoment], None]


class TrainingCallback(TrainerCallback):
    """Show each log of a training; `tokens` are those of an epoch, without padding."""

    def __init__(self, show: Show, tokens: int) -> None:
        self._show, self._tokens = show, tokens
        self._loss: float | None = None
        self._f1: float | None = None
        self._begun, self._first_step, self._first_epoch = 0.0, 0, 0.0
        self._step_begun, self._step_seconds = 0.0, 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Start the clock; what a resumed run did before does not count."""
        self._begun, self._first_step = time.monotonic(), state.global_step
        self._first_epoch = state.epoch or 0.0

    def on_step_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Note when a step begins: evaluations are no part of the speed."""
        self._step_begun = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Add what a step took."""
        self._step_seconds += time.monotonic() - self._step_begun

    def speed(self, state: TrainerState) -> float:
        """Return tokens a second over the steps since the clock was started."""
        epochs = (state.epoch or 0.0) - self._first_epoch
        return self._tokens * epochs / max(self._step_seconds, 1e-6)

    def on_log(self, args: Any, state: TrainerState, control: Any, **more: Any) -> None:
        """Show loss and F1; raise TrainError where the loss is no number any more."""
        logs: dict[str, float] = more["logs"]
        _check_loss(logs, state.global_step)
        self._loss = logs.get("loss", self._loss)
        self._f1 = logs.get("eval_f1", self._f1)
        evaluated = "eval_f1" in logs
        if not state.is_world_process_zero or not (evaluated or "loss" in logs):
            return
        step, steps = state.global_step, state.max_steps
        each = max(time.monotonic() - self._begun, 1e-6) / max(step - self._first_step, 1)
        left = each * (steps - step)
        self._show(
            TrainingMoment(step, steps, self._loss, self._f1, self.speed(state), left, evaluated)
        )


def _check_loss(logs: dict[str, float], step: int) -> None:
    """Raise TrainError for a loss that is no number: all training from then on is lost."""
    for name in ("loss", "train_loss"):
        loss = logs.get(name, 0.0)
        if not math.isfinite(loss):
            todo = "lower learning_rate, lengthen warmup, or set precision = 'fp32'"
            raise TrainError("train", f"the loss is {loss} at step {step}", todo)


def write_curve(history: list[dict[str, float]], folder: Path) -> None:
    """Write curve.csv and curve.png from the log of a training, one row a step."""
    rows: dict[int, dict[str, float]] = {}
    for entry in history:
        known = {name: entry[name] for name in COLUMNS if name in entry}
        rows.setdefault(int(entry.get("step", 0)), {}).update(known)
    ordered = [rows[step] for step in sorted(rows)]
    table = StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(ordered)
    write_whole(folder / "curve.csv", [table.getvalue().encode("utf-8")])
    write_whole(folder / "curve.png", [_picture(ordered)])


def _picture(rows: list[dict[str, float]]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    right = left.twinx()
    for axis, name, colour in ((left, "loss", "tab:blue"), (right, "eval_f1", "tab:orange")):
        points = [(row["step"], row[name]) for row in rows if name in row]
        marker = "o" if name == "eval_f1" else ""
        axis.plot(*zip(*points, strict=True), color=colour, marker=marker) if points else None
        axis.set_ylabel(name, color=colour)
    left.set_xlabel("step")
    right.set_ylim(0, 1)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(TrainerCallback):
    """Save and end a training after the step under way, once `requested` in any process.

    `stopped` is true, alike in all processes, where it ended before the last step.
    """

    def __init__(self) -> None:
        self.requested = self.stopped = False

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Let the trainer save and stop."""
        if any_of(self.requested) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    @contextmanager
    def on_interrupt(self, say: Callable[[str], None]) -> Iterator[None]:
        """Request a stop at Ctrl-C or SIGTERM; a second one raises KeyboardInterrupt at once.

        A signal that the process was started to ignore stays ignored.
        """

        def request(number: int, frame: FrameType | None) -> None:
            if self.requested:
                raise KeyboardInterrupt
            self.requested = True
            say("stopping after this step; once more to stop at once")

        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, request)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
