"""The commands of the loop: train and merge, and what all of them say when they cannot."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bases import PACKED, make_base
from commands import good, read_run, run, write_run

from chinchilla.errors import ChinchillaError
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import open_data, split_rows
from chinchilla.train.tiny import make_tokenizer


def test_merge_says_that_logits_agree(lora_run: Path, tmp_path: Path) -> None:
    done = good("merge", lora_run, "--out", tmp_path / "merged")
    assert done.stderr.startswith("logits agree: merged and adapter differ by ")
    assert done.stdout == f"{tmp_path / 'merged'}\n"
    assert (tmp_path / "merged" / "config.json").is_file()


def test_a_dry_run_says_what_a_training_takes_and_writes_nothing(
    built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    words = ("--processed", built, "--out", out, "--max-steps", "2", "--dry-run")
    done = good("train", "--task", "re", "--base", "tiny", *words)
    found = [line.split("  ")[0] for line in done.stdout.splitlines()[2:]]
    assert found == [
        *("rows", "rows refused", "tokens an epoch", "parameters", "memory, about"),
        *("steps", "tokens a second", "time of the steps, about", "evaluations on dev"),
    ]
    assert done.stdout.splitlines()[-1].split("  ")[-1].startswith("2, each 0 min ")
    assert not out.exists()


def test_a_run_that_trusts_the_code_of_its_base_needs_the_option_each_time(
    built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    rows = split_rows(open_data(built, "re", ()), "train")
    base = tmp_path / "base"
    texts = [row.prompt for row in rows]
    make_base(PACKED, make_tokenizer(texts, TinyOptions(vocabulary=600)), base)
    own = {"base": str(base), "method": "lora", "max_steps": 2, "learning_rate": 0.01}
    trained = train(built, tmp_path / "runs", **own, trust_remote_code=True).folder
    trusting = "--trust-remote-code"
    good("eval", "--run", trained, trusting)
    gold = trained / "eval" / "dev" / "free" / "finre-re-pair" / "gold.jsonl"
    assert good("predict", trained, "--input", gold, trusting).stdout
    good("merge", trained, "--out", tmp_path / "merged", trusting)
    for words in uses(trained, tmp_path / "other"):
        assert str(run(*words).exception) == (
            f"{trained}: trained with code that its base brought along; "
            "read that code, then pass --trust-remote-code"
        )
    assert (tmp_path / "merged" / "modeling_packed.py").is_file()
    untold = run("train", "--task", "re", "--base", base, "--processed", built, "--out", tmp_path)
    assert str(untold.exception).endswith("read that code, then pass --trust-remote-code")


ERRORS: list[tuple[tuple[str, ...], str]] = [
    (("train", "--task", "re", "--processed", "nowhere"), "nowhere: no build is here"),
    (("eval", "--runs", "nowhere"), "nowhere: no finished run; run `chinchilla train` first"),
    (("eval", "--run", "nowhere"), "nowhere: no run is here (run.json is missing); pass a folder"),
    (("merge", "nowhere", "--out", "x"), "nowhere: no run is here (run.json is missing)"),
    (
        ("predict", "nowhere", "--input", "-"),
        "nowhere: not a run, so it brings no labels and no prompts; pass --processed with a build",
    ),
    (
        (*("predict", "m", "--engine", "openai", "--processed", "{built}", "--input", "{empty}"),),
        "--engine openai: no endpoint; pass --base-url, as far as /v1",
    ),
    (
        (
            *("predict", "m", "--base-url", "http://h/v1", "--processed", "{built}"),
            *("--input", "{empty}", "--extra", "[1]"),
        ),
        "--extra: not an object; write a JSON object",
    ),
    (("train", "--task", "re", "--config", "no.toml"), "no.toml: No such file or directory"),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_an_error_says_where_what_and_what_to_do(
    words: tuple[str, ...], message: str, built: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    done = run(*(word.format(built=built, empty=empty) for word in words))
    assert isinstance(done.exception, ChinchillaError), done.output
    assert str(done.exception).startswith(message)


def test_the_tasks_of_a_build_are_named_where_another_is_asked_for(built: Path) -> None:
    done = run("train", "--task", "ner", "--base", "tiny", "--processed", built)
    assert str(done.exception) == (
        f"{built}: no rows of ner in this build, only of re; build with --task ner"
    )


def test_the_demo_model_is_not_quantized(built: Path, tmp_path: Path) -> None:
    words = ("--method", "qlora", "--processed", built, "--out", tmp_path)
    done = run("train", "--task", "re", "--base", "tiny", *words)
    assert str(done.exception).startswith("--method qlora: the demo model is not quantized")


def test_weights_that_are_quantized_are_no_start_for_pissa(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text('lora.variant = "pissa"\n', encoding="utf-8")
    words = ("--config", config, "--method", "qlora", "--processed", built)
    done = run("train", "--task", "re", *words)
    assert str(done.exception) == (
        "lora.variant: PiSSA starts from weights that are not quantized; "
        "use --method lora, or another variant"
    )


def test_a_training_that_fails_before_it_learns_leaves_no_run(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text('[lora]\ntargets = ["nothing"]\n[eval]\nrows = 0\n', encoding="utf-8")
    words = ("--base", "tiny", "--method", "lora", "--config", config, "--out", tmp_path / "runs")
    done = run("train", "--task", "re", "--processed", built, *words)
    assert str(done.exception).startswith("lora.targets: Target modules {'nothing'} not found")
    assert list(tmp_path.glob("runs/re/*")) == []


def test_a_sub_task_of_another_task_is_named(built: Path) -> None:
    words = ("--base", "tiny", "--subtask", "ner")
    done = run("train", "--task", "re", "--processed", built, *words)
    assert str(done.exception) == (
        "sub-task ner: no such rows of --task re in this build, only of re-pair; "
        "name another, or build with it"
    )


def test_a_training_that_fails_for_any_reason_before_it_learns_leaves_no_run(
    built: Path, tmp_path: Path
) -> None:
    config = tmp_path / "train.toml"
    # the library finds only when it begins that the optimizer's package is missing
    words = 'base = "tiny"\nmax_steps = 1\n[trainer]\noptim = "adamw_apex_fused"\n'
    config.write_text(words, encoding="utf-8")
    given = ("--config", config, "--processed", built, "--out", tmp_path / "runs")
    done = run("train", "--task", "re", *given)
    assert done.exception is not None
    assert list(tmp_path.glob("runs/re/*")) == []


def uses(run_folder: Path, tmp_path: Path) -> list[tuple[str | Path, ...]]:
    """Return every way to use a run."""
    return [
        ("predict", run_folder, "--input", "-"),
        ("eval", "--run", run_folder),
        ("merge", run_folder, "--out", tmp_path / "merged"),
    ]


@pytest.mark.parametrize("use", range(3))
def test_a_run_that_is_not_finished_is_not_used(own_run: Path, tmp_path: Path, use: int) -> None:
    write_run(own_run, read_run(own_run) | {"state": "running"})
    done = run(*uses(own_run, tmp_path)[use])
    assert str(done.exception) == (
        f"{own_run}: this run is not finished; go on with `chinchilla train --resume {own_run}`"
    )


@pytest.mark.parametrize("use", range(4))
def test_a_file_that_is_none_of_a_run_is_refused_by_what_it_lacks(tmp_path: Path, use: int) -> None:
    write_run(tmp_path / "run", {"task": "re"})
    resume = ("train", "--resume", tmp_path / "run")
    done = run(*[*uses(tmp_path / "run", tmp_path), resume][use])
    assert str(done.exception) == (
        f"{tmp_path / 'run' / 'run.json'}: not the file of a run (method: is missing); "
        "pass another run, or train again"
    )


@pytest.mark.parametrize("name", ["model/adapter_model.safetensors", "base/model.safetensors"])
@pytest.mark.parametrize("use", range(3))
def test_weights_cut_off_in_a_copy_are_named(
    lora_run: Path, tmp_path: Path, name: str, use: int
) -> None:
    own = Path(shutil.copytree(lora_run, tmp_path / "run"))
    (own / name).write_bytes((own / name).read_bytes()[:-100])
    done = run(*uses(own, tmp_path)[use])
    assert str(done.exception).startswith(f"{own / name}: damaged weights (")
    assert str(done.exception).endswith("); copy the whole run again, or train again")
    (own / name).unlink()
    done = run(*uses(own, tmp_path)[use])
    assert str(done.exception).startswith(f"{(own / name).parent}: no weights are here; copy")


def test_a_base_cut_off_in_a_copy_is_named(lora_run: Path, built: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(lora_run / "base", tmp_path / "base"))
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    words = ("--processed", built, "--out", tmp_path / "runs", "--max-steps", "1")
    done = run("train", "--task", "re", "--base", base, *words)
    assert str(done.exception).startswith(f"{base}: the model cannot be loaded (")
    assert list(tmp_path.glob("runs/re/*")) == []


@pytest.mark.parametrize(
    "words",
    [
        *(("--epochs", "9"), ("--dry-run",), ("--out", "runs"), ("--subtask", "re")),
        ("--task", "re", "--seed", "1"),
    ],
)
def test_settings_cannot_change_on_the_way(own_run: Path, words: tuple[str, ...]) -> None:
    done = run("train", "--resume", own_run, *words)
    assert done.exit_code == 2
    named = ", ".join(word for word in words if word.startswith("--"))
    assert f"leave out {named}\n" in done.output


@pytest.mark.parametrize("name", ["seed", "max_steps"])
def test_a_zero_on_the_command_line_wins_over_the_file(name: str, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text(f"{name} = -1\n", encoding="utf-8")
    words = ("train", "--task", "re", "--config", config, "--processed", tmp_path)
    assert f"{name}: is not " in str(run(*words).exception)
    told = str(run(*words, f"--{name.replace('_', '-')}", "0").exception)
    assert told.startswith(f"{tmp_path}: no build is here ")


def test_a_build_that_was_moved_is_asked_for(own_run: Path, built: Path, tmp_path: Path) -> None:
    facts = read_run(own_run)
    assert facts["data"]["folder"] == str(built)
    facts["data"]["folder"] = str(tmp_path / "gone")
    write_run(own_run, facts)
    message = (
        f"{tmp_path / 'gone'}: the build of this run is not there any more; "
        "name another place of it with --processed"
    )
    assert str(run("eval", "--run", own_run).exception) == message
    write_run(own_run, facts | {"state": "running"})
    assert str(run("train", "--resume", own_run).exception) == message
    good("train", "--resume", own_run, "--processed", built)
    good("eval", "--run", own_run, "--processed", built)


def test_a_run_is_used_from_any_folder(
    built: Path, lora_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built, tmp_path / "processed")
    shutil.copytree(lora_run / "base", tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    words = ("--processed", "processed", "--max-steps", "2", "--learning-rate", "0.1")
    good("train", "--task", "re", "--base", "base", *words)
    [folder] = (tmp_path / "runs" / "re").iterdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    good("eval", "--run", folder)
    good("merge", folder, "--out", "merged")


def test_a_training_stops_when_f1_gets_no_better(built: Path, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text(
        'base = "tiny"\nlearning_rate = 1e-9\nmax_steps = 40\nbatch_size = 2\n'
        "[tiny]\nlayers = 1\nwidth = 32\nvocabulary = 600\n"
        "[eval]\nrows = 2\nsteps = 2\npatience = 2\n",
        encoding="utf-8",
    )
    out = tmp_path / "runs"
    done = good("train", "--task", "re", "--config", config, "--processed", built, "--out", out)
    [folder] = (out / "re").iterdir()
    assert done.stdout.startswith(str(folder))
    assert read_run(folder)["steps"] == 6
