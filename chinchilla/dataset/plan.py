"""What a build reads: the files of each source and the slices they are cut into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card
from chinchilla.corpus.find import FoundSource
from chinchilla.corpus.unread import Unread, no_files, unread
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.validate import check_names, with_sources
from chinchilla.errors import ConfigError, InputError
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, TASKS, Split, Task

SLICE_BYTES = 2 * 1024 * 1024
"""Size of the pieces that are built apart; fixed, so that it cannot change the output."""


@dataclass(frozen=True)
class Plan:
    """What was found of each source wanted, and the files that are not read."""

    raw: Path
    config: BuildConfig
    sources: tuple[FoundSource, ...]
    absent: tuple[str, ...]
    unread: tuple[Unread, ...] = ()


class BuildJob(NamedTuple):
    """One slice of one split of one source: the unit that a worker builds."""

    number: int
    source: str
    split: Split
    slice: Slice


def make_plan(raw: Path, config: BuildConfig) -> Plan:
    """Find the files of every source wanted.

    Raises:
        ConfigError: a name in the configuration is not known, a source named is of none of the
            tasks named, or a file or folder named is not there.
        InputError: a source named has no files, or no source has any.
    """
    if not raw.is_dir() and config.samples is False:
        raise ConfigError(str(raw), "no such folder", "pass the folder of raw files with --raw")
    general = config.general.path
    if general and not Path(general).is_file():
        raise ConfigError("general.path", f"no file at {general}", "correct it in build.toml")
    cards = catalogue.cards(raw)
    config = with_sources(config, raw)
    check_names(config, cards)
    sources: list[FoundSource] = []
    absent: list[Card] = []
    for card in _wanted(raw, config, cards):
        edition = config.editions.get(card.source)
        source = catalogue.find(card, raw, edition, config.samples)
        if source is not None:
            sources.append(source)
        elif card.source in config.sources:
            raise no_files(card, raw, samples=config.samples)
        else:
            absent.append(card)
    looked_for = [
        *((source.card, source) for source in sources),
        *((card, None) for card in absent),
    ]
    left = unread(raw, looked_for)
    if not sources:
        todo = "run `chinchilla sources` to see what is looked for"
        what = "no source was found here"
        if left:
            what += f"; {left[0].path} is not read: {left[0].what}"
            todo = left[0].todo
        raise InputError(str(raw), what, todo)
    return Plan(raw, config, tuple(sources), tuple(card.source for card in absent), tuple(left))


def _wanted(raw: Path, config: BuildConfig, cards: Mapping[str, Card]) -> Iterator[Card]:
    """Yield the cards of the sources named, or of all there are, that are of a task wanted."""
    for name in config.sources or cards:
        card = cards[name]
        if not config.tasks or card.task in config.tasks:
            yield card
        elif name in config.sources:
            what = f"{name} is of task {card.task}, not of {' or '.join(config.tasks)}"
            raise ConfigError("sources", what, f"add {card.task} to the tasks or leave {name} out")


def jobs(plan: Plan) -> Iterator[BuildJob]:
    """Yield the jobs of a plan, numbered in the order of the output."""
    number = 0
    for source in plan.sources:
        for split in SPLITS:
            if split not in source.files:
                continue
            for part in catalogue.slices(source, split, SLICE_BYTES):
                yield BuildJob(number, source.card.source, split, part)
                number += 1


def tasks_of(plan: Plan) -> Sequence[Task]:
    """Tasks of a plan, in the order of TASKS."""
    return [task for task in TASKS if any(source.card.task == task for source in plan.sources)]
