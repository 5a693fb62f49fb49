"""Check that every name of a configuration is one, before anything is read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card
from chinchilla.corpus.registry import nearest_source
from chinchilla.dataset.config import BuildConfig
from chinchilla.errors import ConfigError
from chinchilla.prompts.wordings import check_wordings
from chinchilla.schema import TASKS

Value = TypeVar("Value")


def check_names(config: BuildConfig, cards: Mapping[str, Card]) -> None:
    """Raise ConfigError for a source, edition, label, task or wording that there is not.

    `cards` are all there are: a setting may be about a source that this build does not read.
    """
    check_wordings(config.prompts.wordings)
    for setting, named in _tasks(config).items():
        _check(setting, "task", named, TASKS)
    for source, edition in config.editions.items():
        cards[source].edition(edition)
    for source, labels in config.hold_out.labels.items():
        _check(f"hold_out.labels.{source}", "label", labels, cards[source].labels)


def with_sources(config: BuildConfig, raw: Path) -> BuildConfig:
    """Return the configuration with each source under its own name.

    An official folder name will do in it, and one name for all the tasks of a card. Raises
    ConfigError for a source that there is not, and for one that is named twice with a value.
    """
    mix, hold_out, prompts = config.mix, config.hold_out, config.prompts
    weighed = mix.sources.model_copy(
        update={
            "weights": _renamed("mix.sources.weights", mix.sources.weights, raw),
            "caps": _renamed("mix.sources.caps", mix.sources.caps, raw),
        }
    )
    held = {
        "sources": _resolved("hold_out.sources", hold_out.sources, raw),
        "labels": _renamed("hold_out.labels", hold_out.labels, raw),
    }
    hard = _renamed("prompts.hard_negatives", prompts.hard_negatives, raw)
    called = [one for name in config.sources for one in catalogue.resolve(name, raw)]
    named = {
        "sources": tuple(dict.fromkeys(called)),
        "editions": _renamed("editions", config.editions, raw),
        "hold_out": hold_out.model_copy(update=held),
        "prompts": prompts.model_copy(update={"hard_negatives": hard}),
        "mix": mix.model_copy(update={"sources": weighed}),
    }
    return config.model_copy(update=named)


def _resolved(setting: str, names: Iterable[str], raw: Path) -> tuple[str, ...]:
    """Return the sources that names in a setting call, in order."""
    found: list[str] = []
    for name in names:
        sources = catalogue.called(name, raw)
        if not sources:
            near = nearest_source(name, catalogue.card_paths(raw))
            hint = f"did you mean {near}? " if near else ""
            todo = f"{hint}the known ones are {', '.join(catalogue.card_paths(raw))}"
            raise ConfigError(setting, f"no source {name!r}", todo)
        found.extend(sources)
    return tuple(dict.fromkeys(found))


def _renamed(setting: str, values: Mapping[str, Value], raw: Path) -> dict[str, Value]:
    """Return the values of a setting by source."""
    renamed: dict[str, Value] = {}
    for name, value in values.items():
        for source in _resolved(setting, [name], raw):
            if source in renamed:
                what = f"{source} is named twice, once as {name!r}"
                raise ConfigError(setting, what, "name it once")
            renamed[source] = value
    return renamed


def _tasks(config: BuildConfig) -> dict[str, Iterable[str]]:
    return {
        "mix.tasks.weights": config.mix.tasks.weights,
        "mix.tasks.caps": config.mix.tasks.caps,
    }


def _check(setting: str, kind: str, named: Iterable[str], known: Iterable[str]) -> None:
    there = list(known)
    for name in named:
        if name not in there:
            todo = f"the known ones are {', '.join(there)}"
            raise ConfigError(setting, f"no {kind} {name!r}", todo)
