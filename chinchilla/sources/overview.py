"""Tell what sources are known and what of them lies under raw/."""

from pathlib import Path
from typing import Any

from chinchilla.errors import ChinchillaError
from chinchilla.sources import catalogue
from chinchilla.sources.card import Card
from chinchilla.sources.unread import unread_of


def overview(raw: Path) -> list[dict[str, Any]]:
    """Return one plain object a source: card, files found, whether they are our sample.

    A source that cannot be read has its `problem`, in one line, and little else.
    """
    rows = []
    cards = catalogue.cards(raw)
    for name in cards:
        try:
            rows.append(_row(cards[name], raw))
        except ChinchillaError as error:
            rows.append({"source": name, **_UNREAD, "problem": str(error)})
    return rows


_WORDS = ("title", "task", "summary", "home", "licence", "obtain", "paper", "metric")
_EMPTY: dict[str, Any] = {"editions": [], "files": {}, "labels": 0, "notes": [], "unread": []}
_UNREAD = dict.fromkeys((*_WORDS, "editions", "edition", "found")) | _EMPTY


def _row(card: Card, raw: Path) -> dict[str, Any]:
    found = catalogue.find(card, raw)
    edition = None if found is None else found.edition.name
    shown = card.editions[0].name if edition is None else edition
    row: dict[str, Any] = {"source": card.source}
    for key in _WORDS:
        row[key] = getattr(card, key)
    row["editions"] = [one.name for one in card.editions]
    row["edition"] = edition
    row["found"] = None if found is None else found.kind
    row["files"] = {} if found is None else {k: str(v) for k, v in found.files.items()}
    row["labels"] = len(card.label_set(shown).labels)
    row["notes"] = list(card.notes)
    row["unread"] = [str(one) for one in unread_of(card, raw, found)]
    row["problem"] = None
    return row
