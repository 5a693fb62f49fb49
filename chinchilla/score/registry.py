"""Metric ids: the one table from an id to the function that counts it."""

from typing import NamedTuple

from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.metrics import ee as events
from chinchilla.score.metrics import ner as entities
from chinchilla.score.metrics import re as relations
from chinchilla.score.metrics.chinese_nre import chinese_nre_official
from chinchilla.score.metrics.cluener import cluener
from chinchilla.score.metrics.doc2edag import doc2edag
from chinchilla.score.metrics.duee import duee_official
from chinchilla.score.metrics.duee_fin import greedy, hungarian, paired_events
from chinchilla.score.metrics.duie import duie_official
from chinchilla.score.metrics.matching import Rule, multiset, unique


class Metric(NamedTuple):
    """A way to count: its task, its rule, and whether it needs gold offsets."""

    task: Task
    tally: Rule
    located: bool = False


METRICS: dict[str, Metric] = {
    "ner_span": Metric("ner", multiset(entities.spans), located=True),
    "ner_span_set": Metric("ner", unique(entities.spans), located=True),
    "ner_string": Metric("ner", multiset(entities.strings)),
    "ner_string_set": Metric("ner", unique(entities.strings)),
    "ner_exact": Metric("ner", entities.overlapping(entities.exact), located=True),
    "ner_partial": Metric("ner", entities.overlapping(entities.partial), located=True),
    "ner_type": Metric("ner", entities.overlapping(entities.same_type), located=True),
    "cluener": Metric("ner", cluener),
    "re_boundary": Metric("re", multiset(relations.boundary)),
    "re_boundary_set": Metric("re", unique(relations.boundary)),
    "re_strict": Metric("re", multiset(relations.strict)),
    "re_strict_set": Metric("re", unique(relations.strict)),
    "duie_official": Metric("re", duie_official),
    "chinese_nre_official": Metric("re", chinese_nre_official),
    "ee_trigger": Metric("ee", multiset(events.trigger)),
    "ee_trigger_set": Metric("ee", unique(events.trigger)),
    "ee_argument": Metric("ee", multiset(events.argument)),
    "ee_argument_set": Metric("ee", unique(events.argument)),
    "duee_official": Metric("ee", duee_official),
    "duee_fin": Metric("ee", paired_events(hungarian)),
    "duee_fin_greedy": Metric("ee", paired_events(greedy)),
    "doc2edag": Metric("ee", doc2edag),
    "event_type": Metric("ee", unique(events.event_type)),
}
HEADLINE: dict[Task, str] = {"ner": "ner_span", "re": "re_boundary", "ee": "ee_argument"}
"""The metric of the headline where none was named."""


def metrics_of(task: Task) -> tuple[str, ...]:
    """List the ids of a task."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)


def metric(name: str, task: Task) -> Metric:
    """Return a metric; raise ConfigError where the task has none of that name."""
    found = METRICS.get(name)
    if found is None or found.task != task:
        known = ", ".join(metrics_of(task))
        raise ConfigError(f"--metric {name}", f"no such metric of {task}", f"use {known}")
    return found
