"""Each export is read by the programs it is written for, or checked against their fields."""

import json
import os
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import datasets
import jsonlines
import pyarrow as pa
import pytest
from huggingface_hub import DatasetCard

from chinchilla.answers import Content, Query, answer_format, target
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.read import open_processed
from chinchilla.export.format import SPLIT_NAMES, Turn, turn_of
from chinchilla.export.formats import formats, load_format
from chinchilla.export.run import export
from chinchilla.schema import InstructionRow, LabelSet, Record

Built = dict[str, list[InstructionRow]]
Read = Callable[[Path], dict[str, list[dict]]]
Facts = dict[tuple[str, str], set[tuple]]


@pytest.fixture(scope="session")
def label_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LabelSet]:
    """Return the labels of each source of the build."""
    plan = make_plan(tmp_path_factory.mktemp("raw") / "raw", BuildConfig())
    return {one.card.source: one.card.label_set(one.edition.name) for one in plan.sources}


def facts(content: Content) -> set[tuple]:
    """Return what a content says, without offsets and order."""
    entities = {("entity", item.type, item.text) for item in content.entities}
    relations = {
        (item.predicate, item.head, item.tail, *sorted(item.tail_slots.items()))
        for item in content.relations
    }
    events = {
        (item.event_type, item.trigger, *sorted((one.role, one.text) for one in item.arguments))
        for item in content.events
    }
    return entities | relations | events


def gold_facts(processed: Path, label_sets: dict[str, LabelSet]) -> Facts:
    found: Facts = {}
    for path in sorted(processed.glob("records/*/*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            record = Record.model_validate_json(line)
            query = Query(record.task, label_sets[record.source].labels)
            found[SPLIT_NAMES.get(record.split, record.split), record.id] = facts(
                target(record, query)
            )
    return found


@pytest.mark.parametrize("name", formats())
def test_gold_exported_read_back_and_parsed_is_the_gold_of_the_records(
    name: str,
    processed: Path,
    built: Built,
    label_sets: dict[str, LabelSet],
    run_export: Callable[..., Path],
    read_back: Read,
) -> None:
    items, read = read_back(run_export(name)), load_format(name).read
    found: Facts = {}
    for split, rows in built.items():
        for row, item in zip(rows, items[split], strict=True):
            labels = label_sets[row.source].by_key
            query = Query(row.subtask, tuple(labels[key] for key in row.labels))
            content = answer_format(row.form).parse(read(item).output, query)
            found.setdefault((split, row.record_id), set()).update(facts(content))
    gold = gold_facts(processed, label_sets)
    assert found == gold
    assert sum(map(len, gold.values())) > 500


@pytest.mark.parametrize("name", formats())
def test_every_format_shows_a_model_the_same_prompts(
    name: str, built: Built, run_export: Callable[..., Path], read_back: Read
) -> None:
    read = load_format(name).read
    found = {
        split: [(read(item).prompt, read(item).output) for item in items]
        for split, items in read_back(run_export(name)).items()
    }
    assert found == {
        split: [(turn_of(row).prompt, row.output) for row in rows] for split, rows in built.items()
    }


def test_a_saved_data_set_has_the_splits_and_whole_rows(
    built: Built, run_export: Callable[..., Path]
) -> None:
    loaded = datasets.load_from_disk(run_export("hf"))
    assert isinstance(loaded, datasets.DatasetDict)
    assert {split: rows.split for split, rows in loaded.items()} == {s: s for s in built}
    for split, rows in built.items():
        assert [whole(item) for item in loaded[split]] == rows


@pytest.mark.parametrize("name", ["parquet", "hf"])
def test_a_folder_of_tables_loads_by_its_data_card(
    name: str, built: Built, run_export: Callable[..., Path], tmp_path: Path
) -> None:
    folder, cache = run_export(name), str(tmp_path / "cache")
    loaded = datasets.load_dataset(str(folder), cache_dir=cache)
    assert list(loaded) == list(built)
    for split, rows in built.items():
        assert [whole(item) for item in loaded[split]] == rows


LOADED = sorted(set(formats()) - {"hf"})


def load(folder: Path, cache: Path) -> dict[str, int]:
    found = datasets.load_dataset(str(folder), cache_dir=str(cache))
    return {split: rows.num_rows for split, rows in found.items()}


@pytest.mark.parametrize("name", LOADED)
def test_a_second_export_into_a_folder_is_what_is_loaded_next(
    name: str, processed: Path, built: Built, tmp_path: Path
) -> None:
    """`datasets` keeps what it has read by names and times; another build may share both."""
    out, other = tmp_path / "out", tmp_path / "other" / "out"
    for task, folder in (("re", out), ("ner", out), ("ee", other), ("re", out)):
        export(open_processed(processed, (task,), ()), name, folder, lambda size: None)
        assert load(folder, tmp_path / "cache") == {
            split: sum(row.task == task for row in rows) for split, rows in built.items()
        }


def test_a_parquet_folder_with_the_times_of_an_older_one_is_still_told_apart(
    processed: Path, built: Built, tmp_path: Path
) -> None:
    for task in ("re", "ner"):
        out = tmp_path / "out"
        export(open_processed(processed, (task,), ()), "parquet", out, lambda size: None)
        for path in out.iterdir():
            os.utime(path, (1_000_000_000, 1_000_000_000))
        assert load(out, tmp_path / "cache") == {
            split: sum(row.task == task for row in rows) for split, rows in built.items()
        }


def test_a_saved_data_set_names_no_types_that_older_libraries_lack(
    run_export: Callable[..., Path],
) -> None:
    """`List` is known from 4.0 on; without types the columns are those of the Arrow stream."""
    folder = run_export("hf")
    for path in folder.glob("*/dataset_info.json"):
        assert json.loads(path.read_bytes())["features"] is None
    assert not [path for path in folder.rglob("*.json") if b'"_type"' in path.read_bytes()]
    for path in folder.glob("*/*.arrow"):
        with pa.ipc.open_stream(path) as stream:
            assert stream.schema.metadata is None


@pytest.mark.parametrize("name", formats())
def test_dev_is_called_validation_in_every_file(name: str, run_export: Callable[..., Path]) -> None:
    folder = run_export(name)
    for path in folder.rglob("*"):
        assert path.stem not in ("dev", "valid")
        if path.suffix in (".json", ".md") and path.stem != "validation" and path.is_file():
            assert not re.search(r"\bdev\b", re.sub(r"[\w-]+-dev-\d+", "", path.read_text("utf-8")))


@pytest.mark.parametrize("name", formats())
def test_a_split_without_rows_has_no_file_and_the_others_load(
    name: str, processed: Path, built: Built, tmp_path: Path
) -> None:
    copy = shutil.copytree(processed, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_bytes())
    for task in ("ner", "re", "ee"):
        (copy / task / "dev.jsonl").write_bytes(b"")
        manifest["outputs"][f"{task}/dev.jsonl"]["sha256"] = sha256(b"").hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    out = tmp_path / "out"
    done = export(open_processed(copy, (), ()), name, out, lambda size: None)
    filled = {split: len(rows) for split, rows in built.items() if split != "validation"}
    if name == "hf":
        found = datasets.load_from_disk(out)
        assert {split: rows.num_rows for split, rows in found.items()} == filled
    else:
        assert load(out, tmp_path / "cache") == filled
    assert done.manifest.rows == {**filled, "validation": 0}
    assert not list(out.rglob("*validation*"))
    if name.startswith("llama-factory"):
        info = json.loads((out / "dataset_info.json").read_bytes())
        assert list(info) == ["chinchilla_train", "chinchilla_test"]


TEXTS = sorted(set(formats()) - {"hf", "parquet"})


@pytest.mark.parametrize("name", TEXTS)
def test_a_folder_of_text_loads_by_the_names_of_its_files(
    name: str, built: Built, run_export: Callable[..., Path], tmp_path: Path
) -> None:
    loaded = datasets.load_dataset(str(run_export(name)), cache_dir=str(tmp_path / "cache"))
    found = {split: rows.num_rows for split, rows in loaded.items()}
    assert found == {split: len(rows) for split, rows in built.items()}


def whole(item: dict) -> InstructionRow:
    return InstructionRow.model_validate({k: v for k, v in item.items() if v is not None})


@pytest.mark.parametrize(
    ("name", "file"),
    [("parquet", "{}.parquet"), ("hf", "{}/data-00000-of-00001.arrow")],
)
def test_the_hub_reads_the_front_matter_of_the_data_card(
    name: str, file: str, run_export: Callable[..., Path]
) -> None:
    """Keys: https://github.com/huggingface/hub-docs datasetcard.md."""
    card = DatasetCard.load(run_export(name) / "README.md").data.to_dict()
    assert re.fullmatch("chinchilla-[0-9a-f]{16}", card["configs"][0].pop("config_name"))
    assert card == {
        "pretty_name": "Chinese information extraction instructions",
        "language": ["zh"],
        "license": "apache-2.0",
        "task_categories": ["text-generation", "token-classification"],
        "size_categories": ["n<1K"],
        "tags": ["information-extraction", "instruction-tuning"],
        "configs": [
            {
                "data_files": [
                    {"split": split, "path": file.format(split)}
                    for split in ("train", "validation", "test")
                ],
            }
        ],
    }


def test_messages_are_conversational_language_modeling_rows_of_trl(
    run_export: Callable[..., Path], read_back: Read
) -> None:
    for items in read_back(run_export("messages")).values():
        for item in items:
            assert set(item) == {"messages"}
            assert [set(message) for message in item["messages"]] == [{"role", "content"}] * 2
            assert [message["role"] for message in item["messages"]] == ["user", "assistant"]
            assert all(isinstance(one["content"], str) for one in item["messages"])


def test_prompts_and_completions_are_standard_rows_of_trl(
    run_export: Callable[..., Path], read_back: Read
) -> None:
    for items in read_back(run_export("prompt-completion")).values():
        for item in items:
            assert {key: type(value) for key, value in item.items()} == {
                "prompt": str,
                "completion": str,
            }
            assert item["prompt"].endswith("\n")


def test_aquila_rows_pass_the_reading_of_its_trainers(run_export: Callable[..., Path]) -> None:
    with jsonlines.open(run_export("aquila") / "train.jsonl") as reader:
        items = list(reader)
    assert items
    for item in items:
        assert set(item) == {"id", "conversations", "instruction"}
        assert item["instruction"] == ""
        assert [turn["from"] for turn in item["conversations"]] == ["human", "gpt"]


def test_sharegpt_and_alpaca_are_arrays_for_the_plain_json_reader(
    built: Built, run_export: Callable[..., Path]
) -> None:
    for name in ("sharegpt", "alpaca"):
        text = (run_export(name) / "validation.json").read_text(encoding="utf-8")
        assert len(json.loads(text)) == len(built["validation"])
        assert text.count("\n") == len(built["validation"]) + 2


# the fields that LLaMA-Factory documents in data/README.md, with their defaults
ENTRY = {"file_name", "formatting", "columns", "tags", "ranking", "subset", "split", "folder"}
COLUMNS = {
    "alpaca": {"prompt", "query", "response", "history", "system", "tools", "images"},
    "sharegpt": {"messages", "system", "tools", "images"},
}
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}


def aligned(item: dict, entry: dict) -> Turn:
    """Read an item by its entry, as the documentation says: prompt, newline, query."""
    columns = entry["columns"]
    if entry["formatting"] == "alpaca":
        parts = (item[columns["prompt"]], item[columns["query"]])
        return Turn("\n".join(part for part in parts if part), "", item[columns["response"]])
    tags = TAGS | entry["tags"]
    human, gpt = item[columns["messages"]]
    assert human[tags["role_tag"]] == tags["user_tag"]
    assert gpt[tags["role_tag"]] == tags["assistant_tag"]
    return Turn(human[tags["content_tag"]], "", gpt[tags["content_tag"]])


@pytest.mark.parametrize("name", ["llama-factory", "llama-factory-sharegpt"])
def test_dataset_info_describes_each_split_in_documented_fields(
    name: str, built: Built, run_export: Callable[..., Path], read_back: Read
) -> None:
    folder = run_export(name)
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    items = read_back(folder)
    assert list(info) == ["chinchilla_train", "chinchilla_validation", "chinchilla_test"]
    for split, entry in zip(built, info.values(), strict=True):
        assert set(entry) <= ENTRY
        assert entry["file_name"] == f"{split}.jsonl"
        assert set(entry["columns"]) <= COLUMNS[entry["formatting"]]
        assert set(entry["columns"].values()) <= set(items[split][0])
        assert set(entry.get("tags", {})) <= set(TAGS)
        turns = [aligned(item, entry) for item in items[split]]
        assert turns == [Turn(turn_of(row).prompt, "", row.output) for row in built[split]]
