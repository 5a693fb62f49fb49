"""Check that every name of a configuration is one, before anything is read."""

from collections.abc import Iterable, Mapping

from chinchilla.build.config import BuildConfig
from chinchilla.errors import ConfigError
from chinchilla.prompts.wordings import check_wordings
from chinchilla.schema import TASKS
from chinchilla.sources.card import Card


def check_names(config: BuildConfig, cards: Mapping[str, Card]) -> None:
    """Raise ConfigError for a source, edition, label, task or wording that there is not.

    `cards` are all there are: a setting may be about a source that this build does not read.
    """
    check_wordings(config.prompts.wordings)
    for setting, named in _sources(config).items():
        _check(setting, "source", named, cards)
    for setting, named in _tasks(config).items():
        _check(setting, "task", named, TASKS)
    for source, edition in config.editions.items():
        cards[source].edition(edition)
    for source, labels in config.hold_out.labels.items():
        _check(f"hold_out.labels.{source}", "label", labels, cards[source].labels)


def _sources(config: BuildConfig) -> dict[str, Iterable[str]]:
    return {
        "editions": config.editions,
        "prompts.hard_negatives": config.prompts.hard_negatives,
        "hold_out.sources": config.hold_out.sources,
        "hold_out.labels": config.hold_out.labels,
        "mix.sources.weights": config.mix.sources.weights,
        "mix.sources.caps": config.mix.sources.caps,
    }


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
