"""Metric ids: the one table from an id to the function that counts it.

One file a metric, or a family of metrics that count alike. A metric takes documents and gives
counts (`Tallied`); intervals, tables and comparisons are made of these.
"""

from collections.abc import Iterable
from typing import NamedTuple

from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.metrics import matching, ner
from chinchilla.score.metrics.chinese_nre import chinese_nre_official
from chinchilla.score.metrics.doc2edag import doc2edag
from chinchilla.score.metrics.duee import duee_official, greedy, hungarian, paired_events
from chinchilla.score.metrics.duie import duie_official
from chinchilla.score.metrics.matching import Rule, multiset, unique


class Metric(NamedTuple):
    """A rule of counting with its task; `located` ones need gold with offsets."""

    task: Task
    tally: Rule
    located: bool = False


METRICS: dict[str, Metric] = {
    "ner_span": Metric("ner", multiset(ner.spans), located=True),
    "ner_span_set": Metric("ner", unique(ner.spans), located=True),
    "ner_string": Metric("ner", multiset(ner.strings)),
    "ner_string_set": Metric("ner", unique(ner.strings)),
    "ner_exact": Metric("ner", ner.overlapping(ner.exact), located=True),
    "ner_partial": Metric("ner", ner.overlapping(ner.partial), located=True),
    "ner_type": Metric("ner", ner.overlapping(ner.same_type), located=True),
    "cluener": Metric("ner", ner.cluener),
    "re_boundary": Metric("re", multiset(matching.relation_boundary)),
    "re_boundary_set": Metric("re", unique(matching.relation_boundary)),
    "re_strict": Metric("re", multiset(matching.relation_strict)),
    "re_strict_set": Metric("re", unique(matching.relation_strict)),
    "duie_official": Metric("re", duie_official),
    "chinese_nre_official": Metric("re", chinese_nre_official),
    "ee_trigger": Metric("ee", multiset(matching.trigger)),
    "ee_trigger_set": Metric("ee", unique(matching.trigger)),
    "ee_argument": Metric("ee", multiset(matching.argument)),
    "ee_argument_set": Metric("ee", unique(matching.argument)),
    "duee_official": Metric("ee", duee_official),
    "duee_fin": Metric("ee", paired_events(hungarian)),
    "duee_fin_greedy": Metric("ee", paired_events(greedy)),
    "doc2edag": Metric("ee", doc2edag),
    "event_type": Metric("ee", unique(matching.event_type)),
}
HEADLINE: dict[Task, str] = {"ner": "ner_span", "re": "re_boundary", "ee": "ee_argument"}
"""The headline metric of each task where none is named."""


def metrics_of(task: Task) -> tuple[str, ...]:
    """Return the ids of a task, in the order of the table."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)


def check_metrics(names: Iterable[str], task: Task) -> None:
    """Raise ConfigError for a metric that the task does not have."""
    known = metrics_of(task)
    for name in names:
        if name not in known:
            todo = f"use {', '.join(known)}"
            raise ConfigError(f"--metric {name}", f"no such metric of {task}", todo)
