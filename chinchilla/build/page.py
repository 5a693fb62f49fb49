"""The page beside a build: counts, licences and how it was made, for people."""

from typing import Any

from jinja2 import Environment, StrictUndefined

from chinchilla.build.plan import Plan
from chinchilla.shipped import shipped

TEMPLATE = "pages/dataset.md"


def dataset_page(manifest: dict[str, Any], plan: Plan) -> str:
    """Render processed/README.md from the manifest and the cards."""
    path = shipped("templates") / TEMPLATE
    environment = Environment(
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(path.read_text(encoding="utf-8"))
    cards = {found.card.source: found.card for found in plan.found}
    return template.render(manifest=manifest, cards=cards)
