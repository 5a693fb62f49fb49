"""The model of a run: loaded and answering as it was trained."""

import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import torch
from commands import read_run, write_run

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.engine import Prompt
from chinchilla.runs import folder as runs
from chinchilla.runs.model import EngineOptions, in_four_bits, open_engine, trained_by
from chinchilla.train.merge import merge
from chinchilla.train.prepare import reopen

Train = Callable[..., runs.Run]


def changed(run: Path, folder: Path, **settings: object) -> Path:
    """Return a copy of a run with other settings."""
    shutil.copytree(run, folder)
    facts = read_run(run)
    write_run(folder, facts | {"config": facts["config"] | settings})
    return folder


@pytest.mark.parametrize(("asked", "used"), [("auto", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")])
def test_a_run_answers_in_the_precision_it_was_trained_in(
    full_run: Path, tmp_path: Path, asked: str, used: str
) -> None:
    if asked == "auto" and torch.cuda.is_available():
        pytest.skip("a GPU may know bf16")
    engine, job = open_engine(
        str(changed(full_run, tmp_path / "run", precision=asked)), EngineOptions(), print
    )
    wanted = {"fp32": torch.float32, "bf16": torch.bfloat16}[used]
    assert (job.options["precision"], engine.model.dtype) == (used, wanted)


def test_a_qlora_run_is_asked_on_a_base_in_four_bits_where_a_gpu_is_there() -> None:
    said: list[str] = []
    found = [
        in_four_bits(method, on, said.append)
        for method, on in (("qlora", "cuda"), ("qlora", "cpu"), ("lora", "cuda"))
    ]
    assert found == [True, False, False]
    assert said == [
        "trained on a base in 4 bits, which needs a GPU: it is loaded whole, answers may differ"
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU loads the base in 4 bits")
def test_without_a_gpu_a_qlora_run_says_that_its_base_is_whole_and_is_merged(
    lora_run: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", list[str]()
    shutil.copytree(lora_run, run)
    write_run(run, read_run(run) | {"method": "qlora"})
    assert open_engine(str(run), EngineOptions(), said.append)[1].options["quantized"] is False
    assert merge(run, tmp_path / "merged", said.append).rounding is None
    assert [words[:33] for words in said] == 2 * ["trained on a base in 4 bits, which"[:33]]


def test_the_penalties_of_a_base_change_no_answer(base: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict"
    shutil.copytree(base, strict)
    prompts = [Prompt(str(number), "公司收购了" * number) for number in range(1, 9)]
    plain, _ = open_engine(str(base), EngineOptions(max_new_tokens=12), print)
    wanted = {one.id: one for one in plain.answers(prompts)}
    said = plain.chat.tokenizer(["".join(one.raw for one in wanted.values())])["input_ids"][0]
    own = {"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "suppress_tokens": said[:3]}
    (strict / "generation_config.json").write_bytes(orjson.dumps(own))
    engine, _ = open_engine(str(strict), EngineOptions(max_new_tokens=12), print)
    settings = engine.model.generation_config
    assert settings.repetition_penalty == 9.0
    assert {one.id: one for one in engine.answers(prompts)} == wanted
    assert engine.model.generation_config is settings


def ending(folder: Path) -> tuple[object, ...]:
    said = orjson.loads((folder / "generation_config.json").read_bytes())
    return (said["eos_token_id"], said["pad_token_id"], said.get("do_sample", False))


def test_what_is_served_elsewhere_ends_its_answers_as_here(
    full_run: Path, lora_run: Path, tmp_path: Path
) -> None:
    merge(lora_run, tmp_path / "merged", print)
    for run, folder in ((full_run, full_run / "model"), (lora_run, tmp_path / "merged")):
        chat = open_engine(str(run), EngineOptions(), print)[0].chat
        assert ending(folder) == (list(chat.stops), chat.pad, False)


def test_an_adapter_that_is_gone_is_one_line_and_no_query_to_the_hub(
    lora_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(lora_run, run)
    path = run / "model" / "adapter_model.safetensors"
    path.unlink()
    with pytest.raises(ConfigError) as gone:
        open_engine(str(run), EngineOptions(), print)
    todo = "copy the whole run again, or train again"
    assert str(gone.value) == f"{run / 'model'}: no weights are here; {todo}"
    trained = trained_by(runs.read_run(run), print)
    with pytest.raises(EngineError, match="the adapter cannot be loaded") as found:
        trained.load("fp32")
    assert "\n" not in str(found.value)


def test_a_base_that_is_another_by_now_is_refused(
    built: Path, base: Path, tmp_path: Path, train: Train
) -> None:
    under = tmp_path / "base"
    shutil.copytree(base, under)
    run = train(built, tmp_path / "runs", base=str(under), method="lora", max_steps=1).folder
    open_engine(str(run), EngineOptions(), print)
    path = under / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(EngineError) as found:
        open_engine(str(run), EngineOptions(), print)
    assert str(found.value) == (
        f"{run}: its base {under} is not the one that it was trained on; "
        "put that one back, or train again"
    )
    write_run(run, read_run(run) | {"state": "running"})
    with pytest.raises(EngineError, match="is not the one that it was trained on"):
        reopen(run, print)
    path.write_bytes(whole)
    open_engine(str(_finished(run)), EngineOptions(), print)


def _finished(run: Path) -> Path:
    write_run(run, read_run(run) | {"state": "done"})
    return run
