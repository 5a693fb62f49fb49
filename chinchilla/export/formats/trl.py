"""What TRL, axolotl and OpenAI read, as JSON Lines: chat messages, or prompt and completion.

{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

{"prompt": "...\\n", "completion": "..."}

Messages have no further key, as some services refuse it. Prompt and completion are plain text,
what a base model goes on writing.
Fields: https://huggingface.co/docs/trl/dataset_formats (Language modeling, Conversational;
Prompt-completion, Standard).
"""

from collections.abc import Mapping
from typing import Any

from chinchilla.export.format import LINES, Format, Item, Turn, save_lines
from chinchilla.schema import InstructionRow

# the two are joined as they are: without a mark between them, the answer's first characters
# can melt into one token with the last ones of the text
END = "\n"


def write_messages(row: InstructionRow) -> Item:
    """A message of the user and one of the assistant."""
    user = {"role": "user", "content": row.prompt}
    return {"messages": [user, {"role": "assistant", "content": row.output}]}


def read_messages(item: Mapping[str, Any]) -> Turn:
    """Turn of an item, the whole prompt as its instruction."""
    user, assistant = item["messages"]
    return Turn(user["content"], "", assistant["content"])


def write_completion(row: InstructionRow) -> Item:
    """The prompt, ended by a newline, and the answer."""
    return {"prompt": row.prompt + END, "completion": row.output}


def read_completion(item: Mapping[str, Any]) -> Turn:
    """Turn of an item, the whole prompt as its instruction."""
    return Turn(item["prompt"].removesuffix(END), "", item["completion"])


FORMATS = {
    "messages": Format(write_messages, read_messages, save_lines, LINES),
    "prompt-completion": Format(write_completion, read_completion, save_lines, LINES),
}
