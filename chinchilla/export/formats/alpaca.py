"""Alpaca: instruction, input and output; one JSON array a split, or JSON Lines.

[
{"instruction": "找出文本中的人名。", "input": "张三来了。", "output": "{\"人名\":[\"张三\"]}"}
]

Fields: https://github.com/tatsu-lab/stanford_alpaca (Data Release).
"""

from chinchilla.export.format import ARRAY, LINES, Format, Item, save_array, save_lines, turn_of
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """The three fields of a row."""
    return {"instruction": row.instruction, "input": row.input, "output": row.output}


FORMATS = {
    "alpaca": Format(write, turn_of, save_array, ARRAY),
    "alpaca-jsonl": Format(write, turn_of, save_lines, LINES),
}
