"""The manifest is one model: what a build writes is what is read again, that of before too."""

from pathlib import Path

import orjson
import pytest

from chinchilla.dataset.build import Built, build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import read_manifest
from chinchilla.errors import InputError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("manifest")
    config = BuildConfig(sources=("finre", "duee"), on_error="count")
    return build(make_plan(folder / "raw", config), folder / "out", 1, lambda job: None)


def edited(built: Built, folder: Path, old: bytes, new: bytes) -> Path:
    data = (built.out / "manifest.json").read_bytes()
    assert old in data
    (folder / "manifest.json").write_bytes(data.replace(old, new))
    return folder


def test_the_manifest_read_is_the_one_that_was_written(built: Built) -> None:
    manifest, _ = read_manifest(built.out)
    assert manifest == built.manifest
    assert manifest.dump() == (built.out / "manifest.json").read_bytes()
    assert list(orjson.loads(manifest.dump())) == list(type(manifest).model_fields)


def test_items_of_other_tasks_are_no_keys(built: Built) -> None:
    sources = orjson.loads(built.manifest.dump())["sources"]
    assert {"relations", "na_pairs"} < set(sources["finre"]["splits"]["train"])
    assert {"events", "arguments"} < set(sources["duee"]["splits"]["train"])
    assert not {"entities", "events"} & set(sources["finre"]["splits"]["train"])


def test_what_older_versions_call_mended_is_read_as_fixed(built: Built, tmp_path: Path) -> None:
    fixed = built.manifest.sources["finre"].splits["train"].fixed
    assert fixed["repeated-row"].times == 1
    sources = orjson.loads(built.manifest.dump())
    for source in sources["sources"].values():
        for counts in source["splits"].values():
            counts["mended"] = counts.pop("fixed")
    (tmp_path / "manifest.json").write_bytes(orjson.dumps(sources))
    assert read_manifest(tmp_path)[0].sources == built.manifest.sources


def test_keys_of_later_versions_are_passed_over(built: Built, tmp_path: Path) -> None:
    folder = edited(built, tmp_path, b'"chinchilla": ', b'"of_tomorrow": {}, "chinchilla": ')
    assert read_manifest(folder)[0] == built.manifest


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"rows": ', b'"rows": "1", "x": ', "rows: is a string, not a whole number"),
        (b'"seed": 0', b'"sed": 0', "config.sed: is not known here"),
        (b'"sha256": "', b'"sha256": "x', "sha256: "),
    ],
)
def test_a_value_of_another_kind_is_named(built: Built, tmp_path: Path, old, new, what) -> None:
    with pytest.raises(InputError) as caught:
        read_manifest(edited(built, tmp_path, old, new))
    assert caught.value.where == str(tmp_path / "manifest.json")
    assert caught.value.what.startswith("not the manifest of a build (")
    assert what in caught.value.what
