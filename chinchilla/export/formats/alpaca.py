"""Alpaca: one JSON array a split, with instruction, input and output.

[
{"instruction": "找出文本中的人名。", "input": "张三来了。", "output": "{\"人名\":[\"张三\"]}"}
]

Fields: https://github.com/tatsu-lab/stanford_alpaca (Data Release).
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import Format, Item
from chinchilla.export.text import save_array
from chinchilla.export.turn import Turn
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """Return the three fields of a row."""
    return {"instruction": row.instruction, "input": row.input, "output": row.output}


def read(item: Mapping[str, Any]) -> Turn:
    """Return the turn of an item, exactly that of the row."""
    return Turn(item["instruction"], item["input"], item["output"])


FORMAT = Format(write, read, save_array)
