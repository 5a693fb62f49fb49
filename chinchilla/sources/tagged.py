"""What the tagged sources share: spans to entities, and the error for a wrong tag."""

from typing import Any

from chinchilla.errors import InputError
from chinchilla.sources.part import Spot
from chinchilla.spans import Fault, Tagged


def entities(text: str, spans: list[Tagged]) -> list[dict[str, Any]]:
    """Turn spans into entities, in the order of the text, the longer of two first."""
    return [
        {"type": label, "text": text[start:end], "start": start, "end": end}
        for label, start, end in sorted(spans, key=lambda span: (span.start, -span.end))
    ]


def wrong_tags(spot: Spot, fault: Fault) -> InputError:
    """Say which tag cannot stand where it stands."""
    what = f"wrong tag sequence: {fault.tag} after {fault.before}"
    return InputError(spot.where(fault.at), what, "begin each entity with B-")
