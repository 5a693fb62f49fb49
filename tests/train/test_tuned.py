"""A run as something that answers: loaded as it was trained."""

import shutil
from pathlib import Path

import pytest
import torch

from chinchilla.errors import EngineError
from chinchilla.predict.vllm import VllmOptions
from chinchilla.train.learnt import in_four_bits
from chinchilla.train.merge import merge
from chinchilla.train.probes import probes_of
from chinchilla.train.runs import read_run, write_run
from chinchilla.train.tuned import Wanted, open_engine, vllm_options


def told(run: Path, folder: Path, **settings: object) -> Path:
    """Return a copy of a run that was told other settings."""
    shutil.copytree(run, folder)
    facts = read_run(run)
    write_run(folder, facts | {"config": facts["config"] | settings})
    return folder


@pytest.mark.parametrize(("asked", "used"), [("auto", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")])
def test_a_run_answers_in_the_precision_it_was_told_to_train_in(
    full_run: Path, tmp_path: Path, asked: str, used: str
) -> None:
    if asked == "auto" and torch.cuda.is_available():
        pytest.skip("a GPU may know bf16")
    engine, job = open_engine(
        str(told(full_run, tmp_path / "run", precision=asked)), Wanted(), print
    )
    wanted = {"fp32": torch.float32, "bf16": torch.bfloat16}[used]
    assert (job.options["precision"], engine.model.dtype) == (used, wanted)


def test_a_qlora_run_is_asked_on_a_base_in_four_bits_where_a_gpu_is_there() -> None:
    said: list[str] = []
    found = [
        in_four_bits({"method": method}, place, said.append)
        for method, place in (("qlora", "cuda"), ("qlora", "cpu"), ("lora", "cuda"))
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
    assert open_engine(str(run), Wanted(), said.append)[1].options["quantized"] is False
    assert merge(run, tmp_path / "merged", probes_of(run), said.append).rounding is None
    assert [words[:33] for words in said] == 2 * ["trained on a base in 4 bits, which"[:33]]


def test_vllm_is_handed_the_base_the_adapter_and_the_tokens_of_a_run(lora_run: Path) -> None:
    options, encode = vllm_options(str(lora_run), 0, print)
    engine, _ = open_engine(str(lora_run), Wanted(), print)
    assert options == VllmOptions(
        str(lora_run / "base"),
        lora_run / "model",
        max_tokens=engine.max_new_tokens,
        stops=engine.chat.stops,
    )
    assert encode("问") == engine.chat.prompts(["问"])[0]


def test_vllm_runs_the_code_of_a_model_only_where_it_was_told_to(
    base: Path, full_run: Path, tmp_path: Path
) -> None:
    run = told(full_run, tmp_path / "run", trust_remote_code=True)
    found = [
        vllm_options(str(name), 9, print, trusted)[0]
        for name, trusted in ((run, False), (full_run, False), (base, True), (base, False))
    ]
    assert [one.arguments for one in found] == [{"trust_remote_code": True}, {}] * 2
    assert [one.model for one in found] == [
        *(str(run / "model"), str(full_run / "model")),
        *(str(base), str(base)),
    ]


def test_vllm_is_not_handed_a_gguf_file(lora_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tmp_path / "small.gguf"
    file.touch()
    run = told(lora_run, tmp_path / "run", base=str(file))
    write_run(run, read_run(run) | {"demo": False})
    for name in (file, run):
        with pytest.raises(EngineError) as found:
            vllm_options(str(name), 9, print)
        assert str(found.value) == (
            f"{file}: a GGUF file is not handed to vLLM; pass what `chinchilla merge` writes, or "
            "use --engine transformers"
        )
