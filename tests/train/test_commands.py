"""The commands of the loop: train, eval, predict, merge, and what they say when they cannot."""

import json
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from bases import PACKED, make_base
from click.testing import CliRunner, Result

from chinchilla.cli import cli
from chinchilla.errors import ChinchillaError
from chinchilla.schema import Record
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import open_data, split_rows
from chinchilla.train.runs import read_run, write_run
from chinchilla.train.tiny import make_tokenizer


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def good(*words: str | Path) -> Result:
    done = run(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def own_run(full_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full_run, tmp_path / "runs" / "re" / full_run.name))


def test_eval_takes_the_newest_run_and_writes_answers_scores_and_pages(own_run: Path) -> None:
    done = good("eval", "--runs", own_run.parent.parent)
    assert done.stdout.splitlines()[0].split()[:7] == [
        *("exam", "answers", "metric", "P", "R", "F1", "95")
    ]
    assert done.stdout.splitlines()[2].startswith("finre-re-pair  free     re_boundary_set")
    place = own_run / "eval" / "dev" / "free"
    found = orjson.loads((place / "score.json").read_bytes())
    score = found["exams"]["finre-re-pair"]
    assert score["headline"] == "re_boundary_set"
    assert score["metrics"]["re_boundary_set"].keys() >= {"f1", "interval"}
    assert sum(score["parse"].values()) == len(lines(place / "finre-re-pair" / "rows.jsonl"))
    assert "<html" in (place / "finre-re-pair.html").read_text(encoding="utf-8")
    predictions = lines(place / "predictions.jsonl")
    gold = lines(place / "finre-re-pair" / "gold.jsonl")
    assert [one["id"] for one in predictions] == [one["id"] for one in gold]
    assert {"raw", "status", "cut", "id"} == set(predictions[0]["answers"][0])


def test_predictions_score_as_the_answers_they_come_from(own_run: Path, tmp_path: Path) -> None:
    first = good("eval", "--run", own_run, "--json")
    place = own_run / "eval" / "dev" / "free"
    words = ("score", "--task", "re", "--metric", "re_boundary_set", "--json")
    gold = place / "finre-re-pair" / "gold.jsonl"
    again = good(*words, "--gold", gold, "--pred", place / "predictions.jsonl")
    mine = orjson.loads(first.stdout)["free"]["exams"]["finre-re-pair"]["metrics"]
    theirs = orjson.loads(again.stdout)["metrics"]
    for name in ("tp", "n_pred", "n_gold"):
        assert mine["re_boundary_set"][name] == theirs["re_boundary_set"][name]


def test_an_interrupted_eval_asks_only_what_is_missing(own_run: Path) -> None:
    whole = good("eval", "--run", own_run).stdout
    journal = own_run / "eval" / "dev" / "free" / "answers.jsonl"
    kept = journal.read_bytes()
    some = kept.splitlines(keepends=True)
    journal.write_bytes(b"".join(some[:6]) + some[6][:9])
    again = good("eval", "--run", own_run)
    assert again.stdout == whole
    assert sorted(journal.read_bytes().splitlines()) == sorted(kept.splitlines())
    assert f"{len(some) - 6}/{len(some) - 6} answers" in again.stderr


def test_the_answers_of_a_run_that_was_moved_are_still_its_own(own_run: Path) -> None:
    whole = good("eval", "--run", own_run)
    elsewhere = own_run.parent.parent.rename(own_run.parent.parent.with_name("moved"))
    again = good("eval", "--run", elsewhere / "re" / own_run.name)
    assert again.stdout == whole.stdout
    assert "answers, about" not in again.stderr


def test_a_run_that_was_renamed_is_still_the_same_model(own_run: Path) -> None:
    whole = good("eval", "--run", own_run)
    renamed = own_run.rename(own_run.with_name("best"))
    again = good("eval", "--run", renamed)
    assert again.stdout == whole.stdout
    assert "answers, about" not in again.stderr


def test_eval_of_one_task_stands_beside_that_of_all(own_run: Path) -> None:
    write_run(own_run, read_run(own_run) | {"task": "all"})
    good("eval", "--run", own_run, "--task", "re")
    good("eval", "--run", own_run)
    assert sorted(one.name for one in (own_run / "eval").iterdir()) == ["dev", "dev-re"]


def test_eval_names_what_stands_in_the_way_of_its_answers(own_run: Path) -> None:
    good("eval", "--run", own_run)
    journal = own_run / "eval" / "dev" / "free" / "answers.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"transformers", b"vllm", 1))
    done = run("eval", "--run", own_run)
    assert str(done.exception) == (
        f"{journal}: holds the answers of another job (other engine); delete it to ask anew"
    )
    shutil.rmtree(own_run / "eval")
    (own_run / "eval").touch()
    done = run("eval", "--run", own_run)
    assert str(done.exception) == (
        f"{journal.parent}: no folder can be made here (Not a directory); "
        "move away what is in its place"
    )


def test_eval_asks_by_wordings_that_training_never_saw(own_run: Path) -> None:
    good("eval", "--run", own_run, "--templates", "held-out")
    rows = lines(own_run / "eval" / "dev-held-out" / "free" / "finre-re-pair" / "rows.jsonl")
    assert {row["template"].partition("#")[0] for row in rows} == {"re/pair_held_out"}


def test_eval_puts_free_and_constrained_answers_side_by_side(own_run: Path) -> None:
    done = good("eval", "--run", own_run, "--constrained")
    assert [line.split()[1] for line in done.stdout.splitlines()[2:]] == ["free", "constrained"]
    rows = lines(own_run / "eval" / "dev" / "constrained" / "finre-re-pair" / "answers.jsonl")
    labels = orjson.loads((own_run / "labels.json").read_bytes())["finre"]
    names = {one["name"] for one in [*labels["labels"], labels["na"]]}
    assert all(row["cut"] or set(row["raw"].split("\n")) <= names for row in rows)


def test_eval_keeps_the_answers_to_another_build_apart(own_run: Path, tmp_path: Path) -> None:
    words = ("--source", "finre", "--seed", "5", "--raw", tmp_path)
    config = tmp_path / "build.toml"
    config.write_text('[prompts]\nsubtasks = ["re-pair"]\ndescriptions = "off"', encoding="utf-8")
    good("build", *words, "--config", config, "--out", tmp_path / "other")
    good("eval", "--run", own_run)
    done = good("eval", "--run", own_run, "--processed", tmp_path / "other")
    assert "note: another build than the one this run was trained on" in done.stderr
    kept, other = sorted(path.name for path in (own_run / "eval").iterdir())
    assert (kept, other[:4], len(other)) == ("dev", "dev-", 12)


def test_eval_refuses_a_run_whose_wordings_are_not_those_here(own_run: Path) -> None:
    facts = read_run(own_run)
    facts["data"]["templates"]["forms.yaml"] = "0"
    write_run(own_run, facts)
    done = run("eval", "--run", own_run)
    assert str(done.exception).startswith("templates: trained with other wordings than those here")


def test_predict_needs_no_gold_and_answers_in_the_exchange_format(
    own_run: Path, tmp_path: Path
) -> None:
    record = lines(own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl")[0]
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(orjson.dumps(record) + b"\n")
    done = good("predict", own_run, "--input", texts)
    [found] = [orjson.loads(line) for line in done.stdout.splitlines()]
    answers = found.pop("answers")
    assert Record.model_validate(found | {"relations": []}).id == record["id"]
    assert len(answers) == len({(one["head"], one["tail"]) for one in _pairs(record)})


def _pairs(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [*record["relations"], *record.get("na_pairs", [])]


def test_predict_leaves_out_and_counts_what_cannot_be_asked_where_told_to(
    own_run: Path, tmp_path: Path
) -> None:
    gold = lines(own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl")
    long = gold[1] | {"text": gold[1]["text"] * 200, "id": "long"}
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(b"\n".join([orjson.dumps(gold[0]), b"{", orjson.dumps(long)]))
    stopped = run("predict", own_run, "--input", texts)
    assert str(stopped.exception).startswith(f"{texts}:2: not JSON (")
    done = good("predict", own_run, "--input", texts, "--on-error", "count")
    assert [orjson.loads(line)["id"] for line in done.stdout.splitlines()] == [gold[0]["id"]]
    told = [line for line in done.stderr.splitlines() if line.startswith("refused ")]
    assert [line.partition(" (")[0] for line in told[:1]] == [
        f"refused bad-line: 1, first {texts}:2: not JSON"
    ]
    assert told[1].startswith("refused too-long: 1, first prompt long")
    assert told[1].endswith("so that texts are cut to fit")


def test_predict_goes_on_where_it_stopped(own_run: Path, tmp_path: Path) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    out = tmp_path / "found" / "predictions.jsonl"
    good("predict", own_run, "--input", gold, "--out", out)
    before = out.read_bytes()
    again = good("predict", own_run, "--input", gold, "--out", out)
    assert out.read_bytes() == before
    assert "answers, about" not in again.stderr
    assert len(lines(out)) == len(lines(gold))


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "注资"}
        body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_predict_asks_an_endpoint_with_the_labels_of_a_build(
    built: Path, own_run: Path, endpoint: str, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    done = good(
        *("predict", "some-model", "--base-url", endpoint, "--processed", built, "--input", gold)
    )
    found = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert {one["predicate"] for record in found for one in record["relations"]} == {"注资"}
    assert {one["status"] for record in found for one in record["answers"]} == {"ok"}


def test_predict_asks_an_endpoint_for_a_run_by_the_name_it_has_there(
    own_run: Path, endpoint: str, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    words = ("predict", own_run, "--base-url", endpoint, "--input", gold)
    assert str(run(*words).exception) == (
        f"{own_run}: a run, and the endpoint knows no runs; "
        "pass --model-name with the name that the server gives it"
    )
    out = tmp_path / "found.jsonl"
    good(*words, "--model-name", "mine", "--out", out)
    assert lines(Path(f"{out}.answers"))[0]["model"] == "mine"


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
        *("steps", "tokens a second", "time of the steps, about", "looks at dev"),
    ]
    assert done.stdout.splitlines()[-1].split("  ")[-1].startswith("2, each 0 min ")
    assert not out.exists()


def test_a_run_told_to_trust_the_code_of_its_base_trusts_it_ever_after(
    built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    rows = split_rows(open_data(built, "re", ()), "train")
    base = tmp_path / "base"
    texts = [row.prompt for row in rows]
    make_base(PACKED, make_tokenizer(texts, TinyOptions(vocabulary=600)), base)
    own = {"base": str(base), "method": "lora", "max_steps": 2, "learning_rate": 0.01}
    trained = train(built, tmp_path / "runs", **own, trust_remote_code=True).folder
    good("eval", "--run", trained)
    gold = trained / "eval" / "dev" / "free" / "finre-re-pair" / "gold.jsonl"
    assert good("predict", trained, "--input", gold).stdout
    good("merge", trained, "--out", tmp_path / "merged")
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
def test_a_file_that_is_none_of_a_run_is_told_by_what_it_lacks(tmp_path: Path, use: int) -> None:
    write_run(tmp_path / "run", {"task": "re"})
    resume = ("train", "--resume", tmp_path / "run")
    done = run(*[*uses(tmp_path / "run", tmp_path), resume][use])
    assert str(done.exception) == (
        f"{tmp_path / 'run' / 'run.json'}: not the file of a run (state: Field required); "
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
        ("--task", "re", "--trust-remote-code"),
    ],
)
def test_settings_cannot_change_on_the_way(own_run: Path, words: tuple[str, ...]) -> None:
    done = run("train", "--resume", own_run, *words)
    assert done.exit_code == 2
    named = ", ".join(word for word in words if word.startswith("--"))
    assert f"leave out {named}\n" in done.output


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
