"""A data folder of LLaMA-Factory: alpaca rows and the dataset_info.json that names them.

{"chinchilla_train": {"file_name": "train.jsonl", "formatting": "alpaca",
                      "columns": {"prompt": "instruction", "query": "input",
                                  "response": "output"}}}

Fields: https://github.com/hiyouga/LLaMA-Factory data/README.md.
"""

from typing import Any

import orjson

from chinchilla.export.format import Format, Summary
from chinchilla.export.formats.alpaca import read, write
from chinchilla.export.text import save_lines

INFO = "dataset_info.json"
ENTRY = {
    "formatting": "alpaca",
    "columns": {"prompt": "instruction", "query": "input", "response": "output"},
}


def dataset_info(splits: tuple[str, ...], entry: dict[str, Any]) -> dict[str, bytes]:
    """Return dataset_info.json, with a data set a split."""
    info = {f"chinchilla_{split}": {"file_name": f"{split}.jsonl", **entry} for split in splits}
    return {INFO: orjson.dumps(info, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)}


def describe(summary: Summary) -> dict[str, bytes]:
    """Return the file that tells LLaMA-Factory which columns are which."""
    return dataset_info(summary.splits, ENTRY)


FORMAT = Format(write, read, save_lines, describe)
