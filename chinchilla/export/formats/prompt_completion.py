"""Prompt and completion as plain text, as JSON Lines: what a base model goes on writing.

{"prompt": "...\\n", "completion": "..."}

Fields: https://huggingface.co/docs/trl/dataset_formats (Prompt-completion, Standard).
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import Format, Item
from chinchilla.export.text import save_lines
from chinchilla.export.turn import Turn, turn_of
from chinchilla.schema import InstructionRow

# the two are joined as they are: without a mark between them, the answer's first characters
# can melt into one token with the last ones of the text
END = "\n"


def write(row: InstructionRow) -> Item:
    """Return the prompt, ended by a newline, and the answer."""
    return {"prompt": turn_of(row).prompt + END, "completion": row.output}


def read(item: Mapping[str, Any]) -> Turn:
    """Return the turn of an item, the whole prompt as its instruction."""
    return Turn(item["prompt"].removesuffix(END), "", item["completion"])


FORMAT = Format(write, read, save_lines)
