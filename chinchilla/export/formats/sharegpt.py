"""ShareGPT: one JSON array a split, a conversation of human and gpt an object.

[
{"id": "finre-dev-000001.0", "conversations": [{"from": "human", "value": "..."},
                                               {"from": "gpt", "value": "..."}]}
]

Fields: https://github.com/lm-sys/FastChat (Fine-tuning, data/dummy_conversation.json).
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import Format, Item
from chinchilla.export.text import save_array
from chinchilla.export.turn import Turn, turn_of
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """Return the row as a conversation of two messages."""
    human = {"from": "human", "value": turn_of(row).prompt}
    return {"id": row.id, "conversations": [human, {"from": "gpt", "value": row.output}]}


def read(item: Mapping[str, Any]) -> Turn:
    """Return the turn of an item, the whole prompt as its instruction."""
    human, gpt = item["conversations"]
    return Turn(human["value"], "", gpt["value"])


FORMAT = Format(write, read, save_array)
