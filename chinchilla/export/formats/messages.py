"""OpenAI chat messages, as JSON Lines: the `messages` of TRL, axolotl and OpenAI.

{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

No further key, as some services refuse it.
Fields: https://huggingface.co/docs/trl/dataset_formats (Language modeling, Conversational).
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import Format, Item
from chinchilla.export.text import save_lines
from chinchilla.export.turn import Turn, turn_of
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """Return the row as a message of the user and one of the assistant."""
    user = {"role": "user", "content": turn_of(row).prompt}
    return {"messages": [user, {"role": "assistant", "content": row.output}]}


def read(item: Mapping[str, Any]) -> Turn:
    """Return the turn of an item, the whole prompt as its instruction."""
    user, assistant = item["messages"]
    return Turn(user["content"], "", assistant["content"])


FORMAT = Format(write, read, save_lines)
