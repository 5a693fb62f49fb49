"""Two prediction files against one gold file, on the same documents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConfigError
from chinchilla.score.comparison import Chance, Comparison, compare
from chinchilla.score.evaluation import (
    Request,
    aligned,
    check_names,
    chosen,
    collector_off,
    read_options,
    tally,
)
from chinchilla.score.pairing import Names, Pair, Pairing
from chinchilla.score.rows import Gold, Row, iter_rows
from chinchilla.score.signature import sha256_of, short, signature


class Versus(NamedTuple):
    """The comparison of each metric, how many documents it rests on, and the signature."""

    metrics: Mapping[str, Comparison]
    documents: int
    signature: str

    def result(self) -> dict[str, Any]:
        """Return the one JSON object that machines read."""
        return {
            "signature": self.signature,
            "documents": self.documents,
            "metrics": {name: one._asdict() for name, one in self.metrics.items()},
        }


def versus(request: Request, other: Path, chance: Chance) -> Versus:
    """Compare the predictions of `other` with those of the request.

    Raises ConfigError for a metric of another task, and where the two do not hold the same
    documents, or others than gold.
    """
    if request.pred is None:
        raise ConfigError("compare", "no predictions", "pass two files of predictions")
    check_names(request)
    with collector_off():
        options = read_options(request)
        a, b = (_side(request, path) for path in (request.pred, other))
        names = chosen(request, a)
        first, second = (tally(names, side, options) for side in (a, b))
    found = {name: compare(first[name], second[name], chance) for name in names}
    return Versus(found, len(a), _signed(request, other, chance, names))


def _side(request: Request, path: Path) -> list[Pair]:
    """Return the documents of one system; raise ConfigError unless they are those of gold."""
    task = request.task
    gold, pred = iter_rows(request.gold, task, Gold), iter_rows(path, task, Row)
    pairing = Pairing(gold, pred, True, Names(str(request.gold), str(path)))
    pairs = list(aligned(pairing, task))
    for names, words in ((pairing.missing, "not predicted"), (pairing.extra, "not in gold")):
        if names:
            what = f"{len(names)} documents are {words}, the first is {names[0]!r}"
            raise ConfigError(str(path), what, "compare systems on the same documents")
    return pairs


def _signed(request: Request, other: Path, chance: Chance, names: tuple[str, ...]) -> str:
    files = {"gold": request.gold, "a": request.pred, "b": other, "alias": request.alias}
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    parts.update({k: short(sha256_of(path)) for k, path in files.items() if path is not None})
    parts.update({name: str(value) for name, value in chance._asdict().items()})
    return signature(parts)
