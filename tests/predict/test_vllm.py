"""The vLLM engine: what it hands over and what it takes back, as plain values."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chinchilla.answers import Query
from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.engine import Answer, Limits, Prompt
from chinchilla.predict.vllm import (
    Vllm,
    VllmOptions,
    adapter_rank,
    load,
    to_answer,
    to_arguments,
    to_sampling,
)
from chinchilla.schema import Label

LIMITS = Limits("json", Query("ner", (Label(key="per", name="person"),)), "text")


def output(text: str, finish: str = "stop") -> Any:
    first = SimpleNamespace(text=text, token_ids=(5, 6, 7), finish_reason=finish)
    return SimpleNamespace(outputs=[first])


class Batches:
    """Answer each request with its own words, and keep what was asked."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, Any]]] = []

    def __call__(self, requests: list[dict[str, Any]]) -> Sequence[Any]:
        self.asked.append(requests)
        return [
            output(str(request.get("messages") or request["prompt_token_ids"]))
            for request in requests
        ]


def test_prompts_become_conversations_sampled_greedily() -> None:
    batches = Batches()
    engine = Vllm(VllmOptions("qwen", max_tokens=9, seed=3), batches)
    said = [{"role": "user", "content": "text"}]
    assert list(engine.answers([Prompt("a", "text")])) == [Answer("a", str(said), 3, False)]
    sampling = {"temperature": 0.0, "max_tokens": 9, "seed": 3}
    assert batches.asked == [[{"messages": said, "sampling": sampling}]]


def test_prompts_go_in_batches_and_come_back_in_order() -> None:
    batches = Batches()
    prompts = [Prompt(str(number), "text") for number in range(5)]
    answers = list(Vllm(VllmOptions("qwen", batch=2), batches).answers(iter(prompts)))
    assert [answer.id for answer in answers] == ["0", "1", "2", "3", "4"]
    assert [len(batch) for batch in batches.asked] == [2, 2, 1]


def test_a_grammar_is_sampled_with_where_a_prompt_has_limits() -> None:
    batches = Batches()
    engine = Vllm(VllmOptions("qwen"), batches, grammar=lambda limits: f"start: /{limits.form}/")
    list(engine.answers([Prompt("a", "text", LIMITS), Prompt("b", "text")]))
    found = [request["sampling"].get("grammar") for request in batches.asked[0]]
    assert found == ["start: /json/", None]


def test_tokens_are_handed_over_where_an_encoder_is_given() -> None:
    batches = Batches()
    engine = Vllm(VllmOptions("tiny"), batches, encode=lambda text: [len(text)])
    assert [answer.raw for answer in engine.answers([Prompt("a", "text")])] == ["[4]"]
    assert "messages" not in batches.asked[0][0]


def test_the_ends_of_an_answer_are_handed_over() -> None:
    found = to_sampling(VllmOptions("qwen", stops=(7, 2)), None)
    assert found == {"temperature": 0.0, "max_tokens": 512, "seed": 0, "stop_token_ids": [7, 2]}


def test_an_answer_that_met_the_limit_is_cut() -> None:
    assert to_answer("a", output("[{", "length")) == Answer("a", "[{", 3, True)


def adapter(folder: Path, **fields: Any) -> Path:
    text = json.dumps({"r": 8, **fields})
    (folder / "adapter_config.json").write_text(text, encoding="utf-8")
    return folder


def test_an_adapter_and_grammars_are_announced_when_the_model_is_loaded(tmp_path: Path) -> None:
    options = VllmOptions("qwen", adapter(tmp_path, r=12), arguments={"max_model_len": 4096})
    assert to_arguments(options, constrained=True) == {
        "model": "qwen",
        "seed": 0,
        "enable_lora": True,
        "max_lora_rank": 16,
        "structured_outputs_config": {"backend": "guidance"},
        "max_model_len": 4096,
    }
    assert to_arguments(VllmOptions("qwen"), constrained=False) == {"model": "qwen", "seed": 0}


RANKS = [({"r": 8}, 8), ({"r": 9}, 16), ({"r": 4, "rank_pattern": {"q_proj": 200}}, 256)]


@pytest.mark.parametrize(("fields", "rank"), RANKS)
def test_the_rank_told_to_vllm_holds_the_adapter(
    tmp_path: Path, fields: dict[str, Any], rank: int
) -> None:
    assert adapter_rank(adapter(tmp_path, **fields)) == rank


REFUSED = [
    ({"use_dora": True}, "vLLM cannot load an adapter with use_dora; merge it"),
    ({"modules_to_save": ["lm_head"]}, "vLLM cannot load an adapter with modules_to_save; merge"),
    ({"r": 1024}, "rank 1024 is more than vLLM takes; merge it"),
    ({"r": "8"}, "not an adapter; pass the folder of a run"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_an_adapter_that_vllm_cannot_load_is_refused_before_loading(
    tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(EngineError) as caught:
        adapter_rank(adapter(tmp_path, **fields))
    assert str(caught.value).startswith(f"{tmp_path / 'adapter_config.json'}: {words}")


def test_a_folder_without_an_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="not an adapter"):
        adapter_rank(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_where_vllm_is_missing_the_command_that_installs_it_is_given() -> None:
    with pytest.raises(EngineError) as caught:
        load(VllmOptions("qwen"), constrained=False)
    assert str(caught.value).startswith("vllm: cannot be imported (")
    assert str(caught.value).endswith("; pip install 'chinchilla[vllm]'")


def test_numbers_that_answer_nothing_are_refused() -> None:
    for fields in ({"batch": 0}, {"max_tokens": 0}):
        with pytest.raises(ConfigError, match="0 is too few"):
            VllmOptions("qwen", **fields)  # type: ignore[arg-type]


def test_the_job_names_model_adapter_and_limits(tmp_path: Path) -> None:
    options = VllmOptions("qwen", tmp_path, batch=4)
    assert options.job(constrained=True) == (
        "vllm",
        "qwen",
        {"adapter": str(tmp_path), "max_tokens": 512, "seed": 0, "arguments": {}},
        True,
    )
