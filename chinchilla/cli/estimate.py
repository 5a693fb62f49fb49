"""What `chinchilla train --dry-run` prints."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chinchilla.train.estimate import Estimate


def forecast_text(found: "Estimate") -> str:
    """Return the estimate as a table of two columns."""
    from chinchilla.cli.table import table

    lengths = f"p50 {found.p50:,}, p95 {found.p95:,}, longest {found.longest:,}"
    rows = [
        ["rows", f"{found.rows:,}"],
        ["rows refused", f"{found.refused:,}"],
        ["tokens an epoch", f"{found.tokens:,} ({lengths})"],
        ["parameters", f"{found.parameters:,}, trained {found.trained:,}"],
        ["memory, about", f"{found.memory / 2**30:.2f} GiB"],
        ["steps", f"{found.steps:,}"],
        ["tokens a second", f"{found.tokens_per_second:,.0f} (three timed steps)"],
        ["time of the steps, about", _time(found.seconds)],
        ["looks at dev", f"{found.looks}, each {_time(found.look_seconds)} if answers are longest"],
    ]
    return table(("what", "how much"), rows)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
