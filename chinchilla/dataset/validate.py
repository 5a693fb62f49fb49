"""Names in a configuration: sources under their own names, all of them known."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card
from chinchilla.corpus.registry import nearest_source
from chinchilla.dataset.config import BuildConfig
from chinchilla.errors import ConfigError
from chinchilla.schema import TASKS
from chinchilla.templates import check_template_ids

Value = TypeVar("Value")


def check_names(config: BuildConfig, cards: Mapping[str, Card]) -> None:
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


def with_sources(config: BuildConfig, raw: Path) -> BuildConfig:
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
