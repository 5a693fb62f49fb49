"""Scores of parts of a corpus: by source, by length of the text, by template."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from chinchilla.score.counts import Prf, Tallied
from chinchilla.score.pairing import Pair

By = Literal["label", "source", "length", "template"]
Groups = dict[str, dict[str, Prf]]
"""Metric id to group to score."""

_EDGES = (32, 64, 128, 256, 512)
_NONE = "(none)"


def length_group(pair: Pair) -> str:
    """Return the range of code points that the text of a document falls into."""
    size = len(pair.gold.text)
    low = 0
    for edge in _EDGES:
        if size < edge:
            return f"{low}-{edge - 1}"
        low = edge
    return f"{low}+"


_GROUP: Mapping[str, Callable[[Pair], str]] = {
    "source": lambda pair: pair.gold.source or _NONE,
    "length": length_group,
    "template": lambda pair: pair.pred.template or _NONE,
}


def group(pairs: Sequence[Pair], tallies: Mapping[str, Tallied], by: By) -> Groups:
    """Add up the counts of each group and score them; groups come in order of first sight."""
    places: dict[str, list[int]] = {}
    for at, pair in enumerate(pairs):
        places.setdefault(_GROUP[by](pair), []).append(at)
    names = sorted(places, key=_order) if by == "length" else sorted(places)
    return {
        name: {
            key: Prf(*map(float, one.rate(one.columns[np.array(places[key])].sum(axis=0))))
            for key in names
        }
        for name, one in tallies.items()
    }


def _order(name: str) -> int:
    return int(name.partition("-")[0].rstrip("+"))
