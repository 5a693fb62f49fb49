"""Every family of causal models goes through the whole loop: train, save, load, merge, predict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bases import FAMILIES, PACKED, make_base
from commands import read_run

from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import Prompt
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import ModelSource, load_model, load_tokenizer
from chinchilla.runs.model import EngineOptions, open_engine
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import open_data, split_rows
from chinchilla.train.merge import merge
from chinchilla.train.tiny import make_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def tokenizer(built: Path) -> Any:
    rows = list(split_rows(open_data(built, "re", ()), "train"))
    return make_tokenizer([row.prompt for row in rows], TinyOptions(vocabulary=600))


@pytest.mark.parametrize("family", [*FAMILIES, PACKED])
def test_a_family_trains_saves_loads_merges_and_predicts(
    family: str, built: Path, tokenizer: Any, tmp_path: Path, train: Callable[..., Any]
) -> None:
    base, trusted = tmp_path / "base", family == PACKED
    make_base(family, tokenizer, base)
    run = train(
        built,
        tmp_path / "runs",
        base=str(base),
        method="lora",
        trust_remote_code=trusted,
        max_steps=4,
        eval={"rows": 4, "steps": 2},
    ).folder
    assert read_run(run)["state"] == "done"
    rows = list(split_rows(open_data(built, "re", ()), "dev"))[:6]
    prompts = [Prompt(row.id, row.prompt) for row in rows]
    tuned, _ = open_engine(str(run), EngineOptions(batch_size=3), print, trusted)
    answers = {one.id: one for one in tuned.answers(prompts)}
    assert list(answers) != []
    assert set(answers) == {row.id for row in rows}
    out = tmp_path / "merged"
    found = merge(run, out, print, trusted)
    assert found.difference < 1e-3 < found.adapter_effect
    source = ModelSource(str(out), trusted=trusted)
    chat = ChatTemplate(load_tokenizer(source))
    merged = LocalEngine(load_model(source, "fp32"), chat, tuned.max_new_tokens, 3)
    assert {one.id: one for one in merged.answers(prompts)} == answers


@pytest.mark.parametrize("family", ["qwen3", "bloom", PACKED])
def test_a_family_trains_whole(
    family: str, built: Path, tokenizer: Any, tmp_path: Path, train: Callable[..., Any]
) -> None:
    base, trusted = tmp_path / "base", family == PACKED
    make_base(family, tokenizer, base)
    own = {"base": str(base), "method": "full", "trust_remote_code": trusted}
    run = train(built, tmp_path / "runs", **own, max_steps=2).folder
    engine, _ = open_engine(str(run), EngineOptions(), print, trusted)
    answers = list(engine.answers([Prompt("a", "问")]))
    assert [one.id for one in answers] == ["a"]
