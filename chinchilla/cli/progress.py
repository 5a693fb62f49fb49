"""Progress of long commands: a bar with rate and ETA on a terminal, else one line a step."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chinchilla.cli.common import say

if TYPE_CHECKING:
    from chinchilla.dataset.plan import Job, Plan
    from chinchilla.dataset.run import Progress
    from chinchilla.runs.evaluate import Watching
    from chinchilla.train.callbacks import Look, Moment


@contextmanager
def build_progress(plan: "Plan") -> Iterator["Progress"]:
    """Yield the function a build calls after each shard."""
    from rich.console import Console

    from chinchilla.dataset.prepare import passes

    files = [path for found in plan.found for path in found.files.values()]
    total = passes(plan) * sum(path.stat().st_size for path in files)
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(total)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("building", total=total, rate="")
        started, done = time.monotonic(), 0

        def step(job: "Job") -> None:
            nonlocal done
            done += _size(job)
            rate = f"{done / 1e6 / max(time.monotonic() - started, 1e-3):,.1f} MB/s"
            name = f"{job.source} {job.split}"
            bar.update(task, advance=_size(job), description=name, rate=rate)

        yield step


def _lines(total: int) -> Callable[["Job"], None]:
    """Return a step that prints a line when a split begins; no control characters."""
    started = time.monotonic()
    done = 0
    last = ("", "")

    def step(job: "Job") -> None:
        nonlocal done, last
        done += _size(job)
        if (job.source, job.split) != last:
            last = (job.source, job.split)
            spent = time.monotonic() - started
            left = spent * (total - done) / done if done else 0
            words = f"{job.source} {job.split}: {min(100, 100 * done // max(total, 1))}%"
            say(f"{words}, about {left:.0f} s left", err=True)

    return step


def _size(job: "Job") -> int:
    path, start, stop, _ = job.slice
    return (path.stat().st_size if stop is None else stop) - start


@contextmanager
def training_progress() -> Iterator["Look"]:
    """Yield the function a training calls at each log: a bar, or a line where F1 is known."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _moments()
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("training", total=None)

        def look(moment: "Moment") -> None:
            words = _moment(moment)
            bar.update(task, total=moment.steps, completed=moment.step, description=words)
            if moment.judged:
                bar.console.print(words)

        yield look


def _moments() -> "Look":
    """Return what prints the first step, each look at the dev sample, and each tenth begun."""
    printed = -1

    def look(moment: "Moment") -> None:
        nonlocal printed
        tenth = 10 * moment.step // max(1, moment.steps)
        if moment.judged or tenth > printed:
            printed = tenth
            say(_moment(moment), err=True)

    return look


def _moment(moment: "Moment") -> str:
    loss = "-" if moment.loss is None else f"{moment.loss:.4f}"
    f1 = "-" if moment.f1 is None else f"{100 * moment.f1:.2f}"
    return (
        f"step {moment.step}/{moment.steps}  loss {loss}  F1 {f1}  "
        f"{moment.tokens_per_second:,.0f} tokens/s  {moment.left:,.0f} s left"
    )


def answer_progress(words: str) -> "Watching":
    """Return what shows answers as they come: a bar, or a line each tenth of the way."""
    return lambda total: _answers(total, words)


@contextmanager
def _answers(total: int, words: str) -> Iterator[Callable[[object], None]]:
    """Yield the function to call after each answer."""
    from rich.console import Console

    console = Console(stderr=True)
    done = 0
    if console.is_terminal:
        from rich.progress import MofNCompleteColumn, Progress

        columns = (*Progress.get_default_columns(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(words, total=total)
            yield lambda _: bar.advance(task)
        return
    started = time.monotonic()
    tenth = max(1, total // 10)

    def step(_: object) -> None:
        nonlocal done
        done += 1
        if done % tenth == 0 or done == total:
            left = (time.monotonic() - started) * (total - done) / done
            say(f"{words}: {done:,}/{total:,} answers, about {left:.0f} s left", err=True)

    yield step
