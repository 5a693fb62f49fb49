"""What a build reads: the files of each source and the slices they are cut into."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card
from chinchilla.corpus.find import FoundSource
from chinchilla.corpus.registry import nearest_source
from chinchilla.corpus.unread import Unread, no_files, unread
from chinchilla.dataset.config import BuildConfig
from chinchilla.errors import ConfigError, InputError
from chinchilla.readers.lines import Slice
from chinchilla.schema import SPLITS, TASKS, Split, Task
from chinchilla.templates import check_template_ids

Value = TypeVar("Value")

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
    config = _with_sources(config, raw)
    _check_names(config, cards)
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


def _check_names(config: BuildConfig, cards: Mapping[str, Card]) -> None:
    """Raise ConfigError for an edition, label, task or template that is not known.

    `cards` are all there are: a setting may be about a source that this build does not read.
    """
    check_template_ids(config.prompts.wordings)
    _check("mix.tasks.weights", "task", config.mix.tasks.weights, TASKS)
    _check("mix.tasks.caps", "task", config.mix.tasks.caps, TASKS)
    for source, edition in config.editions.items():
        cards[source].edition(edition)
    for source, labels in config.hold_out.labels.items():
        _check(f"hold_out.labels.{source}", "label", labels, cards[source].labels)


def _with_sources(config: BuildConfig, raw: Path) -> BuildConfig:
    """Configuration with each source under its own name.

    It may name a source by its official folder, or all the tasks of a card at once. Raises
    ConfigError for a source that is not known, and for one that is named twice with a value.
    """
    mix, hold_out, prompts = config.mix, config.hold_out, config.prompts
    weighed = mix.sources.model_copy(
        update={
            "weights": _renamed("mix.sources.weights", mix.sources.weights, raw),
            "caps": _renamed("mix.sources.caps", mix.sources.caps, raw),
        }
    )
    held_out = {
        "sources": _resolved("hold_out.sources", hold_out.sources, raw),
        "labels": _renamed("hold_out.labels", hold_out.labels, raw),
    }
    hard = _renamed("prompts.hard_negatives", prompts.hard_negatives, raw)
    sources = [source for name in config.sources for source in catalogue.resolve(name, raw)]
    named = {
        "sources": tuple(dict.fromkeys(sources)),
        "editions": _renamed("editions", config.editions, raw),
        "hold_out": hold_out.model_copy(update=held_out),
        "prompts": prompts.model_copy(update={"hard_negatives": hard}),
        "mix": mix.model_copy(update={"sources": weighed}),
    }
    return config.model_copy(update=named)


def _resolved(setting: str, names: Iterable[str], raw: Path) -> tuple[str, ...]:
    """Sources that the names in a setting mean, in order."""
    sources: list[str] = []
    for name in names:
        meant = catalogue.called(name, raw)
        if not meant:
            near = nearest_source(name, catalogue.card_paths(raw))
            hint = f"did you mean {near}? " if near else ""
            todo = f"{hint}the known ones are {', '.join(catalogue.card_paths(raw))}"
            raise ConfigError(setting, f"no source {name!r}", todo)
        sources.extend(meant)
    return tuple(dict.fromkeys(sources))


def _renamed(setting: str, values: Mapping[str, Value], raw: Path) -> dict[str, Value]:
    """Values of a setting by source."""
    renamed: dict[str, Value] = {}
    for name, value in values.items():
        for source in _resolved(setting, [name], raw):
            if source in renamed:
                what = f"{source} is named twice, once as {name!r}"
                raise ConfigError(setting, what, "name it once")
            renamed[source] = value
    return renamed


def _check(setting: str, kind: str, named: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in named:
        if name not in known:
            todo = f"the known ones are {', '.join(known)}"
            raise ConfigError(setting, f"no {kind} {name!r}", todo)
