"""Two prediction files against one gold file, on the same documents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConfigError
from chinchilla.score.comparison import Chance, Comparison, compare
from chinchilla.score.evaluation import (
    Request,
    aligned,
    chosen,
    collector_off,
    read_gold,
    read_options,
    tally,
)
from chinchilla.score.pairing import pair
from chinchilla.score.rows import Rows, read_rows
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

    Raises ConfigError where the two do not hold the same documents, or others than gold.
    """
    if request.pred is None:
        raise ConfigError("compare", "no predictions", "pass two files of predictions")
    with collector_off():
        gold = read_gold(request.gold, request.task)
        sides = [read_rows(path, request.task) for path in (request.pred, other)]
        for path, rows in zip((request.pred, other), sides, strict=True):
            _check(path, rows, gold)
        options = read_options(request)
        pairs = [aligned(pair(gold, rows).pairs, request.task) for rows in sides]
        names = chosen(request, pairs[0])
        a, b = (tally(names, each, options) for each in pairs)
    found = {name: compare(a[name], b[name], chance) for name in names}
    return Versus(found, len(gold), _signed(request, other, chance, names))


def _check(path: Path, rows: Rows, gold: Rows) -> None:
    """Raise ConfigError unless the documents are those of gold."""
    for found, wanted, words in ((rows, gold, "not predicted"), (gold, rows, "not in gold")):
        lacking = [name for name in wanted if name not in found]
        if lacking:
            what = f"{len(lacking)} documents are {words}, the first is {lacking[0]!r}"
            raise ConfigError(str(path), what, "compare systems on the same documents")


def _signed(request: Request, other: Path, chance: Chance, names: tuple[str, ...]) -> str:
    files = {"gold": request.gold, "a": request.pred, "b": other, "alias": request.alias}
    parts = {"metrics": "+".join(names), "task": request.task, "na": request.na}
    parts.update({k: short(sha256_of(path)) for k, path in files.items() if path is not None})
    parts.update({name: str(value) for name, value in chance._asdict().items()})
    return signature(parts)
