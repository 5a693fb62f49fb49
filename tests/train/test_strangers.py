"""A run, a base or a checkpoint of a stranger: nothing in it is executed, and each says why not."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from commands import good, read_run, run, write_run
from safetensors.torch import load_file

from chinchilla.errors import ChinchillaError, EngineError, TrainError
from chinchilla.predict.engine import Prompt
from chinchilla.predict.model_loading import find_model, load_model, load_tokenizer
from chinchilla.runs.model import EngineOptions, open_engine
from chinchilla.train.config import LoraOptions
from chinchilla.train.fit import fit
from chinchilla.train.model import add_adapter
from chinchilla.train.prepare import reopen

Broken = Callable[[Path, Path, int], Path]
CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

Path({marker!r}).touch()


class Config(LlamaConfig):
    pass


class Model(LlamaForCausalLM):
    config_class = Config


class Tokenizer(PreTrainedTokenizerFast):
    pass
"""
MAP = {
    "AutoConfig": "evil.Config",
    "AutoModelForCausalLM": "evil.Model",
    "AutoTokenizer": [None, "evil.Tokenizer"],
    "AutoProcessor": "evil.Tokenizer",
}


def change(path: Path, **more: Any) -> None:
    known = orjson.loads(path.read_bytes()) if path.is_file() else {}
    path.write_bytes(orjson.dumps(known | more))


def poison(folder: Path, marker: Path) -> None:
    """Put code that leaves a mark, and settings that ask for it, wherever a library may look."""
    code = CODE.format(marker=str(marker))
    (folder / "evil.py").write_text(code, encoding="utf-8")
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(code, encoding="utf-8")
    for name in ("config", "tokenizer_config", "processor_config", "generation_config"):
        if (folder / f"{name}.json").is_file() or name == "processor_config":
            more = {"auto_map": MAP, "trust_remote_code": True}
            change(folder / f"{name}.json", **more)
    for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(Touch(marker), protocol=2))


class Touch:
    """Leaves a mark when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("kind", ["lora_run", "full_run"])
def test_no_command_runs_the_code_of_a_run(
    kind: str, told: bool, marker: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    own = Path(shutil.copytree(request.getfixturevalue(kind), tmp_path / "run"))
    for name in ("model", "base"):
        if (own / name).is_dir():
            poison(own / name, marker)
    facts = read_run(own)
    write_run(own, facts | {"config": facts["config"] | {"trust_remote_code": told}})
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(b'{"text": "\xe7\x94\xb2", "source": "finre"}\n')
    commands: list[tuple[str | Path, ...]] = [
        ("predict", own, "--input", texts),
        ("eval", "--run", own),
        ("merge", own, "--out", tmp_path / "merged"),
    ]
    for words in commands:
        done = run(*words)
        assert done.exception is None or isinstance(done.exception, ChinchillaError | SystemExit)
        if told and (kind, words[0]) != ("full_run", "merge"):
            asked = "read that code, then pass --trust-remote-code"
            assert str(done.exception).endswith(asked)
    assert not marker.exists()


def test_a_run_that_is_gone_on_with_runs_no_code(
    full_run: Path, broken_copy: Broken, marker: Path, tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    poison(own / "checkpoints" / "checkpoint-3", marker)
    facts = read_run(own)
    write_run(own, facts | {"config": facts["config"] | {"trust_remote_code": True}})
    done = run("train", "--resume", own)
    assert str(done.exception).endswith("read that code, then pass --trust-remote-code")
    write_run(own, facts)
    good("train", "--resume", own)
    assert not marker.exists()


def test_a_base_runs_no_code_unless_this_call_says_so(
    base: Path, built: Path, marker: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    poison(own, marker)
    words = ("--processed", built, "--out", tmp_path / "runs", "--max-steps", "1")
    run("train", "--task", "re", "--base", own, *words, "--dry-run")
    assert not marker.exists()
    run("train", "--task", "re", "--base", own, *words, "--dry-run", "--trust-remote-code")
    assert marker.exists(), "the code of this test is none that a library would run"
    marker.unlink()
    config = tmp_path / "train.toml"
    config.write_text("trust_remote_code = true\n", encoding="utf-8")
    done = run("train", "--task", "re", "--base", own, *words, "--config", config)
    assert str(done.exception) == (
        f"{config}: trust_remote_code = true in a file lets no code run; "
        "read that code, then pass --trust-remote-code"
    )
    assert not marker.exists()


STRANGE = [
    ({"auto_mapping": {"parent_library": "evil", "base_model_class": "X"}}, "auto_mapping"),
    ({"megatron_config": {"a": 1}, "megatron_core": "evil"}, "megatron_config"),
    ({"megatron_core": "evil"}, "megatron_core"),
    ({"corda_config": {"cache_file": "/x"}}, "corda_config"),
    ({"rank_pattern": {"(a+)+$": 4}}, "rank_pattern"),
    ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ({"of_tomorrow": "x"}, "of_tomorrow"),
]


@pytest.mark.parametrize(("more", "name"), STRANGE)
def test_an_adapter_that_asks_for_more_than_ours_is_not_followed(
    lora_run: Path, tmp_path: Path, more: dict[str, Any], name: str
) -> None:
    own = Path(shutil.copytree(lora_run, tmp_path / "run"))
    path = own / "model" / "adapter_config.json"
    change(path, **more)
    done = run("merge", own, "--out", tmp_path / "merged")
    assert str(done.exception) == (
        f"{path}: it sets {name}, which no run of chinchilla does; "
        "pass a run that `chinchilla train` wrote"
    )


@pytest.mark.parametrize(
    "more",
    [{"peft_type": "IA3"}, {"target_modules": "(a+)+"}, {"r": "4"}, {"init_lora_weights": "eva"}],
)
def test_an_adapter_of_another_kind_is_refused_in_one_line(
    lora_run: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    own = Path(shutil.copytree(lora_run, tmp_path / "run"))
    path = own / "model" / "adapter_config.json"
    change(path, **more)
    done = run("predict", own, "--input", "-")
    assert str(done.exception).startswith(f"{path}: not an adapter of ours ({next(iter(more))}")


def test_the_name_of_a_base_in_an_adapter_is_not_followed(lora_run: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(lora_run, tmp_path / "run"))
    change(own / "model" / "adapter_config.json", base_model_name_or_path="a/stranger")
    good("merge", own, "--out", tmp_path / "merged")


def test_pickled_weights_alone_are_no_run(lora_run: Path, tmp_path: Path, marker: Path) -> None:
    own = Path(shutil.copytree(lora_run, tmp_path / "run"))
    poison(own / "model", marker)
    (own / "model" / "adapter_model.safetensors").unlink()
    done = run("predict", own, "--input", "-")
    assert str(done.exception).startswith(f"{own / 'model'}: no weights are here;")
    assert not marker.exists()


def test_pickled_weights_of_a_base_are_read_as_weights_alone(
    base: Path, tmp_path: Path, marker: Path
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    (own / "model.safetensors").unlink()
    poison(own, marker)
    with pytest.raises(EngineError, match="the model cannot be loaded"):
        load_model(find_model(str(own), False, print), "fp32")
    assert not marker.exists()
    torch.save(load_file(base / "model.safetensors"), own / "pytorch_model.bin")
    assert load_model(find_model(str(own), False, print), "fp32").num_parameters()


def test_a_base_with_an_adapter_or_a_kernel_of_the_hub_is_refused(
    base: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    change(own / "config.json", text_config={"attn_implementation": "a/kernel"})
    with pytest.raises(EngineError) as found:
        load_model(find_model(str(own), False, print), "fp32")
    assert str(found.value) == (
        f"{own}: its config.json asks for code of the hub (attn_implementation is a/kernel); "
        "read that code, then pass --trust-remote-code"
    )
    change(own / "adapter_config.json", base_model_name_or_path="a/stranger")
    with pytest.raises(EngineError, match="holds an adapter, not a whole model"):
        load_model(find_model(str(own), False, print), "fp32")


@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b"{", b"\xff"])
def test_a_configuration_that_is_none_is_one_line(
    base: Path, tmp_path: Path, content: bytes
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    (own / "config.json").write_bytes(content)
    with pytest.raises(EngineError, match="the configuration cannot be loaded"):
        load_model(find_model(str(own), False, print), "fp32")


def test_a_link_out_of_a_run_is_not_followed(full_run: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(full_run, tmp_path / "run"))
    shutil.rmtree(own / "eval", ignore_errors=True)
    (tmp_path / "others").mkdir()
    (own / "eval").symlink_to(tmp_path / "others")
    done = run("eval", "--run", own)
    assert str(done.exception) == (
        f"{own / 'eval'}: a link that leads out of the run {own}; "
        "put the file itself there, or train again"
    )


def test_no_file_of_a_run_holds_pickled_arguments(lora_run: Path, full_run: Path) -> None:
    for folder in (lora_run, full_run):
        assert list(folder.rglob("training_args.bin")) == []
        pickled = [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pth")]
        assert {path.name for path in pickled} == {"optimizer.pt", "scheduler.pt", "rng_state.pth"}
        assert {path.parent.parent.name for path in pickled} == {"checkpoints"}


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
@pytest.mark.parametrize("how", ["evil", "cut", "gone", "other"])
def test_a_state_that_is_no_state_ends_in_one_line_and_runs_nothing(
    name: str, how: str, full_run: Path, broken_copy: Broken, marker: Path, tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    path = own / "checkpoints" / "checkpoint-3" / name
    if how == "evil":
        torch.save(Touch(marker), path)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "other":
        torch.save({"a": 1}, path)
    else:
        path.unlink()
    with pytest.raises(TrainError) as found:
        fit(reopen(own, print), own, lambda moment: None)
    assert str(found.value).startswith(f"{path.parent}: ")
    assert str(found.value).endswith(
        "; remove this checkpoint to go on from the one before it, or train again"
    )
    assert "\n" not in str(found.value)
    assert not marker.exists()


PATIENCE = {"early_stopping_patience_counter": "x"}
STATES: list[dict[str, Any]] = [
    {"global_step": "x"},
    {"best_model_checkpoint": "/etc"},
    {"best_model_checkpoint": "x/.."},
    {"stateful_callbacks": 1},
    {"stateful_callbacks": {"EarlyStoppingCallback": 1}},
    {"stateful_callbacks": {"EarlyStoppingCallback": {"attributes": PATIENCE}}},
    {"of_tomorrow": 1},
    {"log_history": [{"loss": 1.0}]},
    {"log_history": ["x"]},
    {"log_history": [{"step": "/etc/passwd", "loss": 1.0}]},
    {"log_history": [{"step": 1, "loss": [[1]]}]},
    {"total_flos": "x"},
    {"epoch": None},
]


@pytest.mark.parametrize("more", STATES, ids=str)
def test_a_checkpoint_that_was_edited_ends_in_one_line(
    more: dict[str, Any], full_run: Path, broken_copy: Broken, tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    change(own / "checkpoints" / "checkpoint-3" / "trainer_state.json", **more)
    with pytest.raises(TrainError) as found:
        fit(reopen(own, print), own, lambda moment: None)
    assert str(found.value).startswith(f"{own / 'checkpoints'}")


def test_no_attribute_of_a_callback_is_set_by_a_checkpoint(
    full_run: Path, broken_copy: Broken, tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    strange = {"args": {"evil": 1}, "attributes": {"on_step_end": 1, "should_save": True}}
    callbacks = {"TrainingCallback": strange, "TrainerControl": strange, "Unlogged": 1}
    path = own / "checkpoints" / "checkpoint-3" / "trainer_state.json"
    change(path, stateful_callbacks=callbacks)
    assert fit(reopen(own, print), own, lambda moment: None).steps == 6


def test_a_run_that_was_moved_keeps_the_best_checkpoint_of_before(
    full_run: Path, broken_copy: Broken, tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    path = own / "checkpoints" / "checkpoint-3" / "trainer_state.json"
    change(path, best_metric=2.0, best_model_checkpoint="/moved/checkpoints/checkpoint-3")
    fit(reopen(own, print), own, lambda moment: None)
    best = load_file(path.parent / "model.safetensors")
    kept = load_file(own / "model" / "model.safetensors")
    assert all(torch.equal(kept[name], best[name]) for name in best)


@pytest.mark.parametrize("name", ["lm_head", "embed_tokens"])
def test_an_adapter_on_weights_that_two_modules_share_is_refused_before_it_is_trained(
    base: Path, name: str
) -> None:
    model = load_model(find_model(str(base), False, print), "fp32")
    model.config.tie_word_embeddings = True
    model.tie_weights()
    with pytest.raises(TrainError) as found:
        add_adapter(model, LoraOptions(targets=("q_proj", name)))
    assert str(found.value) == (
        f"lora.targets: {name} shares its weights with another module of this base; "
        "leave it out of lora.targets, as an adapter there could never be merged"
    )


def test_an_adapter_on_weights_of_their_own_is_made(base: Path) -> None:
    model = load_model(find_model(str(base), False, print), "fp32")
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    if tied:
        copy = torch.nn.Parameter(model.lm_head.weight.detach().clone())
        model.lm_head.weight = copy
        model.config.tie_word_embeddings = False
    assert add_adapter(model, LoraOptions(targets=("lm_head",)))


def test_labels_of_a_run_that_were_edited_are_not_asked(full_run: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(full_run, tmp_path / "run"))
    path = own / "labels.json"
    path.write_bytes(path.read_bytes().replace("收购".encode(), "合作".encode(), 1))
    done = run("predict", own, "--input", "-")
    assert str(done.exception) == (
        f"{path}: not the file that run.json names; run `chinchilla build` again"
    )


@pytest.mark.parametrize("length", ["2026", ["x"], {}])
def test_a_tokenizer_that_cannot_work_with_its_own_settings_is_refused(
    base: Path, tmp_path: Path, length: Any
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    change(own / "tokenizer_config.json", model_max_length=length)
    with pytest.raises(EngineError, match="the tokenizer cannot be loaded"):
        load_tokenizer(find_model(str(own), False, print))


def test_padding_that_the_model_does_not_know_is_refused_by_all_that_pad(
    base: Path, built: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(base, tmp_path / "own"))
    change(own / "tokenizer_config.json", pad_token="<added>")
    words = (
        "train",
        "--task",
        "re",
        "--base",
        own,
        "--processed",
        built,
        "--out",
        tmp_path / "runs",
    )
    told = [str(run(*words).exception), str(run(*words, "--dry-run").exception)]
    engine, _ = open_engine(str(own), EngineOptions(), print)
    with pytest.raises(EngineError) as found:
        list(engine.answers([Prompt("a", "?")]))
    for one in (*told, str(found.value)):
        assert one.endswith("; pass a base whose tokenizer fits its weights")


def test_a_training_says_what_it_begins_with_line_by_line(base: Path, built: Path) -> None:
    done = good("train", "--task", "re", "--base", base, "--processed", built, "--dry-run")
    told = done.stderr.splitlines()
    assert told[0].endswith(" rows of dev at each evaluation")
    assert told[1].startswith(f"base {base}, method lora, peak learning rate ")
    assert "\\n" not in done.stderr
