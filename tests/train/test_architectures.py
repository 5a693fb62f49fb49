"""Every family of causal models goes through the whole loop: train, save, load, merge, predict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers

from chinchilla.predict.chat import Chat
from chinchilla.predict.engine import Prompt
from chinchilla.predict.loading import Source, load_model, load_tokenizer
from chinchilla.predict.local import LocalEngine
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import open_data, split_rows
from chinchilla.train.merge import merge
from chinchilla.train.probes import probes_of
from chinchilla.train.runs import read_run
from chinchilla.train.tiny import make_tokenizer
from chinchilla.train.tuned import Wanted, open_engine

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
    # Baichuan 7B is LLaMA's architecture with its weights packed; its 13B uses ALiBi as Bloom
    "baichuan": ("Llama", {**WIDTH, "num_key_value_heads": 2, "tie_word_embeddings": False}),
    "gemma3": ("Gemma3Text", {**WIDTH, "head_dim": 16, "sliding_window": 64}),
    "aquila2": ("Llama", {**WIDTH, "num_key_value_heads": 1}),
}


def make_base(family: str, tokenizer: Any, folder: Path) -> None:
    name, sizes = FAMILIES[family]
    transformers.set_seed(0)
    ends = {"pad_token_id": 0, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    config = getattr(transformers, f"{name}Config")(vocab_size=len(tokenizer), **ends, **sizes)
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def tokenizer(built: Path) -> Any:
    rows = list(split_rows(open_data(built, "re", ()), "train"))
    return make_tokenizer([row.prompt for row in rows], TinyOptions(vocabulary=600))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_family_trains_saves_loads_merges_and_predicts(
    family: str, built: Path, tokenizer: Any, tmp_path: Path, train: Callable[..., Any]
) -> None:
    base = tmp_path / "base"
    make_base(family, tokenizer, base)
    run = train(
        built,
        tmp_path / "runs",
        base=str(base),
        method="lora",
        max_steps=4,
        eval={"rows": 4, "steps": 2},
    ).folder
    assert read_run(run)["state"] == "done"
    rows = list(split_rows(open_data(built, "re", ()), "dev"))[:6]
    prompts = [Prompt(row.id, row.prompt) for row in rows]
    tuned, _ = open_engine(str(run), Wanted(batch_size=3), print)
    answers = {one.id: one for one in tuned.answers(prompts)}
    assert list(answers) != []
    assert set(answers) == {row.id for row in rows}
    out = tmp_path / "merged"
    found = merge(run, out, probes_of(run), print)
    assert found.difference < 1e-3 < found.learnt
    chat = Chat(load_tokenizer(Source(str(out))))
    merged = LocalEngine(load_model(Source(str(out)), "fp32"), chat, tuned.max_new_tokens, 3)
    assert {one.id: one for one in merged.answers(prompts)} == answers


@pytest.mark.parametrize("family", ["qwen3", "bloom"])
def test_a_family_trains_whole(
    family: str, built: Path, tokenizer: Any, tmp_path: Path, train: Callable[..., Any]
) -> None:
    base = tmp_path / "base"
    make_base(family, tokenizer, base)
    run = train(built, tmp_path / "runs", base=str(base), method="full", max_steps=2).folder
    answers = list(open_engine(str(run), Wanted(), print)[0].answers([Prompt("a", "问")]))
    assert [one.id for one in answers] == ["a"]
