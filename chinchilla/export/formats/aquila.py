"""Aquila's conversations, as JSON Lines: AquilaChat (FlagAI) and Aquila2.

{"id": "...", "conversations": [{"from": "human", "value": "..."},
                                {"from": "gpt", "value": "..."}], "instruction": ""}

`instruction` stays empty, as in the published sample: AquilaChat puts it into the system
part of the prompt, and Aquila2's finetune.py reads `conversations` only.
Fields: https://github.com/FlagAI-Open/FlagAI examples/Aquila/Aquila-chat (aquila_chat.py,
data/convo_samples.jsonl); https://github.com/FlagAI-Open/Aquila2 examples/finetune.py.
"""

from chinchilla.export.format import Format, Item
from chinchilla.export.formats import sharegpt
from chinchilla.export.text import save_lines
from chinchilla.schema import InstructionRow


def write(row: InstructionRow) -> Item:
    """Return the row as a conversation, with an empty system instruction."""
    return {**sharegpt.write(row), "instruction": ""}


FORMAT = Format(write, sharegpt.read, save_lines)
