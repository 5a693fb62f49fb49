"""Two files to a scored evaluation: read, pair, align, count, resample, sign."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chinchilla.errors import ConfigError
from chinchilla.schema import Task
from chinchilla.score.align import align
from chinchilla.score.answers import Answers, LabelsOf, read_answers, read_questions
from chinchilla.score.counts import Array, Counts, Options, Prf, Tallied, mean_prf
from chinchilla.score.duie import read_alias
from chinchilla.score.groups import By, Groups, group
from chinchilla.score.health import Checkup, Health
from chinchilla.score.interval import intervals
from chinchilla.score.pairing import Pair, Pairing, change
from chinchilla.score.registry import HEADLINE, METRICS, metric, metrics_of
from chinchilla.score.rows import Gold, Row, iter_rows
from chinchilla.score.signature import sha256_of, short, signature


class Request(NamedTuple):
    """What to score and how; one of `pred` and `answers` is given."""

    task: Task
    gold: Path
    pred: Path | None = None
    answers: Path | None = None
    form: str = "json"
    rows: Path | None = None
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
    health: Health
    answers: Answers | None
    pairs: Sequence[Pair]
    documents: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    groups: Groups
    inputs: Mapping[str, str]
    signature: str

    @property
    def headline(self) -> str:
        """Return the id of the metric that stands first."""
        usual = HEADLINE[self.request.task]
        named = self.request.metrics
        return usual if usual in self.scores and not named else next(iter(self.scores))


def evaluate(
    request: Request, labels_of: LabelsOf = lambda _: None, keep: bool = False
) -> Evaluation:
    """Score a request; raise InputError or ConfigError where it cannot be scored.

    One named metric is counted while the files are read, in little memory; `keep` asks for the
    documents all the same, as a page needs them.
    """
    with collector_off():
        answers = _answers(request, labels_of)
        pairing = _pairing(request, answers)
        checkup = Checkup(answers.labels if answers else None)
        seen = checkup.watch(aligned(pairing, request.task))
        options = read_options(request)
        if len(request.metrics) == 1 and not keep and not answers and request.by in (None, "label"):
            pairs: list[Pair] = []
            tallies = tally(request.metrics, _located(seen, request.metrics), options)
        else:
            pairs = list(seen)
            tallies = tally(chosen(request, pairs), pairs, options)
        strict, parsed = _other_modes(tuple(tallies), answers, pairs, options)
    by, inputs = request.by, _inputs(request)
    return Evaluation(
        request=request,
        scores=scored(tallies, request.bootstrap, request.seed),
        strict=strict,
        parsed_only=parsed,
        health=checkup.health(),
        answers=answers,
        pairs=pairs,
        documents=pairing.documents,
        missing=tuple(pairing.missing),
        extra=tuple(pairing.extra),
        groups=group(pairs, tallies, by) if by is not None and by != "label" else {},
        inputs=inputs,
        signature=_signature(request, inputs, tuple(tallies)),
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
    names = tuple(dict.fromkeys(request.metrics))
    if names:
        for _ in _located(pairs, names):
            pass
        return names
    loose = any(one.start is None for pair in pairs for one in pair.gold.entities)
    known = metrics_of(request.task)
    return tuple(name for name in known if not (loose and METRICS[name].located))


def _located(pairs: Iterable[Pair], names: Sequence[str]) -> Iterator[Pair]:
    """Yield the pairs; refuse gold without offsets where a metric needs them."""
    name = next((name for name in names if METRICS[name].located), None)
    for pair in pairs:
        if name is not None and any(one.start is None for one in pair.gold.entities):
            what = f"gold {pair.gold.id!r} has entities without offsets"
            raise ConfigError(f"--metric {name}", what, "use ner_string or ner_string_set")
        yield pair


def tally(names: Sequence[str], pairs: Iterable[Pair], options: Options) -> dict[str, Tallied]:
    """Count every metric."""
    return {name: METRICS[name].tally(pairs, options) for name in names}


def scored(tallies: Mapping[str, Tallied], folds: int = 0, seed: int = 0) -> Scores:
    """Turn counts into scores, with intervals where `folds` is not 0."""
    every = list(tallies.values())
    found = intervals(every, folds, np.random.default_rng(seed)) if folds else [None] * len(every)
    return {
        name: _score(one, interval)
        for (name, one), interval in zip(tallies.items(), found, strict=True)
    }


def _score(one: Tallied, interval: Array | None) -> Score:
    micro = Prf(*map(float, one.rate(one.columns.sum(axis=0))))
    macro = one.macro or mean_prf(one.labels)
    return Score(micro, one.totals, macro, one.labels, one.more, interval)


def _answers(request: Request, labels_of: LabelsOf) -> Answers | None:
    if request.answers is None:
        return None
    rows = read_questions(request.rows, labels_of) if request.rows else None
    return read_answers(request.answers, request.form, request.task, rows)


def _pairing(request: Request, answers: Answers | None) -> Pairing:
    for name in request.metrics:
        metric(name, request.task)
    gold = iter_rows(request.gold, request.task, Gold)
    if answers is not None:
        return Pairing(gold, answers.repaired.values(), request.allow_extra)
    if request.pred is None:
        raise ConfigError("score", "nothing to score", "pass --pred or --answers")
    return Pairing(gold, iter_rows(request.pred, request.task, Row), request.allow_extra)


def _other_modes(
    names: Sequence[str], answers: Answers | None, pairs: Sequence[Pair], options: Options
) -> tuple[Scores, Scores]:
    """Return the strict scores, and those of the documents whose answers could all be read."""
    if answers is None:
        return {}, {}
    rows = answers.strict
    strict = [Pair(one.gold, rows.get(one.gold.id) or one.pred) for one in pairs]
    known = answers.repaired
    read = [one for one in pairs if one.gold.id in known and one.gold.id not in answers.unread]
    task = METRICS[names[0]].task
    return (
        scored(tally(names, list(aligned(strict, task)), options)),
        scored(tally(names, read, options)),
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


def _signature(request: Request, inputs: Mapping[str, str], names: Sequence[str]) -> str:
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    if request.answers:
        parts["form"] = request.form
    parts.update({name: short(digest) for name, digest in inputs.items()})
    parts["extra"] = "allowed" if request.allow_extra else "error"
    parts["bootstrap"], parts["seed"] = str(request.bootstrap), str(request.seed)
    return signature(parts)
