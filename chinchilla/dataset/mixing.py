"""How many rows of each source or task: weights, caps, temperature and a total.

share of i = weight of i x rows of i ** (1 / temperature), as in multilingual pre-training
(Conneau et al. 2020, https://arxiv.org/abs/1911.02116, section 3.1, alpha = 1 / temperature).
"""

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from chinchilla.schema import Frozen

_PRECISE = Context(prec=40)
_HALF = Fraction(1, 2)


class Mix(Frozen):
    """Say how sources, or tasks, are mixed; the default leaves every row as it is, once."""

    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict,
        description="factor on the rows of a source or task; above 1 rows are repeated, 0 is none",
    )
    caps: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="most rows of a source or task, repeats included"
    )
    temperature: float = Field(
        default=1.0,
        ge=0.1,
        le=100,
        description="above 1 small sources get a larger share, as rows ** (1 / T)",
    )
    total: int | None = Field(
        default=None, ge=0, description="rows in all; none means as many as the weights give"
    )


def shares(counts: Mapping[str, int], mix: Mix) -> dict[str, int]:
    """Number of rows of each source (or task) that are written, repeats included.

    Without total, and with temperature 1, a source gets weight x rows, at most its cap, whatever
    the others have. A temperature moves rows between sources: their sum stays that of the
    weights. Rows that a cap withholds go to the others, in proportion to their shares, where a
    total or a temperature is set. Targets are whole rows: the largest remainders are rounded up,
    the first source first. A weight or cap may be about a source that is not counted: it has
    no effect.
    """
    weights = {name: _fraction(mix.weights.get(name, 1.0)) for name in counts}
    alone = {name: int(weights[name] * rows + _HALF) for name, rows in counts.items()}
    if mix.total is None and mix.temperature == 1.0:
        return {name: min(alone[name], mix.caps.get(name, alone[name])) for name in counts}
    total = sum(alone.values()) if mix.total is None else mix.total
    parts = {name: weights[name] * _root(rows, mix.temperature) for name, rows in counts.items()}
    targets = _divide(total, parts, mix.caps)
    return {name: targets[name] for name in counts}


def nested_shares(
    counts: Mapping[str, Mapping[str, int]], tasks: Mix, sources: Mix
) -> dict[str, int]:
    """Number of rows of each source, where tasks are mixed too; `counts` by task, then source.

    With the default mix of tasks this is `shares` over all sources. Else each task gets its
    share of the rows its sources would have had, and its sources divide that; those of a task
    that keeps its number of rows stay as they are.
    """
    flat = {name: rows for group in counts.values() for name, rows in group.items()}
    plain = shares(flat, sources)
    if tasks == Mix():
        return plain
    sums = {task: sum(plain[name] for name in group) for task, group in counts.items()}
    decided = dict(plain)
    for task, target in shares(sums, tasks).items():
        if target != sums[task]:
            own = sources.model_copy(update={"total": target})
            decided.update(shares(counts[task], own))
    return decided


def _fraction(number: float) -> Fraction:
    """Read a number as it was written: 0.1 is one tenth."""
    return Fraction(repr(number))


def _root(rows: int, temperature: float) -> Fraction:
    """Rows ** (1 / temperature); decimals give the same digits on every machine."""
    if not rows:
        return Fraction(0)
    if temperature == 1.0:
        return Fraction(rows)
    exponent = _PRECISE.divide(Decimal(1), Decimal(repr(temperature)))
    return Fraction(_PRECISE.power(Decimal(rows), exponent))


def _divide(total: int, parts: Mapping[str, Fraction], caps: Mapping[str, int]) -> dict[str, int]:
    """Divide rows in proportion to the parts, none above its cap, as far as the caps allow."""
    fixed = {name: 0 for name, part in parts.items() if not part}
    while True:
        free = {name: part for name, part in parts.items() if name not in fixed}
        left = total - sum(fixed.values())
        whole = sum(free.values(), Fraction(0))
        exact = {name: left * part / whole for name, part in free.items()}
        full = {name: caps[name] for name in free if name in caps and exact[name] >= caps[name]}
        if not full:
            return fixed | _rounded(exact, left)
        fixed |= full


def _rounded(exact: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Round to whole rows whose sum is the total, the largest remainders up."""
    floors = {name: int(value) for name, value in exact.items()}
    spare = total - sum(floors.values()) if exact else 0
    by_remainder = sorted(exact, key=lambda name: floors[name] - exact[name])
    return floors | {name: floors[name] + 1 for name in by_remainder[:spare]}
