"""Say what a build would write, without writing it."""

from chinchilla.build.plan import Plan
from chinchilla.build.run import make_kits
from chinchilla.errors import Tally
from chinchilla.schema import SPLITS
from chinchilla.sources import catalogue

Forecast = list[tuple[str, str, int, int, int]]


def forecast(plan: Plan) -> Forecast:
    """Return source, split, records read, rows and bytes of rows: everything is rendered."""
    kits = make_kits(plan, plan.raw)
    rows: Forecast = []
    for found in plan.found:
        kit = kits[found.card.source]
        for split in SPLITS:
            if split not in found.files:
                continue
            read = written = size = 0
            for record in catalogue.records(found, split, Tally(forgiving=kit.forgiving)):
                read += 1
                for row in kit.prompter.rows(record) if record.labelled else ():
                    written += 1
                    size += len(row.__pydantic_serializer__.to_json(row)) + 1
            rows.append((found.card.source, split, read, written, size))
    return rows
