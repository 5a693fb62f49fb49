"""Arguments of [trainer]: used by the library, or refused in one line, never a traceback."""

import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commands import read_run, run, write_run

import chinchilla.runs.folder as runs
from chinchilla.errors import ChinchillaError, ConfigError, TrainError
from chinchilla.train.config import TrainConfig, read_train_config
from chinchilla.train.prepare import reopen
from chinchilla.train.trainer_args import arguments

KINDS = [
    ("x = 1", "x is no argument of transformers' TrainingArguments"),
    ("__class__ = 1", "__class__ is no argument of transformers' TrainingArguments"),
    ("'' = 1", " is no argument of transformers' TrainingArguments"),
    ("no_cuda = true", "no_cuda is no argument of transformers' TrainingArguments"),
    ("optim = 1", "optim: is the number 1, not what fits here"),
    ("optim = 1979-05-27", "optim: is a date or time, not what fits here"),
    ("adam_beta1 = 'a'", "adam_beta1: is a string, not a number"),
    (
        "dataloader_num_workers = 1.5",
        "dataloader_num_workers: is the number 1.5, not a whole number",
    ),
    ("use_cpu = 'x'", "use_cpu: is a string, not true or false"),
    ("logging_steps = [1]", "logging_steps: is a list, not a number"),
    # taken for open files, standard output among them
    ("accelerator_config = 1", "accelerator_config: is the number 1, not a table"),
    ("fsdp_config = 2", "fsdp_config: is the number 2, not a table"),
    ("deepspeed = 1", "deepspeed: is the number 1, not a table"),
    ("parallelism_config = 1", "parallelism_config: is the number 1, not null"),
]
REFUSED = [
    "optim = 'x'",
    "fsdp = 'x'",
    "fsdp = true",
    "accelerator_config = 'nowhere.json'",
    "accelerator_config = { x = 1 }",
    "adam_beta1 = 5",
    "adam_epsilon = -1",
    "dataloader_num_workers = -1",
    "lr_scheduler_kwargs = { x = 1 }",
    "optim_args = 'x'",
    "torch_compile_backend = 'x'",
    "torch_empty_cache_steps = 0",
    "neftune_noise_alpha = -5",
    "use_liger_kernel = true",
    "log_level = 'x'",
    "debug = 'x'",
]
"""Values of the right kind that no training can be told."""
ELSEWHERE = [
    "push_to_hub = true",
    "hub_model_id = 'a/b'",
    "hub_token = 'x'",
    "trackio_space_id = 'a/b'",
    "trackio_static_space_id = 'a/b'",
]


@pytest.mark.parametrize(("line", "words"), KINDS)
def test_an_unknown_argument_or_a_value_of_another_kind_is_named(line: str, words: str) -> None:
    config = TrainConfig(base="tiny", trainer=tomllib.loads(line))
    with pytest.raises(TrainError) as found:
        arguments(config, 8, Path("here"), evaluates=True)
    assert str(found.value) == f"[trainer]: {words}; correct that argument or leave it out"


@pytest.mark.parametrize("tracker", ["none", "tensorboard", "trackio", "swanlab", "wandb"])
def test_a_tracker_is_passed_to_the_library_as_it_is(tracker: str, tmp_path: Path) -> None:
    config = TrainConfig.model_validate({"base": "tiny", "tracker": tracker})
    wanted = [] if tracker == "none" else [tracker]
    assert arguments(config, 8, tmp_path, evaluates=True).report_to == wanted


@pytest.mark.skipif(find_spec("swanlab") is not None, reason="swanlab is installed here")
def test_a_tracker_that_is_not_installed_is_named(built: Path) -> None:
    words = ("--base", "tiny", "--processed", built, "--tracker", "swanlab")
    done = run("train", "--task", "re", *words)
    assert str(done.exception) == "tracker swanlab: not installed; pip install swanlab"


@pytest.mark.parametrize("line", REFUSED)
def test_a_value_that_the_library_cannot_use_is_one_line_of_ours(
    line: str, built: Path, tmp_path: Path, train: Callable[..., Any], monkeypatch: Any
) -> None:
    for name in ("ACCELERATE_USE_FSDP", "FSDP_CPU_RAM_EFFICIENT_LOADING"):
        monkeypatch.setenv(name, "false")
    with pytest.raises(TrainError) as found:
        train(built, tmp_path, max_steps=2, eval={"rows": 0}, trainer=tomllib.loads(line))
    assert str(found.value).startswith("[trainer]: ")
    assert "\n" not in str(found.value)


def test_a_dry_run_refuses_what_a_training_would(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text("base = 'tiny'\n[trainer]\nx = 1\n", encoding="utf-8")
    words = ("--processed", built, "--config", path, "--dry-run")
    done = run("train", "--task", "re", *words)
    assert isinstance(done.exception, ChinchillaError)
    assert str(done.exception).startswith("[trainer]: x is no argument")


@pytest.mark.parametrize("line", ELSEWHERE)
def test_nothing_is_sent_to_another_machine(
    line: str, tmp_path: Path, full_run: Path, broken_copy: Callable[..., Path]
) -> None:
    path = tmp_path / "train.toml"
    path.write_text(f"[trainer]\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="would send what is trained elsewhere"):
        read_train_config(path, {})
    own = broken_copy(full_run, tmp_path / "run", 3)
    facts = read_run(own)
    write_run(own, facts | {"config": facts["config"] | {"trainer": tomllib.loads(line)}})
    with pytest.raises(ChinchillaError, match="would send what is trained elsewhere"):
        reopen(own, print, trusted=True)


def test_deepspeed_of_a_run_gets_only_what_is_trusted_now(
    tmp_path: Path, full_run: Path, broken_copy: Callable[..., Path]
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    facts = read_run(own)
    told = {"deepspeed": {"tensorboard": {"enabled": True, "output_path": "/"}}}
    facts["config"]["trainer"] = told
    write_run(own, facts)
    with pytest.raises(ConfigError, match=r"in its run\.json, then pass --trust-remote-code"):
        reopen(own, print)
    assert runs.read_run(own).resume_command.endswith(" --trust-remote-code")


@pytest.mark.parametrize("method", ["full", "lora"])
def test_weights_that_the_last_step_destroyed_are_no_finished_run(
    method: str, built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    with pytest.raises(TrainError, match="weights are no numbers after the last step"):
        train(
            built,
            tmp_path,
            method=method,
            max_steps=1,
            learning_rate=1e300,
            warmup=0.0,
            eval={"rows": 0},
        )


@pytest.mark.parametrize("name", ["~nobody-here/base", "~nobody-here/base.gguf"])
def test_a_base_in_the_home_of_nobody_is_one_line(built: Path, name: str) -> None:
    done = run("train", "--task", "re", "--processed", built, "--base", name, "--dry-run")
    assert isinstance(done.exception, ChinchillaError)
