"""Say what a build would write, without writing it."""

from pathlib import Path

from chinchilla.build.kits import make_kits, with_null_share
from chinchilla.build.manifest import Totals, totals
from chinchilla.build.plan import Plan
from chinchilla.build.run import Progress, run
from chinchilla.build.shard import weigh_shard


def forecast(plan: Plan, workers: int, progress: Progress) -> Totals:
    """Return the counts of every split of every source: all is rendered, nothing written."""
    kits = with_null_share(plan, make_kits(plan, Path()), workers, progress)
    return totals(dict(run(plan, kits, weigh_shard, workers, progress)))
