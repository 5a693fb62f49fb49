"""How many rows of each source or task: weights, caps, temperature and a total.

share of i = weight of i x rows of i ** (1 / temperature), as in multilingual pre-training
(Conneau et al. 2020, https://arxiv.org/abs/1911.02116, section 3.1, alpha = 1 / temperature).
"""

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

from pydantic import Field

from chinchilla.dataset.selection import Choice, Histogram, choose
from chinchilla.errors import ConfigError
from chinchilla.schema import Frozen

COLDEST, HOTTEST = 0.1, 100.0
"""The range of temperatures: rows ** 10 to, in effect, equal shares."""

_PRECISE = Context(prec=40)
_HALF = Fraction(1, 2)


class Mix(Frozen):
    """Say how sources, or tasks, are mixed; the default leaves every row as it is, once."""

    weights: dict[str, float] = Field(
        default_factory=dict,
        description="factor on the rows of a source or task; above 1 rows are repeated, 0 is none",
    )
    caps: dict[str, int] = Field(
        default_factory=dict, description="most rows of a source or task, repeats included"
    )
    temperature: float = Field(
        default=1.0, description="above 1 small sources get a larger share, as rows ** (1 / T)"
    )
    total: int | None = Field(
        default=None, description="rows in all; none means as many as the weights give"
    )


class Decision(NamedTuple):
    """How many of the `rows` of one source are written: `target`, repeats included."""

    rows: int
    target: int

    def choice(self, counted: Histogram, seed: int) -> Choice:
        """Turn the decision into one about each row; `counted` holds the same rows."""
        if counted.rows != self.rows:
            raise ValueError(f"decided on {self.rows} rows, counted {counted.rows}")
        return choose(counted, self.target, seed)


def shares(counts: Mapping[str, int], mix: Mix, where: str = "mix") -> dict[str, Decision]:
    """Number of rows of each source (or task) that are written.

    Without total, and with temperature 1, a source gets weight x rows, at most its cap, whatever
    the others have. A temperature moves rows between sources: their sum stays that of the
    weights. Rows that a cap withholds go to the others, in proportion to their shares, where a
    total or a temperature is set. Targets are whole rows: the largest remainders are rounded up,
    the first source first. A weight or cap may be about a source that is not counted: it has
    no effect. Raises ConfigError naming `where` for settings that cannot be met.
    """
    _check(mix, where)
    weights = {name: _fraction(mix.weights.get(name, 1.0)) for name in counts}
    alone = {name: int(weights[name] * rows + _HALF) for name, rows in counts.items()}
    if mix.total is None and mix.temperature == 1.0:
        targets = {name: min(alone[name], mix.caps.get(name, alone[name])) for name in counts}
    else:
        total = sum(alone.values()) if mix.total is None else mix.total
        parts = {
            name: weights[name] * _root(rows, mix.temperature) for name, rows in counts.items()
        }
        targets = _divide(total, parts, mix.caps)
    return {name: Decision(rows, targets[name]) for name, rows in counts.items()}


def nested_shares(
    counts: Mapping[str, Mapping[str, int]], tasks: Mix, sources: Mix
) -> dict[str, Decision]:
    """Number of rows of each source, where tasks are mixed too; `counts` by task, then source.

    With the default mix of tasks this is `shares` over all sources. Else each task gets its
    share of the rows its sources would have had, and its sources divide that; those of a task
    that keeps its number of rows stay as they are.
    """
    flat = {name: rows for group in counts.values() for name, rows in group.items()}
    plain = shares(flat, sources, "mix of sources")
    if tasks == Mix():
        return plain
    sums = {task: sum(plain[name].target for name in group) for task, group in counts.items()}
    decided: dict[str, Decision] = {}
    for task, decision in shares(sums, tasks, "mix of tasks").items():
        group = counts[task]
        if decision.target == decision.rows:
            decided.update({name: plain[name] for name in group})
            continue
        own = sources.model_copy(update={"total": decision.target})
        decided.update(shares(group, own, f"mix of sources of {task}"))
    return {name: decided[name] for name in flat}


def _check(mix: Mix, where: str) -> None:
    """Raise ConfigError for a number out of range."""
    for field, values in (("weights", mix.weights), ("caps", mix.caps)):
        for name, value in values.items():
            if not 0 <= value < float("inf"):
                raise ConfigError(f"{where}: {field}", f"{name!r} is {value}", "write 0 or more")
    if not COLDEST <= mix.temperature <= HOTTEST:
        what = f"temperature is {mix.temperature}"
        todo = f"write a number from {COLDEST} to {HOTTEST}; 1 keeps the proportions"
        raise ConfigError(where, what, todo)
    if mix.total is not None and mix.total < 0:
        raise ConfigError(where, f"total is {mix.total}", "write 0 or more, or leave it out")


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
