"""The page beside a build: counts, licences and how it was made, for people."""

from typing import Any

from chinchilla.dataset.plan import Plan
from chinchilla.resources import render_page

TEMPLATE = "dataset.md"


def dataset_page(manifest: dict[str, Any], plan: Plan) -> str:
    """Render processed/README.md from the manifest and the cards."""
    cards = {found.card.source: found.card for found in plan.found}
    return render_page(TEMPLATE, manifest=manifest, cards=cards)
