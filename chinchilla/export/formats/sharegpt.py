"""ShareGPT: one JSON array a split, a conversation of human and gpt an object; and Aquila's.

[
{"id": "finre-dev-000001.0", "conversations": [{"from": "human", "value": "..."},
                                               {"from": "gpt", "value": "..."}]}
]

Fields: https://github.com/lm-sys/FastChat (Fine-tuning, data/dummy_conversation.json).

Aquila's (AquilaChat in FlagAI, and Aquila2) are JSON Lines, with `instruction` beside. It stays
empty, as in the published sample: AquilaChat puts it into the system part of the prompt, and
Aquila2's finetune.py reads `conversations` only.
Fields: https://github.com/FlagAI-Open/FlagAI examples/Aquila/Aquila-chat (aquila_chat.py,
data/convo_samples.jsonl); https://github.com/FlagAI-Open/Aquila2 examples/finetune.py.
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import (
    ARRAY,
    LINES,
    Format,
    Item,
    Turn,
    save_array,
    save_lines,
)
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """Conversation of two messages."""
    human = {"from": "human", "value": row.prompt}
    return {"id": row.id, "conversations": [human, {"from": "gpt", "value": row.output}]}


def write_aquila(row: InstructionRow) -> Item:
    """Conversation with an empty system instruction."""
    return {**write(row), "instruction": ""}


def read(item: Mapping[str, Any]) -> Turn:
    """Turn of an item, the whole prompt as its instruction."""
    human, gpt = item["conversations"]
    return Turn(human["value"], "", gpt["value"])


FORMATS = {
    "sharegpt": Format(write, read, save_array, ARRAY),
    "aquila": Format(write_aquila, read, save_lines, LINES),
}
