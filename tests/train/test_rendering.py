"""Records are asked when predicting exactly as they were when the build was written."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from commands import read_run

from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import read_confusions, read_labels
from chinchilla.errors import ConfigError, InputError
from chinchilla.predict.extract import held_out, rendering_of
from chinchilla.predict.inputs import Defaults, read_inputs
from chinchilla.prompts.hard_negatives import dump_confusions, mine
from chinchilla.runs import folder
from chinchilla.runs.evaluate import eval_sets_of, held_out_rendering, pools_of
from chinchilla.tally import Tally
from chinchilla.train.data import open_data, split_records, split_rows
from chinchilla.train.prepare import begin, prepare

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "usual": ("msra", {}),
    "batches": ("finre", {"prompts": {"labels_per_prompt": 7, "forms": ["json", "code", "tuple"]}}),
    "windows": ("duee_fin", {"windows": {"max_chars": 2600, "overlap": 40}}),
    "examples": ("sanwen", {"prompts": {"demonstrations": 2}}),
}


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("split", ["dev", "test"])
def test_records_are_asked_as_the_build_asked_them(case: str, split: str, tmp_path: Path) -> None:
    source, config = CASES[case]
    plan = make_plan(tmp_path / "raw", BuildConfig(sources=(source,), seed=5, **config))
    build(plan, tmp_path / "out", 1, lambda job: None)
    [task] = {found.card.task for found in plan.sources}
    data = open_data(tmp_path / "out", task, ())
    records = list(split_records(data, split))
    if not records:
        pytest.skip(f"{source} has no labelled {split} split")
    manifest = orjson.loads((tmp_path / "out" / "manifest.json").read_bytes())
    rendering = rendering_of(
        manifest["config"], data.labels, read_confusions(data.folder, data.processed.hashes)
    )
    rendering = rendering._replace(pools=pools_of(data, rendering))
    built = list(split_rows(data, split))
    assert list(rendering.rows(records)) == built
    other = list(held_out(rendering).rows(records))
    assert [row.record_id for row in other] == [row.record_id for row in built]
    assert {row.template for row in other} & {row.template for row in built} == set()


def test_a_run_asks_in_batches_of_hard_negatives_as_its_build_did(
    tmp_path: Path, settings: Any
) -> None:
    card = catalogue.load_card("finre", tmp_path)
    mined = mine(card.label_set("default"), [], None, top=8)
    (tmp_path / "finre.json").write_bytes(dump_confusions("finre", "default", mined))
    prompts = {"labels_per_prompt": 4, "hard_negatives": {"finre": str(tmp_path / "finre.json")}}
    plan = make_plan(tmp_path / "raw", BuildConfig(sources=("finre",), prompts=prompts))
    manifest = build(plan, tmp_path / "out", 1, lambda job: None).manifest
    (tmp_path / "finre.json").unlink()
    data = open_data(tmp_path / "out", "re", ())
    prepared = prepare(data, "re", settings(), print)
    run = begin(prepared, tmp_path / "runs", datetime(2026, 1, 2), "chinchilla train")
    config = read_run(run)["data"]["build"]
    kept = folder.read_run(run).kept_files()
    rendering = rendering_of(config, read_labels(run, kept), read_confusions(run, kept))
    texts = [
        record.model_copy(update={"relations": (), "na_pairs": ()})
        for record in split_records(data, "dev")
    ]
    asked = [(row.id, row.instruction, row.input) for row in rendering.rows(texts)]
    assert asked == [(row.id, row.instruction, row.input) for row in split_rows(data, "dev")]
    [eval_set] = eval_sets_of(data, "dev", held_out_rendering(data))
    assert [row.labels for row in eval_set.rows] == [row.labels for row in split_rows(data, "dev")]
    assert (run / "confusions.json").read_bytes() == (data.folder / "confusions.json").read_bytes()
    assert "confusions.json" in manifest.outputs


def test_hard_negatives_that_are_not_there_are_an_error(built: Path) -> None:
    config = orjson.loads((built / "manifest.json").read_bytes())["config"]
    config["prompts"] |= {"hard_negatives": {"finre": "finre.json", "duie": "duie.json"}}
    labels = open_data(built, "re", ()).labels
    assert rendering_of(config, labels, {}).confusions == {}
    config["prompts"]["labels_per_prompt"] = 4
    with pytest.raises(ConfigError) as found:
        rendering_of(config, labels, {})
    assert str(found.value) == (
        "hard_negatives.finre: the build kept no confusable labels, so its prompts cannot be made "
        "again; build and train again"
    )


def test_a_split_that_is_not_there_is_an_error(built: Path) -> None:
    data = open_data(built, "re", ())
    with pytest.raises(ConfigError, match="no split 'nope'; it has train, dev, test"):
        eval_sets_of(data, "nope")


BAD = [
    (b"{", "texts.jsonl:2: not JSON ("),
    (b'["text"]', "texts.jsonl:2: no object with a text; write one object a line"),
    (b'{"text": 1}', "texts.jsonl:2: no object with a text; write one object a line"),
    (b'{"text": "a", "source": "nope"}', "texts.jsonl:2: no labels of 'nope' here; pass --source"),
    (b'{"text": ""}', "texts.jsonl:2: text: is empty"),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_line_that_cannot_be_asked_is_named(built: Path, line: bytes, message: str) -> None:
    defaults = Defaults(None, open_data(built, "re", ()).labels)
    with pytest.raises((InputError, Exception)) as found:
        list(read_inputs([b'{"text": "a"}\n', line + b"\n"], "texts.jsonl", defaults, Tally()))
    assert str(found.value).startswith(message)
