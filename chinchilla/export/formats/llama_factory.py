"""A data folder of LLaMA-Factory: rows, and the dataset_info.json that names their columns.

{"chinchilla_train": {"file_name": "train.jsonl", "formatting": "alpaca",
                      "columns": {"prompt": "instruction", "query": "input",
                                  "response": "output"}}}

Fields: https://github.com/hiyouga/LLaMA-Factory data/README.md.
"""

from functools import partial
from typing import Any

import orjson

from chinchilla.export.format import LINES, Format, Summary, save_lines, turn_of
from chinchilla.export.formats import alpaca, sharegpt

INFO = "dataset_info.json"
ALPACA = {
    "formatting": "alpaca",
    "columns": {"prompt": "instruction", "query": "input", "response": "output"},
}
SHAREGPT = {
    "formatting": "sharegpt",
    "columns": {"messages": "conversations"},
    "tags": {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
    },
}


def dataset_info(splits: tuple[str, ...], entry: dict[str, Any]) -> bytes:
    """Content of dataset_info.json, with a data set a split."""
    info = {f"chinchilla_{split}": {"file_name": f"{split}.jsonl", **entry} for split in splits}
    return orjson.dumps(info, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _describe(entry: dict[str, Any], summary: Summary) -> tuple[bytes, ...]:
    return (dataset_info(summary.splits, entry),)


FORMATS = {
    "llama-factory": Format(
        alpaca.write, turn_of, save_lines, LINES, (INFO,), partial(_describe, ALPACA)
    ),
    "llama-factory-sharegpt": Format(
        sharegpt.write, sharegpt.read, save_lines, LINES, (INFO,), partial(_describe, SHAREGPT)
    ),
}
