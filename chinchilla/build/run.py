"""Run the jobs of a plan in this process or in several, with the same bytes either way."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from chinchilla.build.plan import Job, Plan, jobs
from chinchilla.build.shard import Counts, Kit, build_shard
from chinchilla.prompts.rows import Prompter

Progress = Callable[[Job, Counts], None]
IN_FLIGHT = 4
"""Jobs handed to the pool ahead of the one waited for, per worker."""


def run(plan: Plan, folder: Path, workers: int, progress: Progress) -> dict[Job, Counts]:
    """Build every shard into `folder`; return the counts of each, in the order of the plan."""
    kits = make_kits(plan, folder)
    steps = _alone(plan, kits) if workers == 1 else _together(plan, kits, workers)
    done: dict[Job, Counts] = {}
    for job, counts in steps:
        done[job] = counts
        progress(job, counts)
    return done


def make_kits(plan: Plan, folder: Path) -> dict[str, Kit]:
    """Return what the jobs of each source need."""
    kits = {}
    for found in plan.found:
        labels = found.card.label_set(found.edition.name)
        prompter = Prompter(labels, plan.config.seed, plan.config.form)
        forgiving = plan.config.on_error == "count"
        kits[found.card.source] = Kit(found, prompter, folder, forgiving)
    return kits


def _alone(plan: Plan, kits: dict[str, Kit]) -> Iterator[tuple[Job, Counts]]:
    for job in jobs(plan):
        yield job, build_shard(job, kits[job.source])


def _together(plan: Plan, kits: dict[str, Kit], workers: int) -> Iterator[tuple[Job, Counts]]:
    """Keep a few jobs a worker in flight, and hand their counts on in order."""
    waiting: list[tuple[Job, Future[Counts]]] = []
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (kits,))
    try:
        for job in jobs(plan):
            waiting.append((job, pool.submit(_work, job)))
            if len(waiting) >= IN_FLIGHT * workers:
                first, future = waiting.pop(0)
                yield first, future.result()
        for job, future in waiting:
            yield job, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_kits: dict[str, Kit] = {}
"""The kits of this worker process, set once when it starts."""


def _start(kits: dict[str, Kit]) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _kits.update(kits)


def _work(job: Job) -> Counts:
    return build_shard(job, _kits[job.source])
