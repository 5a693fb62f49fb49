"""Progress of long commands: a bar with the time left on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from chinchilla.cli.common import note
from chinchilla.errors import shown

if TYPE_CHECKING:
    from chinchilla.dataset.plan import BuildJob, Plan
    from chinchilla.dataset.run import Progress
    from chinchilla.runs.evaluate import Watching
    from chinchilla.train.callbacks import Show as ShowTraining
    from chinchilla.train.callbacks import TrainingMoment


class Moment(NamedTuple):
    """How far a command is: `done` of `total`, in words; an event is worth a line of its own."""

    done: int
    total: int
    text: str
    event: bool = False


Show = Callable[[Moment], None]
Line = Callable[[Moment, float], str]
"""What is printed of a moment, given the seconds left."""


@contextmanager
def show_progress(line: Line) -> Iterator[Show]:
    """Yield the function to call at each step.

    It moves a bar on a terminal and prints lines elsewhere; an event is a line on either.
    """
    from rich.console import Console

    console, started = Console(stderr=True), time.monotonic()

    def text(moment: Moment) -> str:
        spent = time.monotonic() - started
        left = spent * (moment.total - moment.done) / moment.done if moment.done else 0
        return line(moment, max(0, left))

    if not console.is_terminal:
        yield _lines(text)
        return
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    words = TextColumn("{task.description}", markup=False)
    columns = (BarColumn(), TaskProgressColumn(), words, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(moment: Moment) -> None:
            done, total = moment.done, moment.total
            bar.update(task, total=total, completed=done, description=moment.text)
            if moment.event:
                bar.console.print(shown(text(moment)), markup=False, highlight=False)

        yield show


def _lines(text: Callable[[Moment], str]) -> Show:
    """What prints a line at each event, at the first step and at each tenth of the way."""
    printed = -1

    def show(moment: Moment) -> None:
        nonlocal printed
        tenth = 10 * moment.done // max(1, moment.total)
        if moment.event or tenth > printed:
            printed = tenth
            note(text(moment))

    return show


def _percent(moment: Moment, left: float) -> str:
    percent = min(100, 100 * moment.done // max(moment.total, 1))
    return f"{moment.text}: {percent}%, about {left:.0f} s left"


@contextmanager
def build_progress(plan: "Plan") -> Iterator["Progress"]:
    """Yield the function a build calls after each shard."""
    from chinchilla.dataset.prepare import passes

    files = [path for source in plan.sources for path in source.files.values()]
    total = passes(plan) * sum(path.stat().st_size for path in files)
    done, last = 0, ""
    with show_progress(_percent) as show:

        def step(job: "BuildJob") -> None:
            nonlocal done, last
            path, start, stop, _ = job.slice
            done += (path.stat().st_size if stop is None else stop) - start
            text = f"{job.source} {job.split}"
            show(Moment(done, total, text, event=text != last))
            last = text

        yield step


@contextmanager
def export_progress(total: int, parts: str) -> Iterator[Callable[[int], None]]:
    """Yield the function an export calls with the bytes of each row."""
    done = 0
    with show_progress(_percent) as show:

        def step(size: int) -> None:
            nonlocal done
            done += size
            show(Moment(done, total, f"exporting {parts}"))

        yield step


@contextmanager
def training_progress() -> Iterator["ShowTraining"]:
    """Yield the function a training calls at each log; one with an F1 is an event."""
    with show_progress(lambda moment, left: moment.text) as show:
        yield lambda moment: show(
            Moment(moment.step, moment.steps, _training_text(moment), event=moment.evaluated)
        )


def _training_text(moment: "TrainingMoment") -> str:
    loss = "-" if moment.loss is None else f"{moment.loss:.4f}"
    f1 = "-" if moment.f1 is None else f"{100 * moment.f1:.2f}"
    return (
        f"step {moment.step}/{moment.steps}  loss {loss}  F1 {f1}  "
        f"{moment.tokens_per_second:,.0f} tokens/s  {moment.left:,.0f} s left"
    )


def answer_progress(text: str) -> "Watching":
    """What shows answers as they come, given their number."""

    def line(moment: Moment, left: float) -> str:
        return f"{text}: {moment.done:,}/{moment.total:,} answers, about {left:.0f} s left"

    @contextmanager
    def watch(total: int) -> Iterator[Callable[[object], None]]:
        done = count(1)
        with show_progress(line) as show:
            yield lambda _: show(Moment(next(done), total, text))

    return watch
