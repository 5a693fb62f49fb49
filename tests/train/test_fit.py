"""A run from its beginning to its scores: kept, resumed, merged, asked."""

import csv
import gc
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from commands import read_run, write_run
from safetensors.torch import load_file
from transformers import TrainingArguments

from chinchilla.errors import ConfigError, TrainError
from chinchilla.files import LOCK, locked
from chinchilla.predict.model_loading import ModelSource, load_model, load_tokenizer
from chinchilla.runs.folder import Run, last_checkpoint, newest_run
from chinchilla.train.callbacks import Stop, TrainingMoment
from chinchilla.train.config import TrainConfig
from chinchilla.train.data import Data, open_data
from chinchilla.train.fit import fit
from chinchilla.train.merge import merge
from chinchilla.train.model import make_trainable, parameters
from chinchilla.train.prepare import begin, prepare, reopen

Broken = Callable[[Path, Path, int], Path]


def column(folder: Path, name: str) -> dict[int, float]:
    with (folder / "curve.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(file) if row[name]}


def losses(folder: Path) -> dict[int, float]:
    return column(folder, "loss")


def test_a_run_keeps_what_ties_data_weights_and_scores_together(
    built: Path, full_run: Path
) -> None:
    facts = read_run(full_run)
    manifest = orjson.loads((built / "manifest.json").read_bytes())
    assert facts["state"] == "done"
    assert facts["data"]["templates"] == manifest["templates"]
    assert facts["data"]["build"] == manifest["config"]
    assert facts["data"]["files"] == {
        f"re/{split}": manifest["outputs"][f"re/{split}.jsonl"]["sha256"]
        for split in ("train", "dev")
    }
    assert facts["steps"] == 6
    assert facts["tokens_per_second"] > 0
    assert set(facts["versions"]) >= {"chinchilla", "torch", "transformers", "peft"}
    assert full_run.parent.name == "re"
    assert full_run.name.startswith("20260102-030405-")
    names = {path.name for path in full_run.iterdir()}
    assert names >= {"run.json", "labels.json", "model", "curve.csv", "curve.png", "evals"}
    assert (full_run / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (full_run / "evals").iterdir()} == {"step-000003", "step-000006"}


def test_the_loss_falls(full_run: Path) -> None:
    found = losses(full_run)
    assert found[6] < found[1]


def test_a_resumed_run_has_the_losses_of_an_unbroken_one(
    built: Path, full_run: Path, tmp_path: Path, broken_copy: Broken
) -> None:
    broken = broken_copy(full_run, tmp_path / "broken", 3)
    fit(reopen(broken, print), broken, lambda moment: None)
    assert losses(broken) == losses(full_run)
    one, other = (load_file(path / "model" / "model.safetensors") for path in (broken, full_run))
    assert list(one) == list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_stop_in_the_last_evaluation_comes_after_all_steps_and_ends_the_run(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    folder = begin(prepared, tmp_path, datetime(2026, 1, 2), "chinchilla train")
    stop = Stop()

    def ask(moment: TrainingMoment) -> None:
        stop.requested |= moment.evaluated and moment.step == 6

    fit(prepared, folder, ask, stop)
    assert stop.requested
    assert (read_run(folder)["state"], read_run(folder)["steps"]) == ("done", 6)


def test_arguments_of_the_library_are_known_while_weights_are_loaded(
    built: Path,
    tmp_path: Path,
    settings: Callable[..., TrainConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # DeepSpeed looks for it then, to spread the weights over the processes at once
    alive: list[bool] = []

    def load(*given: Any) -> Any:
        gc.collect()
        alive.append(any(type(one) is TrainingArguments for one in gc.get_objects()))
        return make_trainable(*given)

    monkeypatch.setattr("chinchilla.train.fit.make_trainable", load)
    gc.collect()
    prepared = prepare(open_data(built, "re", ()), "re", settings(max_steps=1), print)
    fit(prepared, begin(prepared, tmp_path, datetime(2026, 1, 2), ""), lambda moment: None)
    assert alive == [True]


def test_patience_goes_on_where_a_run_broke(
    built: Path, tmp_path: Path, train: Callable[..., Run], broken_copy: Broken
) -> None:
    looks = {"rows": 2, "steps": 2, "patience": 2}
    whole = train(built, tmp_path / "runs", learning_rate=1e-9, max_steps=40, eval=looks).folder
    assert read_run(whole)["steps"] == 6
    broken = broken_copy(whole, tmp_path / "broken", 4)
    fit(reopen(broken, print), broken, lambda moment: None)
    assert read_run(broken)["steps"] == 6


def test_a_run_stopped_between_two_evaluations_ends_as_an_unbroken_one(
    built: Path, full_run: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    folder = begin(prepared, tmp_path, datetime(2026, 1, 2), "chinchilla train")
    stop = Stop()

    def ask(moment: TrainingMoment) -> None:
        stop.requested |= moment.step == 4

    with pytest.raises(KeyboardInterrupt):
        fit(prepared, folder, ask, stop)
    # asked when step 4 is logged, it saves step 5
    assert last_checkpoint(folder) == folder / "checkpoints" / "checkpoint-5"
    fit(reopen(folder, print), folder, lambda moment: None)
    assert losses(folder) == losses(full_run)
    one, other = (load_file(path / "model" / "model.safetensors") for path in (folder, full_run))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_break_between_two_logs_changes_no_loss_of_the_logs_after_it(
    built: Path, tmp_path: Path, train: Callable[..., Run], broken_copy: Broken
) -> None:
    sparse = {"max_steps": 12, "trainer": {"logging_steps": 4}, "eval": {"rows": 2, "steps": 6}}
    whole = train(built, tmp_path / "whole", **sparse).folder
    broken = broken_copy(whole, tmp_path / "broken", 6)
    fit(reopen(broken, print), broken, lambda moment: None)
    found, wanted = losses(broken), losses(whole)
    assert list(found) == list(wanted) == [1, 4, 8, 12]
    # the log at step 8 has the mean of steps 5 to 8 in one, of steps 7 and 8 in the other
    assert [found[step] for step in (1, 4, 12)] == [wanted[step] for step in (1, 4, 12)]


def test_tensorboard_shows_the_curve_that_the_run_keeps(
    built: Path, tmp_path: Path, train: Callable[..., Run]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(built, tmp_path, tracker="tensorboard").folder
    [log] = (run / "checkpoints").rglob("events.out.tfevents.*")
    shown = EventAccumulator(str(log)).Reload()
    for tag, name in (("train/loss", "loss"), ("eval/f1", "eval_f1")):
        found = {one.step: one.value for one in shown.Scalars(tag)}
        assert found == pytest.approx(column(run, name))


def test_a_finished_run_is_not_resumed(full_run: Path) -> None:
    with pytest.raises(ConfigError, match="this run is finished; train anew for another one"):
        reopen(full_run, print)


def test_a_run_whose_data_changed_is_not_resumed(full_run: Path, tmp_path: Path) -> None:
    facts = read_run(full_run)
    facts["state"] = "running"
    facts["data"]["manifest"] = "another"
    write_run(tmp_path / "run", facts)
    with pytest.raises(ConfigError, match="not the build that this run was begun on"):
        reopen(tmp_path / "run", print)


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        (2, "begun by 2 processes, not by one process; go on with as many, as by torchrun"),
        (1, None),
        (None, None),
    ],
)
def test_a_run_is_not_resumed_by_another_number_of_processes(
    full_run: Path, tmp_path: Path, begun: int | None, words: str | None
) -> None:
    facts = read_run(full_run)
    assert facts.pop("processes") == 1
    known = {} if begun is None else {"processes": begun}
    write_run(tmp_path / "run", facts | known | {"state": "running"})
    if words is None:
        assert reopen(tmp_path / "run", print).config.max_steps == 6
        return
    with pytest.raises(ConfigError, match=words):
        reopen(tmp_path / "run", print)


def test_the_same_seed_gives_the_same_weights(built: Path, lora_run: Path, train: Any) -> None:
    again = train(built, lora_run.parent.parent.parent / "again", method="lora").folder
    files = [path / "model" / "adapter_model.safetensors" for path in (lora_run, again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_adapter_trains_a_small_part(data: Data, settings: Any) -> None:
    config = settings(method="lora", lora={"rank": 4})
    prepared = prepare(data, "re", config, print)
    every, trained = parameters(make_trainable(prepared.base, config))
    assert 0 < trained < every / 2


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa"])
def test_each_variant_of_the_adapter_trains_and_merges(
    built: Path, tmp_path: Path, train: Any, variant: str
) -> None:
    run = train(built, tmp_path / "runs", method="lora", lora={"variant": variant}, max_steps=3)
    found = merge(run.folder, tmp_path / "merged", print)
    assert found.difference < 1e-3 < found.adapter_effect


def test_merging_is_proved_and_the_merged_model_needs_no_base(
    lora_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    found = merge(lora_run, out, print)
    assert found.difference < 1e-3 < found.adapter_effect
    merged = load_model(ModelSource(str(out)), "fp32")
    base = load_file(lora_run / "base" / "model.safetensors")
    changed = [
        name
        for name, one in merged.state_dict().items()
        if name in base and (one != base[name]).any()
    ]
    assert len(changed) == 14
    assert load_tokenizer(ModelSource(str(out))).chat_template
    names = sorted(path.name for path in out.iterdir())
    assert (
        sorted([*orjson.loads((out / "merge.json").read_bytes())["files"], "merge.json"]) == names
    )
    with pytest.raises(TrainError, match="is not an empty folder"):
        merge(lora_run, out, print)
    assert sorted(path.name for path in out.iterdir()) == names


def test_an_adapter_without_effect_is_not_merged(lora_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(lora_run, run)
    path = run / "model" / "adapter_model.safetensors"
    from safetensors.torch import save_file

    save_file({name: torch.zeros_like(one) for name, one in load_file(path).items()}, path)
    with pytest.raises(TrainError, match="the adapter changes nothing"):
        merge(run, tmp_path / "merged", print)
    assert not (tmp_path / "merged").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_a_whole_model_has_nothing_to_merge(full_run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="the whole model was trained, there is no adapter"):
        merge(full_run, tmp_path / "merged", print)


def test_the_newest_finished_run_is_found(full_run: Path, tmp_path: Path) -> None:
    facts = read_run(full_run)
    for name, state in (("20260101-000000-a", "done"), ("20260103-000000-b", "done")):
        write_run(tmp_path / "re" / name, facts | {"state": state})
    write_run(tmp_path / "re" / "20260104-000000-c", facts | {"state": "running"})
    assert newest_run(tmp_path, None).name == "20260103-000000-b"
    with pytest.raises(ConfigError, match="no finished run of ner; run `chinchilla train` first"):
        newest_run(tmp_path, "ner")


def test_a_run_of_all_tasks_is_one_of_each_task_it_was_trained_on(
    full_run: Path, tmp_path: Path
) -> None:
    facts = read_run(full_run) | {"task": "all"}
    write_run(tmp_path / "all" / "20260101-000000-a", facts)
    assert newest_run(tmp_path, "re").name == "20260101-000000-a"
    with pytest.raises(ConfigError, match="no finished run of ner"):
        newest_run(tmp_path, "ner")


def test_runs_begun_in_one_second_have_folders_of_their_own_in_their_order(
    built: Path, full_run: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    now = datetime(2026, 1, 2)
    folders = [begin(prepared, tmp_path, now, "chinchilla train") for _ in range(11)]
    assert len(set(folders)) == 11
    assert {one.name.removeprefix(folders[0].name) for one in folders[1:]} == {
        f"-{number}" for number in range(2, 12)
    }
    for folder in folders:
        write_run(folder, read_run(folder) | {"state": "done"})
    assert newest_run(tmp_path, None) == folders[-1]


def test_the_later_of_two_equal_scores_is_kept(full_run: Path) -> None:
    scores = column(full_run, "eval_f1")
    best = max(scores, key=lambda step: (scores[step], step))
    assert read_run(full_run)["best"] == {"eval_f1": scores[best], "step": best}


def test_the_demo_model_keeps_its_base_under_an_adapter(built: Path, lora_run: Path) -> None:
    assert (lora_run / "base" / "model.safetensors").is_file()
    assert read_run(lora_run)["demo"] is True


def test_a_run_begins_with_what_decides_it_on_disk(
    built: Path, tmp_path: Path, settings: Any
) -> None:
    from datetime import datetime

    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    folder = begin(prepared, tmp_path, datetime(2026, 5, 6), "chinchilla train --task re")
    facts = read_run(folder)
    assert facts["state"] == "running"
    assert facts["command"] == "chinchilla train --task re"
    assert facts["config"]["tiny"] == {
        **{"layers": 2, "width": 32, "vocabulary": 600},
        "dropout": 0.0,
    }


def slow_training(tmp_path: Path, built: Path) -> tuple[list[str], Path]:
    """Return the words that begin a training of many small steps, and its runs."""
    config = tmp_path / "train.toml"
    config.write_text(
        'base = "tiny"\nbatch_size = 4\nmax_steps = 2000\nthreads = 1\n'
        "[tiny]\nlayers = 1\nwidth = 32\nvocabulary = 600\n[eval]\nrows = 0\n"
        "[trainer]\nlogging_steps = 1\n",
        encoding="utf-8",
    )
    words = ["--task", "re", "--processed", str(built), "--out", str(tmp_path / "runs")]
    line = [sys.executable, "-m", "chinchilla", "train", *words, "--config", str(config)]
    return line, tmp_path / "runs"


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_stopped_keeps_its_last_step_and_goes_on_from_there(
    built: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    line, runs = slow_training(tmp_path, built)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stderr is not None
        said = iter(process.stderr)
        assert any(re.match("step [0-9]{2,}/", one) for one in said)
        process.send_signal(sign)
        rest = list(said)
    assert process.returncode == 130
    [run] = runs.glob("re/*")
    assert "stopping after this step; once more to stop at once\n" in rest
    assert rest[-1] == f"stopped; go on with chinchilla train --resume {run}\n"
    kept = last_checkpoint(run)
    assert kept is not None
    step = int(kept.name.rpartition("-")[2])
    assert step >= 10
    assert max(losses(run)) == step
    assert read_run(run)["state"] == "running"
    facts = read_run(run)
    facts["config"]["max_steps"] = step + 3  # the rest would take all day
    write_run(run, facts)
    more = [sys.executable, "-m", "chinchilla", "train", "--resume", str(run)]
    assert subprocess.run(more, capture_output=True).returncode == 0
    assert read_run(run)["state"] == "done"
    assert read_run(run)["steps"] == step + 3
    assert read_run(run)["cpu_seconds"] > facts["cpu_seconds"]


def test_a_run_is_trained_by_one_command_at_a_time(
    full_run: Path, broken_copy: Callable[[Path, Path, int], Path], tmp_path: Path
) -> None:
    own = broken_copy(full_run, tmp_path / "run", 3)
    prepared = reopen(own, print)
    before = (own / "run.json").read_bytes()
    with locked(own / LOCK, "held", "wait"), pytest.raises(ConfigError) as found:
        fit(prepared, own, lambda moment: None)
    assert str(found.value) == (
        f"{own}: another command is training it; wait for it, or stop it first"
    )
    assert (own / "run.json").read_bytes() == before
    fit(prepared, own, lambda moment: None)
    assert not (own / LOCK).exists()
