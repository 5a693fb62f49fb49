"""Tell what sources are known and what of them lies under raw/."""

from pathlib import Path
from typing import Any

from chinchilla.sources import catalogue


def overview(raw: Path) -> list[dict[str, Any]]:
    """Return one plain object a source: card, files found, whether they are our sample."""
    rows = []
    for name, card in catalogue.cards(raw).items():
        found = catalogue.find(card, raw)
        edition = None if found is None else found.edition.name
        shown = card.editions[0].name if edition is None else edition
        row: dict[str, Any] = {"source": name}
        for key in ("title", "task", "summary", "home", "licence", "obtain", "paper", "metric"):
            row[key] = getattr(card, key)
        row["editions"] = [one.name for one in card.editions]
        row["edition"] = edition
        row["found"] = None if found is None else found.kind
        row["files"] = {} if found is None else {k: str(v) for k, v in found.files.items()}
        row["labels"] = len(card.label_set(shown).labels)
        row["notes"] = list(card.notes)
        rows.append(row)
    return rows
