"""A base in a GGUF file, quantized as they are published, trains, merges and predicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import orjson
import pytest
import torch
import transformers
from commands import read_run

from chinchilla.errors import EngineError
from chinchilla.predict.engine import Prompt
from chinchilla.predict.model_loading import ModelSource, find_model, load_model, load_tokenizer
from chinchilla.runs.model import EngineOptions, open_engine
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import open_data, split_rows
from chinchilla.train.merge import merge
from chinchilla.train.tiny import make_tokenizer

pytestmark = pytest.mark.slow

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "max_position_embeddings": 4096,
}


def model_of(tokenizer: Any) -> Any:
    transformers.set_seed(0)
    config = transformers.Qwen3Config(vocab_size=len(tokenizer), tie_word_embeddings=True, **SIZES)
    return transformers.AutoModelForCausalLM.from_config(config)


def write_gguf(path: Path, model: Any, tokenizer: Any) -> None:
    """Write a Qwen3 model as llama.cpp names its parts, the matrices in blocks of 8 bits."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("small")
    config = model.config
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = tokenizer.get_vocab()
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.__getitem__))
    writer.add_token_merges([" ".join(pair) for pair in _merges(tokenizer)])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, config.num_hidden_layers)
    for name, weight in model.named_parameters():
        data = weight.detach().numpy()
        kind = gguf.GGMLQuantizationType.Q8_0 if data.ndim == 2 else None
        blocks = data if kind is None else gguf.quants.quantize(data, kind)
        called = names.get_name(name, try_suffixes=(".weight",))
        writer.add_tensor(called, blocks, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _merges(tokenizer: Any) -> list[list[str]]:
    merges: list[list[str]] = orjson.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    return merges


@pytest.fixture(scope="module")
def tokenizer(built: Path) -> Any:
    rows = split_rows(open_data(built, "re", ()), "train")
    return make_tokenizer([row.prompt for row in rows], TinyOptions(vocabulary=600))


@pytest.fixture(scope="module")
def base(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "small-q8_0.gguf"
    write_gguf(path, model_of(tokenizer), tokenizer)
    return path


def test_a_quantized_file_is_loaded_dense_and_without_the_mark_of_a_packed_one(
    base: Path, tokenizer: Any
) -> None:
    model = load_model(find_model(str(base), False, print), "fp32")
    wanted, found = model_of(tokenizer).state_dict(), model.state_dict()
    assert set(found) == set(wanted)
    far = max(float((found[name] - wanted[name]).abs().max()) for name in wanted)
    assert 0 < far < 1e-3  # the rounding of 8 bits, and nothing else
    assert not getattr(model, "is_quantized", False)
    assert {one.dtype for one in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_in_a_gguf_file_trains_and_predicts(
    method: str, base: Path, built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    run = train(built, tmp_path / "runs", base=str(base), method=method, max_steps=4).folder
    assert read_run(run)["state"] == "done"
    answers = list(open_engine(str(run), EngineOptions(), print)[0].answers([Prompt("a", "问")]))
    assert [one.id for one in answers] == ["a"]
    if method == "lora":
        found = merge(run, tmp_path / "merged", print)
        assert found.difference < 1e-3 < found.adapter_effect
        assert load_tokenizer(ModelSource(str(tmp_path / "merged"))).eos_token is not None


def test_a_gguf_file_is_not_quantized_a_second_time(base: Path) -> None:
    with pytest.raises(EngineError, match="is not quantized a second time; use --method lora"):
        load_model(find_model(str(base), False, print), "bf16", quantized=True)
