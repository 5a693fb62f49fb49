"""Shares of empty rows and mixes decide the rows of train alone."""

from collections import Counter
from pathlib import Path

import orjson

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan


def rows_of(folder: Path, name: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / name).read_bytes().split(b"\n")[:-1]]


def run(raw: Path, out: Path, **config) -> dict:
    built = build(make_plan(raw, BuildConfig(**config)), out, 1, lambda job: None)
    return built.manifest.model_dump(mode="json")


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
