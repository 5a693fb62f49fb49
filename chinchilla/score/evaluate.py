"""Two files to a scored evaluation: read, pair, align, count, resample, sign."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.align import align
from chinchilla.score.answers import (
    Answers,
    AnswerSheet,
    RowReading,
    read_answers,
    read_queries,
    read_row_answers,
)
from chinchilla.score.bootstrap import intervals
from chinchilla.score.counts import Array, Counts, Options, Prf, Tallied, mean_prf
from chinchilla.score.groups import By, Groups, group
from chinchilla.score.metrics.duie import read_alias
from chinchilla.score.pairing import Names, Pair, Pairing, change
from chinchilla.score.prediction_stats import PredictionStats, StatsCollector
from chinchilla.score.registry import HEADLINE, METRICS, metric, metrics_of
from chinchilla.score.rows import Gold, Row, TripleGold, TripleRow, iter_rows
from chinchilla.score.signature import sha256_of, short, signature
from chinchilla.score.triples import Triples

LEAN = ("re_boundary",)


class Request(NamedTuple):
    """What to score and how; one of `pred` and `answers` is given."""

    task: Task
    gold: Path
    pred: Path | None = None
    answers: Path | None = None
    form: str = "json"
    rows: Path | None = None
    subtask: str | None = None
    metrics: tuple[str, ...] = ()
    na: str = "unknown"
    alias: Path | None = None
    allow_extra: bool = False
    bootstrap: int = 0
    seed: int = 0
    by: By | None = None


class Score(NamedTuple):
    """One metric: micro with its counts, macro, each label, an interval where asked for."""

    micro: Prf
    counts: Counts
    macro: Prf
    labels: Mapping[str, Counts]
    more: Mapping[str, float | None]
    interval: Array | None = None

    @property
    def undefined(self) -> bool:
        """Tell whether a denominator is 0, so that 0 stands for no number at all."""
        return not (self.counts.n_pred and self.counts.n_gold)


Scores = dict[str, Score]


class Evaluation(NamedTuple):
    """Everything a report shows."""

    request: Request
    scores: Scores
    strict: Scores
    parsed_only: Scores
    stats: PredictionStats
    answers: Answers | None
    pairs: Sequence[Pair]
    documents: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    groups: Groups
    inputs: Mapping[str, str]
    signature: str

    @property
    def statuses(self) -> Counter[str]:
        """Count the answers of each status; a document without an answer is missing."""
        if self.answers is None:
            return Counter()
        found = self.answers.statuses.copy()
        if self.request.rows is None and self.missing:
            found["missing"] = len(self.missing)
        return found

    @property
    def headline(self) -> str:
        """Return the id of the metric that stands first."""
        usual = HEADLINE[self.request.task]
        named = self.request.metrics
        return usual if usual in self.scores and not named else next(iter(self.scores))


def evaluate(request: Request, reading: RowReading | None = None, keep: bool = False) -> Evaluation:
    """Score a request; raise InputError or ConfigError where it cannot be scored.

    `reading` says how `rows` are read, where the request has any.

    `re_boundary` alone is counted while the files are read, in little memory; `keep` asks for
    the documents all the same, as a page needs them.
    """
    with collector_off():
        if request.metrics == LEAN and request.pred and not keep and request.by in (None, "label"):
            return _lean(request)
        answers = _answers(request, reading)
        pairing = _pairing(request, answers)
        collector = StatsCollector(answers.labels if answers else None, request.na)
        pairs = list(collector.watch(aligned(pairing, request.task)))
        options = read_options(request)
        names = chosen(request, pairs)
        tallies = tally(names, pairs, options)
        strict, parsed = _other_modes(names, answers, pairs, options)
    folds, seed = request.bootstrap, request.seed
    by, inputs = request.by, _inputs(request)
    return Evaluation(
        request=request,
        scores=scored(tallies, folds, seed),
        strict=scored(strict, folds, seed),
        parsed_only=scored(parsed, folds, seed),
        stats=collector.stats(),
        answers=answers,
        pairs=pairs,
        documents=pairing.documents,
        missing=tuple(pairing.missing),
        extra=tuple(pairing.extra),
        groups=group(pairs, tallies, by) if by is not None and by != "label" else {},
        inputs=inputs,
        signature=_signature(request, inputs, tuple(tallies), reading),
    )


def _lean(request: Request) -> Evaluation:
    """Do for one metric of large files what `evaluate` does, without keeping documents."""
    check_names(request)
    path = request.pred or Path()
    gold = iter_rows(request.gold, request.task, TripleGold)
    pred = iter_rows(path, request.task, TripleRow)
    pairing = Pairing(gold, pred, request.allow_extra, Names(str(request.gold), str(path)))
    triples = Triples(read_options(request))
    tallies = {request.metrics[0]: triples.tally(pairing)}
    inputs = _inputs(request)
    return Evaluation(
        request=request,
        scores=scored(tallies, request.bootstrap, request.seed),
        strict={},
        parsed_only={},
        stats=triples.stats(),
        answers=None,
        pairs=(),
        documents=pairing.documents,
        missing=tuple(pairing.missing),
        extra=tuple(pairing.extra),
        groups={},
        inputs=inputs,
        signature=_signature(request, inputs, request.metrics),
    )


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


def read_options(request: Request) -> Options:
    """Return the options of the metrics."""
    return Options(request.na, read_alias(request.alias) if request.alias else {})


def aligned(pairs: Iterable[Pair], task: Task) -> Iterable[Pair]:
    """Return the pairs with predicted entities placed in the text where they have no offsets."""
    return change(pairs, align) if task == "ner" else pairs


def chosen(request: Request, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the metrics asked for, or all of the task that gold allows.

    Raises ConfigError for a span metric where gold has entities without offsets.
    """
    loose = next((p.gold.id for p in pairs for one in p.gold.entities if one.start is None), None)
    known = metrics_of(request.task)
    if not request.metrics:
        return tuple(name for name in known if loose is None or not METRICS[name].located)
    for name in request.metrics:
        if loose is not None and METRICS[name].located:
            what = f"gold {loose!r} has entities without offsets"
            raise ConfigError(f"--metric {name}", what, "use ner_string or ner_string_set")
    return tuple(dict.fromkeys(request.metrics))


def tally(names: Sequence[str], pairs: Iterable[Pair], options: Options) -> dict[str, Tallied]:
    """Count every metric."""
    return {name: METRICS[name].tally(pairs, options) for name in names}


def scored(tallies: Mapping[str, Tallied], folds: int = 0, seed: int = 0) -> Scores:
    """Turn counts into scores, with intervals where `folds` is not 0."""
    every = list(tallies.values())
    found: Sequence[Array | None] = [None] * len(every)
    if folds and every:
        found = intervals(every, folds, np.random.default_rng(seed))
    return {
        name: _score(one, interval)
        for (name, one), interval in zip(tallies.items(), found, strict=True)
    }


def _score(one: Tallied, interval: Array | None) -> Score:
    micro = Prf(*map(float, one.rate(one.columns.sum(axis=0))))
    macro = one.macro or mean_prf(one.labels)
    return Score(micro, one.totals, macro, one.labels, one.more, interval)


def _answers(request: Request, reading: RowReading | None) -> Answers | None:
    if request.answers is None:
        return None
    texts: dict[str, str] = {}
    titled: dict[str, str] = {}
    mentions = True
    for row in iter_rows(request.gold, request.task, Gold):
        texts[row.id] = row.text
        titled[row.id] = f"{row.title}\n{row.text}" if row.title else row.text
        mentions = mentions and all(one.start is not None for one in row.entities)
    if request.rows is None or reading is None:
        return read_answers(request.answers, request.form, request.task, titled)
    asked, others = read_queries(request.rows, reading.query, request.subtask)
    merge = reading.merge
    sheet = AnswerSheet(
        asked, others, lambda name, told: merge(texts.get(name, ""), told, mentions), titled
    )
    return read_row_answers(request.answers, sheet)


def check_names(request: Request) -> None:
    """Raise ConfigError for a metric that the task does not have."""
    for name in request.metrics:
        metric(name, request.task)


def _pairing(request: Request, answers: Answers | None) -> Pairing:
    check_names(request)
    gold = iter_rows(request.gold, request.task, Gold)
    path = request.pred if answers is None else request.answers
    if path is None:
        raise ConfigError("score", "nothing to score", "pass --pred or --answers")
    found = iter_rows(path, request.task, Row) if answers is None else answers.repaired.values()
    return Pairing(gold, found, request.allow_extra, Names(str(request.gold), str(path)))


def _other_modes(
    names: Sequence[str], answers: Answers | None, pairs: Sequence[Pair], options: Options
) -> tuple[dict[str, Tallied], dict[str, Tallied]]:
    """Count strictly, and in the documents whose answers could all be read."""
    if answers is None:
        return {}, {}
    rows = answers.strict
    strict = [Pair(one.gold, rows.get(one.gold.id) or one.pred) for one in pairs]
    known = answers.repaired
    read = [one for one in pairs if one.gold.id in known and one.gold.id not in answers.unread]
    task = METRICS[names[0]].task
    return (
        tally(names, list(aligned(strict, task)), options),
        tally(names, read, options),
    )


def _inputs(request: Request) -> dict[str, str]:
    """Return the sha256 of every input."""
    files = {
        "gold": request.gold,
        "pred": request.pred,
        "answers": request.answers,
        "rows": request.rows,
        "alias": request.alias,
    }
    return {name: sha256_of(path) for name, path in files.items() if path is not None}


def _signature(
    request: Request,
    inputs: Mapping[str, str],
    names: Sequence[str],
    reading: RowReading | None = None,
) -> str:
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    if request.answers and request.rows and reading:
        parts["merge"] = reading.name
    elif request.answers:
        parts["form"] = request.form
    parts.update({name: short(digest) for name, digest in inputs.items()})
    parts["extra"] = "allowed" if request.allow_extra else "error"
    parts["bootstrap"], parts["seed"] = str(request.bootstrap), str(request.seed)
    return signature(parts)
