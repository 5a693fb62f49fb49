"""Which templates a row may have: chosen ones, open ones, held-out ones, always the same."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import ConfigError
from chinchilla.schema import SPLITS
from chinchilla.templates import load_templates


def rows(raw: Path, out: Path, source: str, **prompts) -> dict[str, list[dict]]:
    config = BuildConfig(sources=(source,), prompts=prompts)
    build(make_plan(raw / "raw", config), out, 1, lambda job: None)
    found = {}
    for path in sorted(out.glob("??*/*.jsonl")):
        found[path.stem] = [orjson.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    return found


def used(found: list[dict]) -> set[str]:
    return {row["template"] for row in found}


def test_named_templates_alone_are_used_in_every_split(tmp_path: Path) -> None:
    named = ("ner/closed#list", "ner/closed#annotator")
    found = rows(tmp_path, tmp_path / "out", "msra", wordings=named)
    assert {split: used(found[split]) for split in found} == {one: set(named) for one in SPLITS}


def test_a_kind_of_which_no_template_is_named_uses_all_of_its_own(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        tmp_path / "out",
        "msra",
        wordings=("ner/closed#list",),
        templates="held-out",
        open_share=0.5,
    )
    train = used(found["train"])
    assert "ner/closed#list" in train
    assert len(train) > 3
    assert all(name.startswith("ner/open#") for name in train - {"ner/closed#list"})
    assert {name.partition("#")[0] for name in used(found["dev"])} == {"ner/held_out"}
    named = ("ner/held_out#" + next(iter(used(found["dev"]))).partition("#")[2],)
    found = rows(tmp_path, tmp_path / "two", "msra", wordings=named, templates="held-out")
    assert used(found["dev"]) == set(named)
    assert not used(found["train"]) & set(named)


@pytest.mark.parametrize("name", ["ner/closed#lst", "ner"])
def test_an_unknown_template_is_an_error_that_names_those_of_its_task(tmp_path, name) -> None:
    known = [one.id for one in load_templates() if one.id.startswith("ner/")]
    with pytest.raises(ConfigError) as caught:
        make_plan(tmp_path / "raw", BuildConfig(prompts={"wordings": (name,)}))
    message = f"prompts.wordings: no wording {name!r}; the known ones are {', '.join(known)}"
    assert str(caught.value) == message


def test_prompts_can_be_short_and_always_the_same(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        tmp_path / "out",
        "finre",
        wordings=("re/closed#list",),
        descriptions="off",
        shuffle_labels=False,
        format_sentences="first",
    )
    for split in found:
        [instruction] = {row["instruction"] for row in found[split]}
        assert len(instruction) < 500


def test_pairs_and_arguments_are_asked_openly_too(tmp_path: Path) -> None:
    for source, subtask in (("sanwen", "re-pair"), ("duee", "ee-argument")):
        found = rows(tmp_path, tmp_path / source, source, subtasks=(subtask,), open_share=0.5)
        kind = {"re-pair": "re/pair_open", "ee-argument": "ee/argument_open"}[subtask]
        by_record: dict[str, Counter] = {}
        for row in found["train"]:
            files = by_record.setdefault(row["record_id"], Counter())
            files[row["template"].partition("#")[0] == kind] += 1
        open_records = [one for one in by_record.values() if one[True]]
        assert all(not one[False] for one in open_records)
        assert 0.25 < len(open_records) / len(by_record) < 0.75
        for split in ("dev", "test"):
            assert not any("open" in row["template"] for row in found.get(split, []))


def test_an_open_query_about_a_negative_pair_has_an_empty_answer(tmp_path: Path) -> None:
    found = rows(tmp_path, tmp_path / "out", "sanwen", subtasks=("re-pair",), open_share=1.0)
    answers = [orjson.loads(row["output"]) for row in found["train"]]
    assert [] in answers
    assert not any("无关系" in answer for answer in answers)


def test_what_is_asked_without_labels_keeps_their_names(tmp_path: Path) -> None:
    found = rows(tmp_path, tmp_path / "out", "finre", open_share=0.5, label_renaming=1.0)
    for row in found["train"]:
        renamed = "LABEL_" in row["instruction"] + row["input"] + row["output"]
        assert renamed == (not row["template"].startswith("re/open"))
