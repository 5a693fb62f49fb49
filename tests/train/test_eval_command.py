"""The command eval: what it asks, writes and refuses."""

import shutil
from pathlib import Path

import orjson
from commands import good, lines, other_templates, read_run, run, write_run


def test_eval_takes_the_newest_run_and_writes_answers_scores_and_pages(own_run: Path) -> None:
    done = good("eval", "--runs", own_run.parent.parent)
    assert done.stdout.splitlines()[0].split()[:7] == [
        *("set", "answers", "metric", "P", "R", "F1", "95")
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
    answer_log = own_run / "eval" / "dev" / "free" / "answers.jsonl"
    kept = answer_log.read_bytes()
    some = kept.splitlines(keepends=True)
    answer_log.write_bytes(b"".join(some[:6]) + some[6][:9])
    again = good("eval", "--run", own_run)
    assert again.stdout == whole
    assert sorted(answer_log.read_bytes().splitlines()) == sorted(kept.splitlines())
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


def test_eval_of_one_task_is_kept_beside_that_of_all(own_run: Path) -> None:
    write_run(own_run, read_run(own_run) | {"task": "all"})
    good("eval", "--run", own_run, "--task", "re")
    good("eval", "--run", own_run)
    assert sorted(one.name for one in (own_run / "eval").iterdir()) == ["dev", "dev-re"]


def test_eval_names_what_is_in_the_place_of_its_answers(own_run: Path) -> None:
    good("eval", "--run", own_run)
    answer_log = own_run / "eval" / "dev" / "free" / "answers.jsonl"
    answer_log.write_bytes(answer_log.read_bytes().replace(b"transformers", b"vllm", 1))
    done = run("eval", "--run", own_run)
    assert str(done.exception) == (
        f"{answer_log}: holds the answers of another job (other engine); delete it to ask anew"
    )
    shutil.rmtree(own_run / "eval")
    (own_run / "eval").touch()
    done = run("eval", "--run", own_run)
    assert str(done.exception) == (
        f"{answer_log.parent}: no folder can be made here (Not a directory); "
        "move away what is in its place"
    )


def test_eval_uses_templates_that_training_never_saw(own_run: Path) -> None:
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
    words = ("--source", "finre", "--seed", "5", "--raw", tmp_path, "--samples")
    config = tmp_path / "build.toml"
    config.write_text('[prompts]\nsubtasks = ["re-pair"]\ndescriptions = "off"', encoding="utf-8")
    good("build", *words, "--config", config, "--out", tmp_path / "other")
    good("eval", "--run", own_run)
    done = good("eval", "--run", own_run, "--processed", tmp_path / "other")
    assert "note: another build than the one this run was trained on" in done.stderr
    # a model this small says nothing of sense to prompts it has not seen: scored, and told
    assert "none of 36 answers could be read, 36 times failed, first " in done.stderr
    kept, other = sorted(path.name for path in (own_run / "eval").iterdir())
    assert (kept, other[:4], len(other)) == ("dev", "dev-", 12)


def test_eval_refuses_a_run_whose_templates_are_not_those_here(own_run: Path) -> None:
    facts = read_run(own_run)
    facts["data"]["templates"]["forms.yaml"] = "0"
    write_run(own_run, facts)
    done = run("eval", "--run", own_run)
    assert str(done.exception).startswith("templates: trained with other wordings than those here")


def test_answers_that_no_grammar_holds_are_not_scored_as_constrained(own_run: Path) -> None:
    path = own_run / "model" / "tokenizer.json"
    changed = orjson.loads(path.read_bytes()) | {"normalizer": {"type": "NFKC"}}
    path.write_bytes(orjson.dumps(changed))
    done = good("eval", "--run", own_run, "--constrained")
    assert "no constrained answers: " in done.stderr
    assert "cannot write any text" in done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()[2:]] == ["free"]
    assert [one.name for one in (own_run / "eval" / "dev").iterdir()] == ["free"]


def test_eval_refuses_a_build_of_other_templates(
    own_run: Path, built: Path, tmp_path: Path
) -> None:
    other = other_templates(built, tmp_path / "other")
    done = run("eval", "--run", own_run, "--processed", other)
    assert str(done.exception) == (
        f"{other}: trained with other wordings than those here (forms.yaml changed); "
        "put the templates back as they were, or build and train again"
    )
    done = run("train", "--task", "re", "--base", "tiny", "--processed", other)
    assert str(done.exception) == (
        f"{other}: built with other wordings than those here (forms.yaml changed); "
        "build again, or put the templates back"
    )


def test_a_task_that_a_run_was_not_trained_on_is_refused(own_run: Path) -> None:
    facts = read_run(own_run)
    files = facts["data"]["files"] | {"ee/train": "0"}
    told = {"config": facts["config"] | {"subtasks": ["re-pair"]}, "task": "all"}
    write_run(own_run, facts | told | {"data": facts["data"] | {"files": files}})
    done = run("eval", "--runs", own_run.parent.parent, "--task", "ee")
    assert str(done.exception).endswith(
        ": no finished run of ee; run `chinchilla train` first, or pass --run"
    )
    done = run("eval", "--run", own_run, "--task", "ee")
    assert str(done.exception) == (
        f"{own_run}: this run was not trained on ee, only on re-pair; "
        "pass another --task, or another --run"
    )
