"""Decide what a build reads: the files of each source and the slices they are cut into."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chinchilla.build.config import BuildConfig
from chinchilla.build.names import check_names
from chinchilla.errors import ConfigError, InputError
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, TASKS, Split, Task
from chinchilla.sources import catalogue
from chinchilla.sources.catalogue import Found

SLICE_BYTES = 2 * 1024 * 1024
"""Size of the pieces that are built apart; fixed, so that it cannot change the output."""


@dataclass(frozen=True)
class Plan:
    """Hold what was found for each source wanted, and where."""

    raw: Path
    config: BuildConfig
    found: tuple[Found, ...]
    absent: tuple[str, ...]


class Job(NamedTuple):
    """One slice of one split of one source: the unit that a worker builds."""

    number: int
    source: str
    split: Split
    slice: Slice


def make_plan(raw: Path, config: BuildConfig) -> Plan:
    """Find the files of every source wanted; raise where a named source has none.

    Raises ConfigError too for a name in the configuration that no card bears.
    """
    if not raw.is_dir() and not config.samples:
        raise ConfigError(str(raw), "no such folder", "pass the folder of raw files with --raw")
    cards = catalogue.cards(raw)
    check_names(config, cards)
    wanted = config.sources or tuple(cards)
    found: list[Found] = []
    absent: list[str] = []
    for name in dict.fromkeys(wanted):
        card = cards.get(name) or catalogue.load_card(name, raw)
        if config.tasks and card.task not in config.tasks:
            continue
        edition = config.editions.get(name)
        one = catalogue.find(card, raw, edition, config.samples)
        if one is not None:
            found.append(one)
        elif name in config.sources:
            raise InputError(str(raw / name), "no file of the source here", card.obtain)
        else:
            absent.append(name)
    if not found:
        todo = "run `chinchilla sources` to see what is looked for"
        raise InputError(str(raw), "no source was found here", todo)
    return Plan(raw, config, tuple(found), tuple(absent))


def jobs(plan: Plan) -> Iterator[Job]:
    """Yield the jobs of a plan, numbered in the order of the output."""
    number = 0
    for found in plan.found:
        for split in SPLITS:
            if split not in found.files:
                continue
            for part in catalogue.slices(found, split, SLICE_BYTES):
                yield Job(number, found.card.source, split, part)
                number += 1


def tasks_of(plan: Plan) -> Sequence[Task]:
    """List the tasks of a plan, in the order of the house."""
    return [task for task in TASKS if any(found.card.task == task for found in plan.found)]
