"""Progress of long commands: a bar with rate and ETA on a terminal, else one line a step."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chinchilla.build.plan import Job, Plan
    from chinchilla.build.run import Progress


@contextmanager
def build_progress(plan: "Plan") -> Iterator["Progress"]:
    """Yield the function a build calls after each shard."""
    from rich.console import Console

    passes = 1 if plan.config.prompts.null_share is None else 2
    files = [path for found in plan.found for path in found.files.values()]
    total = passes * sum(path.stat().st_size for path in files)
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
            click.echo(f"{words}, about {left:.0f} s left", err=True)

    return step


def _size(job: "Job") -> int:
    path, start, stop, _ = job.slice
    return (path.stat().st_size if stop is None else stop) - start
