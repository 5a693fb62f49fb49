"""Two files to a scored evaluation: read, pair, align, count, resample, sign."""

import gc
from collections.abc import Iterator, Mapping, Sequence
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
from chinchilla.score.health import Health, check
from chinchilla.score.interval import intervals
from chinchilla.score.pairing import Pair, Paired, change, pair
from chinchilla.score.registry import HEADLINE, METRICS, metric, metrics_of
from chinchilla.score.rows import Rows, read_rows
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
    paired: Paired
    groups: Groups
    inputs: Mapping[str, str]
    signature: str

    @property
    def headline(self) -> str:
        """Return the id of the metric that stands first."""
        usual = HEADLINE[self.request.task]
        named = self.request.metrics
        return usual if usual in self.scores and not named else next(iter(self.scores))


def evaluate(request: Request, labels_of: LabelsOf = lambda _: None) -> Evaluation:
    """Score a request; raise InputError or ConfigError where it cannot be scored."""
    with collector_off():
        gold = read_gold(request.gold, request.task)
        answers = _answers(request, labels_of)
        pred = answers.repaired if answers else _predictions(request)
        paired = pair(gold, pred, request.allow_extra)
        paired = paired._replace(pairs=aligned(paired.pairs, request.task))
        names = chosen(request, paired.pairs)
        options = read_options(request)
        tallies = tally(names, paired.pairs, options)
        strict, parsed = _other_modes(names, answers, paired, options)
    return Evaluation(
        request,
        scored(tallies, request.bootstrap, request.seed),
        strict,
        parsed,
        check(paired.pairs, answers.labels if answers else None),
        answers,
        paired,
        group(paired.pairs, tallies, request.by) if request.by not in (None, "label") else {},
        *_signed(request, names),
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


def read_gold(path: Path, task: Task) -> Rows:
    """Read gold rows; raise ConfigError for a file without any."""
    gold = read_rows(path, task)
    if not gold:
        raise ConfigError(str(path), "no gold rows", "pass a file in the exchange format")
    return gold


def read_options(request: Request) -> Options:
    """Return the options of the metrics."""
    return Options(request.na, read_alias(request.alias) if request.alias else {})


def aligned(pairs: list[Pair], task: Task) -> list[Pair]:
    """Return the pairs with predicted entities placed in the text where they have no offsets."""
    return change(pairs, align) if task == "ner" else pairs


def chosen(request: Request, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the metrics asked for, or all of the task that gold allows.

    Raises ConfigError for a span metric where gold has entities without offsets.
    """
    names = tuple(dict.fromkeys(request.metrics)) or metrics_of(request.task)
    loose = next((p.gold.id for p in pairs for one in p.gold.entities if one.start is None), None)
    for name in names:
        if metric(name, request.task).located and loose is not None and request.metrics:
            what = f"gold {loose!r} has entities without offsets"
            raise ConfigError(f"--metric {name}", what, "use ner_string or ner_string_set")
    return tuple(name for name in names if loose is None or not METRICS[name].located)


def tally(names: Sequence[str], pairs: Sequence[Pair], options: Options) -> dict[str, Tallied]:
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


def _predictions(request: Request) -> Rows:
    if request.pred is None:
        raise ConfigError("score", "nothing to score", "pass --pred or --answers")
    return read_rows(request.pred, request.task)


def _other_modes(
    names: Sequence[str], answers: Answers | None, paired: Paired, options: Options
) -> tuple[Scores, Scores]:
    """Return the strict scores, and those of the documents whose answers could all be read."""
    if answers is None:
        return {}, {}
    task = METRICS[names[0]].task
    golds = [one.gold for one in paired.pairs]
    strict = pair({row.id: row for row in golds}, answers.strict, allow_extra=True).pairs
    unread = answers.unread.union(paired.missing)
    read = [one for one in paired.pairs if one.gold.id not in unread]
    return (
        scored(tally(names, aligned(strict, task), options)),
        scored(tally(names, read, options)),
    )


def _signed(request: Request, names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the hash of every input and the signature."""
    files = {
        "gold": request.gold,
        "pred": request.pred,
        "answers": request.answers,
        "rows": request.rows,
        "alias": request.alias,
    }
    inputs = {name: sha256_of(path) for name, path in files.items() if path is not None}
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    if request.answers:
        parts["form"] = request.form
    parts.update({name: short(digest) for name, digest in inputs.items()})
    parts["extra"] = "allowed" if request.allow_extra else "error"
    parts["bootstrap"], parts["seed"] = str(request.bootstrap), str(request.seed)
    return inputs, signature(parts)
