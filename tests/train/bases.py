"""Small random bases of every family, as folders that save_pretrained wrote."""

import shutil
from pathlib import Path
from typing import Any

import orjson
import transformers

WIDTH: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen3": ("Qwen3", {**WIDTH, "head_dim": 16}),
    "llama": ("Llama", WIDTH),
    "glm": ("Glm", {**WIDTH, "head_dim": 16}),
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 2}),
    "gemma3": ("Gemma3Text", {**WIDTH, "head_dim": 16, "sliding_window": 64}),
    "aquila2": ("Llama", {**WIDTH, "num_key_value_heads": 1}),
}
PACKED = "baichuan"
"""A family that transformers does not carry: its model and its tokenizer bring their own code."""
CODE = Path(__file__).parent / "packed"


def make_base(family: str, tokenizer: Any, folder: Path) -> None:
    """Write a model of a family with random weights, and the tokenizer beside it."""
    transformers.set_seed(0)
    ends = {"pad_token_id": 0, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    sizes = {"vocab_size": len(tokenizer), **ends}
    if family == PACKED:
        _make_packed(sizes, tokenizer, folder)
        return
    name, more = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**sizes, **more)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _make_packed(sizes: dict[str, Any], tokenizer: Any, folder: Path) -> None:
    folder.mkdir()
    for path in CODE.glob("*.py"):
        shutil.copy(path, folder)
    tokenizer.save_pretrained(folder)
    told = folder / "tokenizer_config.json"
    code = {"AutoTokenizer": [None, "tokenization_packed.PackedTokenizerFast"]}
    own = {"tokenizer_class": "PackedTokenizerFast", "auto_map": code}
    told.write_bytes(orjson.dumps(orjson.loads(told.read_bytes()) | own))
    code = {
        "AutoConfig": "modeling_packed.PackedConfig",
        "AutoModelForCausalLM": "modeling_packed.PackedForCausalLM",
    }
    fields = WIDTH | sizes | {"model_type": "packed", "auto_map": code}
    (folder / "config.json").write_bytes(orjson.dumps(fields))
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=True)
    model = transformers.AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    model.save_pretrained(folder)
