"""Mixing wired into the build: weights, caps, tasks, general rows."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.dry_run import forecast
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import ConfigError


def rows_of(folder: Path, name: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / name).read_bytes().split(b"\n")[:-1]]


def run(raw: Path, out: Path, **config) -> dict:
    return build(make_plan(raw, BuildConfig(**config)), out, 1, lambda job: None).manifest


def test_weights_and_caps_decide_the_rows_of_train_alone(tmp_path: Path) -> None:
    sources = ("duie", "finre", "sanwen")
    run(tmp_path / "raw", tmp_path / "plain", sources=sources)
    mix = {"sources": {"weights": {"finre": 2.5}, "caps": {"duie": 10}}}
    manifest = run(tmp_path / "raw", tmp_path / "mixed", sources=sources, mix=mix)
    plain = Counter(row["source"] for row in rows_of(tmp_path / "plain", "re/train.jsonl"))
    mixed = rows_of(tmp_path / "mixed", "re/train.jsonl")
    assert Counter(row["source"] for row in mixed) == {
        "duie": 10,
        "finre": round(2.5 * plain["finre"]),
        "sanwen": plain["sanwen"],
    }
    assert len({row["id"] for row in mixed}) == len(mixed)
    assert manifest["sources"]["duie"]["splits"]["train"]["mixed_out"] == plain["duie"] - 10
    for split in ("dev", "test"):
        one, two = (tmp_path / name / "re" / f"{split}.jsonl" for name in ("plain", "mixed"))
        assert one.read_bytes() == two.read_bytes()


def test_a_mix_may_be_about_sources_and_tasks_that_a_build_does_not_read(tmp_path: Path) -> None:
    mix = {
        "sources": {"weights": {"finre": 0.5, "sanwen": 2}, "caps": {"duie": 3}},
        "tasks": {"weights": {"ner": 2}, "caps": {"ee": 3}},
    }
    run(tmp_path / "raw", tmp_path / "wide", sources=("finre",), mix=mix)
    run(
        tmp_path / "raw",
        tmp_path / "own",
        sources=("finre",),
        mix={"sources": {"weights": {"finre": 0.5}}},
    )
    wide, own = (tmp_path / name / "re" / "train.jsonl" for name in ("wide", "own"))
    assert wide.read_bytes() == own.read_bytes()


def test_a_null_share_stays_what_it_is_after_mixing(tmp_path: Path) -> None:
    prompts = {"labels_per_prompt": 4, "null_share": 0.4}
    mix = {"sources": {"weights": {"finre": 0.5}}}
    manifest = run(tmp_path / "raw", tmp_path / "out", sources=("finre",), prompts=prompts, mix=mix)
    counts = manifest["sources"]["finre"]["splits"]["train"]
    assert 0.25 < counts["null_rows"] / counts["rows"] < 0.55


def test_general_rows_are_mixed_in_at_the_ratio_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    rows = [{"instruction": f"第{n}题", "input": "", "output": f"答{n}"} for n in range(200)]
    path.write_bytes(orjson.dumps(rows))
    config = BuildConfig(sources=("finre",), general={"path": str(path), "ratio": 0.5})
    plan = make_plan(tmp_path / "raw", config)
    sums, _ = forecast(plan, 1, lambda job: None)
    manifest = build(plan, tmp_path / "out", 1, lambda job: None).manifest
    train = rows_of(tmp_path / "out", "re/train.jsonl")
    general = rows_of(tmp_path / "out", "general/train.jsonl")
    assert len(general) == round(len(train) / 2) == sums["general", "train"].rows
    assert {row["task"] for row in general} == {"general"}
    assert manifest["outputs"]["general/train.jsonl"]["rows"] == len(general)


def test_general_rows_that_are_not_there_are_missed_before_anything_is_read(
    tmp_path: Path,
) -> None:
    for place in (tmp_path / "nope.json", tmp_path):
        config = BuildConfig(sources=("finre",), general={"path": str(place), "ratio": 0.5})
        with pytest.raises(ConfigError) as caught:
            make_plan(tmp_path / "raw", config)
        assert str(caught.value) == f"general.path: no file at {place}; correct it in build.toml"


def test_the_page_and_the_manifest_count_the_general_rows(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    rows = [{"instruction": f"第{n}题", "input": "", "output": f"答{n}"} for n in range(30)]
    rows += [{"instruction": "无答", "output": ""}, {**rows[0], "system": "你是助手"}]
    path.write_bytes(orjson.dumps(rows))
    general = {"path": str(path), "ratio": 2.0}
    manifest = run(
        tmp_path / "raw", tmp_path / "out", sources=("finre",), general=general, on_error="count"
    )
    counted = manifest["general"]
    written = rows_of(tmp_path / "out", "general/train.jsonl")
    assert counted["rows"] == len(written) == manifest["outputs"]["general/train.jsonl"]["rows"]
    assert counted["bytes"] == manifest["outputs"]["general/train.jsonl"]["bytes"]
    assert counted["refused"]["bad-line"]["times"] == 1
    assert counted["refused"]["bad-line"]["example"].startswith("alpaca.json:item 31: output is")
    assert counted["mended"]["general-system-left-out"]["times"] == 1
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"另有通用指令 {len(written)} 条" in page
    assert "- 通用指令：剔除 `bad-line` 1 处" in page
    plain = run(tmp_path / "raw", tmp_path / "plain", sources=("finre",))
    assert plain["general"] is None
    assert "通用指令" not in (tmp_path / "plain" / "README.md").read_text(encoding="utf-8")
