"""Run the jobs of a plan in this process or in several, with the same results either way."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from typing import TypeVar

from chinchilla.dataset.plan import BuildJob, Plan, jobs
from chinchilla.dataset.shard import BuildContext
from chinchilla.errors import ConfigError
from chinchilla.templates import own_templates, use_templates

Result = TypeVar("Result")
Work = Callable[[BuildJob, BuildContext], Result]
Contexts = dict[str, BuildContext]
Progress = Callable[[BuildJob], None]
IN_FLIGHT = 4
"""Jobs that are queued ahead of the one waited for, per worker."""
COLLECT_AFTER = 50_000
"""Objects made before garbage is looked for: records hold no cycles, so there is hardly any."""


def run(
    plan: Plan, contexts: Contexts, work: Work[Result], workers: int, progress: Progress
) -> Iterator[tuple[BuildJob, Result]]:
    """Yield every job with what `work` made of it, in the order of the plan."""
    steps: Iterator[tuple[BuildJob, Result]]
    if workers == 1:
        steps = ((job, work(job, contexts[job.source])) for job in jobs(plan))
    else:
        steps = _in_processes(plan, contexts, work, workers)
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER)
    try:
        for job, result in steps:
            progress(job)
            yield job, result
    finally:
        gc.set_threshold(*before)


def _in_processes(
    plan: Plan, contexts: Contexts, work: Work[Result], workers: int
) -> Iterator[tuple[BuildJob, Result]]:
    """Yield the results of worker processes in order, a few jobs a worker in flight.

    Raises ConfigError where a worker is ended from outside.
    """
    waiting: list[tuple[BuildJob, Future[Result]]] = []
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (contexts, own_templates()))
    try:
        for job in jobs(plan):
            waiting.append((job, pool.submit(_work, work, job)))
            if len(waiting) >= IN_FLIGHT * workers:
                first, future = waiting.pop(0)
                yield first, future.result()
        for job, future in waiting:
            yield job, future.result()
    except BrokenProcessPool as error:
        what = "a worker process was ended from outside, as the system does when memory is short"
        todo = "pass fewer workers, or see that there is more memory"
        raise ConfigError(f"--workers {workers}", what, todo) from error
    except BaseException:
        # waited for, they would finish their jobs first, and a second Ctrl-C leave them for ever
        for worker in active_children():
            worker.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_contexts: Contexts = {}
"""The contexts of this worker process, set once when it starts."""


def _start(contexts: Contexts, templates: Path | None) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    gc.set_threshold(COLLECT_AFTER)
    use_templates(templates)
    _contexts.update(contexts)


def _end_with_parent() -> None:
    """End this process once the one that started it is gone, killed perhaps: nobody else would."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(work: Work[Result], job: BuildJob) -> Result:
    return work(job, _contexts[job.source])
