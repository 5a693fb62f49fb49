"""An evaluation as the one JSON object that machines read."""

from collections.abc import Mapping
from typing import Any

from chinchilla.score.counts import Counts, Prf, prf
from chinchilla.score.evaluate import Evaluation, Score, Scores

_PARTS = ("precision", "recall", "f1")


def result(found: Evaluation) -> dict[str, Any]:
    """Return signature, metrics, labels, parse statuses and all counts, fractions unrounded."""
    answers = found.answers
    object_: dict[str, Any] = {
        "signature": found.signature,
        "metrics": _metrics(found.scores),
        "per_label": {name: _labels(score.labels) for name, score in found.scores.items()},
        "parse": dict(sorted(found.statuses.items())),
        "missing": len(found.missing),
        "extra": len(found.extra),
        "documents": found.documents,
        "headline": found.headline,
        "predicted": found.stats._asdict(),
        "inputs": dict(found.inputs),
    }
    if answers:
        object_["strict"] = _metrics(found.strict)
        object_["parsed_only"] = _metrics(found.parsed_only)
        object_["status"] = answers.status
        object_["notes"] = dict(sorted(answers.notes.items()))
    if found.groups:
        object_["by"] = found.request.by
        object_["groups"] = {
            name: {key: one._asdict() for key, one in groups.items()}
            for name, groups in found.groups.items()
        }
    return object_


def _metrics(scores: Scores) -> dict[str, Any]:
    return {name: _metric(score) for name, score in scores.items()}


def _metric(score: Score) -> dict[str, Any]:
    found: dict[str, Any] = {**score.micro._asdict(), **_counts(score.counts)}
    found["macro"] = score.macro._asdict()
    found.update(score.more)
    if score.undefined:
        found["undefined"] = True
    if score.interval is not None:
        low, high = score.interval
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        found["interval"] = dict(zip(_PARTS, map(list, pairs), strict=True))
    return found


def _labels(labels: Mapping[str, Counts]) -> dict[str, Any]:
    return {name: _label(counts, prf(counts)) for name, counts in labels.items()}


def _label(counts: Counts, score: Prf) -> dict[str, Any]:
    undefined = {} if counts.n_pred and counts.n_gold else {"undefined": True}
    return {**score._asdict(), **_counts(counts), **undefined}


def _counts(counts: Counts) -> dict[str, float]:
    """Return the counts, whole ones as whole numbers."""
    return {
        name: int(value) if float(value).is_integer() else float(value)
        for name, value in counts._asdict().items()
    }
