"""What a score is: numbers with their counts, options and inputs, as a table and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chinchilla.schema import Task
from chinchilla.score.counts import Array, Counts, Prf, ScoreOptions, prf
from chinchilla.score.error_analysis import ExaminedDocument, PredictionStats, examine
from chinchilla.score.metrics import HEADLINE
from chinchilla.score.pairing import Names, Pair
from chinchilla.score.rows import Row
from chinchilla.table import table


class ParsedAnswers(NamedTuple):
    """Predicted rows that were read from raw answers, and how each answer could be read.

    `rows` and `strict` are, by record id, the rows after repair and without it. `status` is that
    of each answer by its id, `notes` count what was repaired, `unparsed` has the ids of records
    of which an answer could not be read, `labels` those asked of each record, null where an
    answer is to a whole record. `name` is what errors call the answers; `inputs` and `reading`
    go into the signature: the sha256 of each input, and how the answers were read.
    """

    rows: Mapping[str, Row]
    strict: Mapping[str, Row]
    status: Mapping[str, str]
    notes: Counter[str]
    unparsed: frozenset[str]
    labels: Mapping[str, frozenset[str]] | None
    reading: tuple[str, str]
    name: str = "answers"
    inputs: Mapping[str, str] = {}


class Score(NamedTuple):
    """One metric: micro with its counts, macro, each label, an interval where one is computed.

    `interval` has shape (low/high, P/R/F1); `more` is what else the reference scorer reports.
    """

    micro: Prf
    counts: Counts
    macro: Prf
    labels: Mapping[str, Counts]
    more: Mapping[str, float | None]
    interval: Array | None = None


Scores = dict[str, Score]
Groups = dict[str, dict[str, Prf]]
"""Metric id to group to score."""


@dataclass(frozen=True, repr=False)
class Result:
    """A score: `print(result)` shows it, `result.f1` is that of the headline metric.

    `scores` are those of all answers. `strict` are those without repair and `parsed_only` those
    of the documents whose answers could be read; both are empty where records were scored.
    """

    task: Task
    options: ScoreOptions
    names: Names
    scores: Scores
    strict: Scores
    parsed_only: Scores
    stats: PredictionStats
    answers: ParsedAnswers | None
    pairs: Sequence[Pair]
    documents: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    groups: Groups
    inputs: Mapping[str, str]
    signature: str

    @property
    def headline(self) -> str:
        """Return the id of the headline metric: the first one named, else that of the task."""
        usual = HEADLINE[self.task]
        return (
            usual if usual in self.scores and not self.options.metrics else next(iter(self.scores))
        )

    @property
    def precision(self) -> float:
        """Return the micro precision of the headline metric, between 0 and 1."""
        return self.scores[self.headline].micro.precision

    @property
    def recall(self) -> float:
        """Return the micro recall of the headline metric, between 0 and 1."""
        return self.scores[self.headline].micro.recall

    @property
    def f1(self) -> float:
        """Return the micro F1 of the headline metric, between 0 and 1."""
        return self.scores[self.headline].micro.f1

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of that F1, null without resamples."""
        edges = self.scores[self.headline].interval
        return None if edges is None else (float(edges[0, 2]), float(edges[1, 2]))

    @property
    def statuses(self) -> Counter[str]:
        """Count the answers of each status; a document without an answer is missing."""
        if self.answers is None:
            return Counter()
        counts = Counter(self.answers.status.values())
        if self.answers.labels is None and self.missing:
            counts["missing"] = len(self.missing)
        return counts

    def errors(self) -> list[ExaminedDocument]:
        """Return each document with what became of each gold and each predicted item."""
        unparsed = self.answers.unparsed if self.answers else frozenset()
        return list(examine(self.pairs, self.options.na, unparsed))

    def __repr__(self) -> str:
        """Return one line: the headline metric, its F1, counts and signature."""
        counts = self.scores[self.headline].counts
        numbers = ", ".join(f"{name} {_number(n)}" for name, n in counts._asdict().items())
        return f"<{self.headline} F1 {_percent(self.f1)} ({numbers}) {self.signature}>"

    def __str__(self) -> str:
        """Return the table and the signature."""
        return f"{self.table()}\n\n{self.signature}"

    def table(self) -> str:
        """Return the tables for people: metrics, labels, predictions, statuses."""
        parts = [_metric_table(self.scores)]
        if self.answers:
            parts += [f"strict parse only\n{_metric_table(self.strict)}"]
            parts += [f"parsed documents only\n{_metric_table(self.parsed_only)}"]
            statuses = sorted(self.statuses.items())
            parts.append(table(("status", "answers"), [[name, f"{n:,}"] for name, n in statuses]))
        by = self.options.by
        names = list(self.scores) if by == "label" else [self.headline]
        parts += [f"{name} by label\n{_label_table(self.scores[name])}" for name in names]
        if self.groups:
            groups = self.groups[self.headline]
            rows = [[name, *map(_percent, score)] for name, score in groups.items()]
            parts.append(f"{self.headline} by {by}\n{table((str(by), 'P', 'R', 'F1'), rows)}")
        stats = {"documents": self.documents, **self.stats._asdict()}
        stats |= {"missing": len(self.missing), "extra": len(self.extra)}
        parts.append(", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in stats.items()))
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the one JSON object that machines read, fractions unrounded."""
        object_: dict[str, Any] = {
            "signature": self.signature,
            "metrics": {name: _metric(score) for name, score in self.scores.items()},
            "per_label": {
                name: {key: _label(counts) for key, counts in score.labels.items()}
                for name, score in self.scores.items()
            },
            "parse": dict(sorted(self.statuses.items())),
            "missing": len(self.missing),
            "extra": len(self.extra),
            "documents": self.documents,
            "headline": self.headline,
            "predicted": self.stats._asdict(),
            "inputs": dict(self.inputs),
        }
        if self.answers:
            object_["strict"] = {name: _metric(score) for name, score in self.strict.items()}
            object_["parsed_only"] = {
                name: _metric(score) for name, score in self.parsed_only.items()
            }
            object_["status"] = dict(self.answers.status)
            object_["notes"] = dict(sorted(self.answers.notes.items()))
        if self.groups:
            object_["by"] = self.options.by
            object_["groups"] = {
                name: {key: score._asdict() for key, score in groups.items()}
                for name, groups in self.groups.items()
            }
        return object_


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _number(count: float) -> str:
    return f"{count:,.2f}".removesuffix(".00")


def _metric_table(scores: Scores) -> str:
    head = ("metric", "P", "R", "F1", "95 %", "macro F1", "TP", "predicted", "gold", "")
    rows = []
    for name, score in scores.items():
        edges = [] if score.interval is None else score.interval[:, 2].tolist()
        numbers = [*map(_percent, score.micro), "-".join(map(_percent, edges))]
        numbers += [_percent(score.macro.f1), *map(_number, score.counts)]
        more = [f"{key} {value:.4f}" for key, value in score.more.items() if value is not None]
        remarks = ", ".join([*more, *(["undefined"] if score.counts.undefined else [])])
        rows.append([name, *numbers, remarks])
    return table(head, rows)


def _label_table(score: Score) -> str:
    rows = [
        [name, *map(_percent, prf(counts)), *(f"{n:,.0f}" for n in counts)]
        for name, counts in score.labels.items()
    ]
    return table(("label", "P", "R", "F1", "TP", "predicted", "gold"), rows)


def _metric(score: Score) -> dict[str, Any]:
    object_: dict[str, Any] = {**score.micro._asdict(), **_counts(score.counts)}
    object_ |= {"macro": score.macro._asdict(), **score.more}
    if score.counts.undefined:
        object_["undefined"] = True
    if score.interval is not None:
        pairs = zip(*score.interval.tolist(), strict=True)
        object_["interval"] = dict(zip(Prf._fields, map(list, pairs), strict=True))
    return object_


def _label(counts: Counts) -> dict[str, Any]:
    undefined = {"undefined": True} if counts.undefined else {}
    return {**prf(counts)._asdict(), **_counts(counts), **undefined}


def _counts(counts: Counts) -> dict[str, float]:
    """Return the counts, whole ones as whole numbers."""
    return {
        name: int(value) if float(value).is_integer() else float(value)
        for name, value in counts._asdict().items()
    }
