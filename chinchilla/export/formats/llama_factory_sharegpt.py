"""A data folder of LLaMA-Factory: conversations and the dataset_info.json that names them.

{"chinchilla_train": {"file_name": "train.jsonl", "formatting": "sharegpt",
                      "columns": {"messages": "conversations"},
                      "tags": {"role_tag": "from", "content_tag": "value",
                               "user_tag": "human", "assistant_tag": "gpt"}}}

Fields: https://github.com/hiyouga/LLaMA-Factory data/README.md.
"""

from chinchilla.export.format import Format, Summary
from chinchilla.export.formats.llama_factory import dataset_info
from chinchilla.export.formats.sharegpt import read, write
from chinchilla.export.text import save_lines

ENTRY = {
    "formatting": "sharegpt",
    "columns": {"messages": "conversations"},
    "tags": {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
    },
}


def describe(summary: Summary) -> dict[str, bytes]:
    """Return the file that tells LLaMA-Factory how the conversations are marked."""
    return dataset_info(summary.splits, ENTRY)


FORMAT = Format(write, read, save_lines, describe)
