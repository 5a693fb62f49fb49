"""Gold and predicted records to a score: pair, align, count, resample, sign."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import orjson

from chinchilla import __version__
from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.counts import Array, By, Prf, ScoreOptions, Tallied, intervals, mean_prf
from chinchilla.score.error_analysis import PredictionStats, StatsCollector
from chinchilla.score.metrics import METRICS, check_metrics, metrics_of
from chinchilla.score.pairing import Names, Pair, Pairing, align
from chinchilla.score.result import Groups, ParsedAnswers, Result, Score, Scores
from chinchilla.score.rows import Rows, RowSet, row_set
from chinchilla.score.triples import count_triples, triple_rows

_EDGES = (32, 64, 128, 256, 512)
"""Code points at which the ranges of lengths begin."""
_USUAL = ScoreOptions()
Tallies = Mapping[str, Tallied]
"""Metric id to counts."""


def evaluate(gold: Rows, predicted: Rows | ParsedAnswers, options: ScoreOptions = _USUAL) -> Result:
    """Return the score of predicted records, paired with gold ones by id.

    Both are records, objects of the exchange format, or rows of a file (`read_rows`); predicted
    ones need not be valid records, and may be parsed answers. Raises InputError for a row that
    does not have the shape of a record, ConfigError for a metric of another task, a span metric
    where gold has no offsets, gold that is not labelled, and predictions of other documents.
    """
    gold = row_set(gold, "gold", options.task)
    task = gold.task
    check_metrics(options.metrics, task)
    if isinstance(predicted, ParsedAnswers):
        answers = predicted
        pred = RowSet(answers.rows.values(), task, answers.name, sha256())
    else:
        answers, pred = None, row_set(predicted, "predictions", task)
    with collector_off():
        counted = _count(gold, pred, answers, options)
    hashes = answers.inputs if answers else {"pred": pred.sha256}
    inputs = {"gold": gold.sha256, **hashes, **input_of_alias(options)}
    parts = {"metrics": "+".join(counted.all), "task": task, "na": options.na}
    parts |= dict([answers.reading] if answers else []) | shortened(inputs) | _settings(options)
    return Result(
        task=task,
        options=options,
        names=Names(gold.name, pred.name),
        scores=scored(counted.all, options),
        strict=scored(counted.strict, options),
        parsed_only=scored(counted.parsed_only, options),
        stats=counted.stats,
        answers=answers,
        pairs=counted.pairs,
        documents=counted.pairing.documents,
        missing=tuple(counted.pairing.missing),
        extra=tuple(counted.pairing.extra),
        groups=_groups(counted, options.by),
        inputs=inputs,
        signature=signature(parts),
    )


class _Counted(NamedTuple):
    """The counts of each metric: of all answers, without repair, of those that could be read."""

    pairing: Pairing
    stats: PredictionStats
    all: Tallies
    strict: Tallies
    parsed_only: Tallies
    pairs: Sequence[Pair]


def _count(
    gold: RowSet, pred: RowSet, answers: ParsedAnswers | None, options: ScoreOptions
) -> _Counted:
    names = Names(gold.name, pred.name)
    if answers is None and (files := triple_rows(gold, pred, options)):
        pairing = Pairing(*files, options.allow_extra, names)
        counts, stats = count_triples(pairing, options.na)
        return _Counted(pairing, stats, {options.metrics[0]: counts}, {}, {}, ())
    pairing = Pairing(gold.rows, pred.rows, options.allow_extra, names)
    collector = StatsCollector(answers.labels if answers else None, options.na)
    pairs = list(collector.watch(aligned(pairing, gold.task)))
    metrics = chosen(options.metrics, gold.task, pairs)
    tallies = tally(metrics, pairs, options)
    if answers is None:
        return _Counted(pairing, collector.stats(), tallies, {}, {}, pairs)
    unrepaired = [Pair(pair.gold, answers.strict.get(pair.gold.id) or pair.pred) for pair in pairs]
    strict = tally(metrics, list(aligned(unrepaired, gold.task)), options)
    readable = answers.rows.keys() - answers.unparsed
    parsed = [pair for pair in pairs if pair.gold.id in readable]
    parsed_only = tally(metrics, parsed, options)
    return _Counted(pairing, collector.stats(), tallies, strict, parsed_only, pairs)


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector from walking rows that are read once and hold no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def aligned(pairs: Iterable[Pair], task: Task) -> Iterable[Pair]:
    """Return the pairs with predicted entities placed in the text where they have no offsets."""
    return (Pair(pair.gold, align(pair)) for pair in pairs) if task == "ner" else pairs


def chosen(metrics: Sequence[str], task: Task, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the metrics that are named, or all of the task that gold allows.

    Raises ConfigError for a span metric where gold has entities without offsets.
    """
    unlocated = next(
        (pair.gold.id for pair in pairs for item in pair.gold.entities if item.start is None), None
    )
    if not metrics:
        known = metrics_of(task)
        return tuple(name for name in known if unlocated is None or not METRICS[name].located)
    for name in metrics:
        if unlocated is not None and METRICS[name].located:
            what = f"gold {unlocated!r} has entities without offsets"
            raise ConfigError(f"--metric {name}", what, "use ner_string or ner_string_set")
    return tuple(dict.fromkeys(metrics))


def tally(names: Sequence[str], pairs: Iterable[Pair], options: ScoreOptions) -> Tallies:
    """Return the counts of every metric."""
    return {name: METRICS[name].tally(pairs, options) for name in names}


def scored(tallies: Tallies, options: ScoreOptions) -> Scores:
    """Return the scores of counts, with intervals where resamples are asked for."""
    edges: Sequence[Array | None] = [None] * len(tallies)
    if options.bootstrap and tallies:
        rng = np.random.default_rng(options.seed)
        edges = intervals(list(tallies.values()), options.bootstrap, rng)
    return {
        name: Score(
            _rate(tallied, tallied.columns),
            tallied.totals,
            tallied.macro or mean_prf(tallied.labels),
            tallied.labels,
            tallied.more,
            interval,
        )
        for (name, tallied), interval in zip(tallies.items(), edges, strict=True)
    }


def _rate(tallied: Tallied, columns: Array) -> Prf:
    return Prf(*map(float, tallied.rate(columns.sum(axis=0))))


def _groups(counted: _Counted, by: By | None) -> Groups:
    """Return the score of each group of documents, lengths in rising order, names sorted."""
    if by is None or by == "label":
        return {}
    indexes: dict[str, list[int]] = {}
    for index, pair in enumerate(counted.pairs):
        indexes.setdefault(_group_of(pair, by), []).append(index)
    names = sorted(indexes)
    if by == "length":
        names.sort(key=lambda name: int(name.split("-")[0].rstrip("+")))
    return {
        name: {key: _rate(tallied, tallied.columns[np.array(indexes[key])]) for key in names}
        for name, tallied in counted.all.items()
    }


def _group_of(pair: Pair, by: By) -> str:
    """Return the source, the template or the range of code points of a document."""
    if by == "source":
        return pair.gold.source or "(none)"
    if by == "template":
        return pair.pred.template or "(none)"
    for low, edge in pairwise((0, *_EDGES)):
        if len(pair.gold.text) < edge:
            return f"{low}-{edge - 1}"
    return f"{_EDGES[-1]}+"


def input_of_alias(options: ScoreOptions) -> dict[str, str]:
    """Return the hash of the aliases, where there are any: that of the file if it is known."""
    if not (options.alias or options.alias_sha256):
        return {}
    names = {name: sorted(others) for name, others in options.alias.items()}
    content = orjson.dumps(names, option=orjson.OPT_SORT_KEYS)
    return {"alias": options.alias_sha256 or sha256(content).hexdigest()}


def _settings(options: ScoreOptions) -> dict[str, str]:
    extra = "allowed" if options.allow_extra else "error"
    return {"extra": extra, "bootstrap": str(options.bootstrap), "seed": str(options.seed)}


def shortened(hashes: Mapping[str, str]) -> dict[str, str]:
    """Return the first digits of hashes, enough to tell files apart."""
    return {name: digest[:16] for name, digest in hashes.items()}


def signature(parts: Mapping[str, str]) -> str:
    """Return what it takes to get a score again in one line: `name:value|...|version:0.1.0`."""
    return "|".join(
        [f"{name}:{value}" for name, value in parts.items()] + [f"version:{__version__}"]
    )
