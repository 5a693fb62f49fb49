"""Prompts within a budget: windows wired into the build, tokens told before."""

import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from tokenizers import ByteLevelBPETokenizer

from chinchilla.answers import answer_format
from chinchilla.corpus import find as catalogue
from chinchilla.dataset.build import build, forecast, quantiles
from chinchilla.dataset.config import BuildConfig, read_config
from chinchilla.dataset.plan import make_plan
from chinchilla.dataset.shard import ShardCounts
from chinchilla.errors import ChinchillaError
from chinchilla.prompts.queries import query_of
from chinchilla.schema import InstructionRow, LabelSet
from chinchilla.windows.split import tokens_of

KNOBS = """
seed = 3
[prompts]
subtasks = ["ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"]
forms = ["json", "lines", "code", "tuple"]
open_share = 0.1
labels_per_prompt = { ner = 2, re = 5, ee = 5 }
roles_per_prompt = 3
negative_ratio = 3.0
null_share = 0.3
descriptions = "sampled"
label_dropout = 0.1
label_renaming = 0.2
renaming = "paraphrase"
demonstrations = 1
[windows]
max_chars = 1500
overlap = 40
events = "split"
[hold_out.labels]
finre = ["收购"]
"""


def rows_of(folder: Path, name: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / name).read_bytes().split(b"\n")[:-1]]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    trained = ByteLevelBPETokenizer()
    card = catalogue.load_card("finre", Path("nowhere"))
    texts = [entry.description for entry in card.labels.values()]
    trained.train_from_iterator(texts, vocab_size=400)
    trained.save(str(folder / "tokenizer.json"))
    return folder


def test_no_prompt_is_longer_than_the_budget_and_no_gold_is_without_its_text(tmp_path) -> None:
    config = BuildConfig(
        sources=("duee_fin",),
        prompts={"labels_per_prompt": 4, "descriptions": "off"},
        windows={"max_chars": 700, "overlap": 30},
    )
    manifest = build(
        make_plan(tmp_path / "raw", config), tmp_path / "out", 1, lambda job: None
    ).manifest
    windows = manifest.sources["duee_fin"].splits["train"].windows
    assert windows["records-cut"] > 10
    gold = {row["id"]: row for row in rows_of(tmp_path / "out", "records/ee/train.jsonl")}
    for row in rows_of(tmp_path / "out", "ee/train.jsonl"):
        prompt = row["instruction"] + row["input"]
        assert len(prompt) <= 700
        start, end = row["window"]
        assert gold[row["record_id"]]["text"][start:end] in prompt
        for events in orjson.loads(row["output"]).values():
            for event in events:
                spans = [words for found in event["arguments"].values() for words in found]
                classes = ("筹备上市", "暂停上市", "正式上市", "终止上市")
                assert all(words in prompt or words in classes for words in spans)


def test_tokens_of_a_tokenizer_are_the_budget_and_are_told_before(tmp_path, tokenizer) -> None:
    config = BuildConfig(
        sources=("finre",),
        prompts={"labels_per_prompt": 4, "descriptions": "off"},
        windows={"max_tokens": 900, "tokenizer": str(tokenizer)},
    )
    plan = make_plan(tmp_path / "raw", config)
    sums, _ = forecast(plan, 1, lambda job: None)
    lengths = quantiles(sums["finre", "train"].tokens)
    assert 0 < lengths.p50 <= lengths.p95 <= lengths.longest
    assert sums["finre", "train"].tokens.total() == sums["finre", "train"].rows


@pytest.mark.slow
def test_what_is_told_before_is_what_the_files_then_hold(tmp_path, tokenizer) -> None:
    general = tmp_path / "alpaca.json"
    some = [{"instruction": f"第{n}题", "input": "", "output": "答" * n} for n in range(1, 40)]
    general.write_bytes(orjson.dumps(some))
    path = tmp_path / "build.toml"
    # under other names a row cannot be asked again whether its answer is empty
    knobs = KNOBS.replace("label_renaming = 0.2\n", "")
    knobs = knobs.replace("max_chars = 1500", f'max_chars = 1500\ntokenizer = "{tokenizer}"')
    path.write_text(
        f"{knobs}\n[mix.sources]\nweights = {{ finre = 0.5, msra = 1.5 }}\n"
        f'[general]\npath = "{general}"\nratio = 0.1\n',
        encoding="utf-8",
    )
    plan = make_plan(tmp_path / "raw", read_config(path, {}))
    sums, _ = forecast(plan, 1, lambda job: None)
    build(plan, tmp_path / "out", 1, lambda job: None)
    labels = orjson.loads((tmp_path / "out" / "labels.json").read_bytes())
    sets = {source: LabelSet.model_validate(found) for source, found in labels.items()}
    measure, told = tokens_of(tokenizer), {}
    for source, split, line in lines_of(tmp_path / "out"):
        row = InstructionRow.model_validate_json(line)
        counts = told.setdefault((source, split), ShardCounts())
        counts.rows += 1
        counts.bytes += len(line)
        counts.tokens[sum(map(measure, (row.instruction, row.input, row.output)))] += 1
        if source != "general":
            counts.null_rows += is_null(row, sets[source])
    assert set(told) == {key for key, counts in sums.items() if counts.rows}
    for key, counts in told.items():
        for name in ("rows", "bytes", "null_rows"):
            wanted, found = getattr(sums[key], name), getattr(counts, name)
            assert abs(found - wanted) <= 0.02 * wanted, (key, name)
        for one, other in zip(quantiles(sums[key].tokens), quantiles(counts.tokens), strict=True):
            assert abs(one - other) <= 0.02 * other, key


def lines_of(out: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield source, split and line of each row that a build wrote."""
    for path in sorted(out.glob("*/*.jsonl")):
        if path.parent.name != "records":
            for line in path.read_bytes().split(b"\n")[:-1]:
                yield orjson.loads(line)["source"], path.stem, line + b"\n"


def is_null(row: InstructionRow, labels: LabelSet) -> bool:
    """Tell whether the answer of a row is empty, for a pair: the negative label alone."""
    query = query_of(row, labels)
    content = answer_format(row.form).parse(row.output, query)
    na = query.na and query.na.key
    return not (
        content.entities
        or content.events
        or [item for item in content.relations if item.predicate != na]
    )


ERRORS = [
    ({"windows": {"max_chars": 50}}, "windows (finre): the prompt alone takes "),
    (
        {"windows": {"max_tokens": 500, "tokenizer": "no/where"}},
        "tokenizer no/where: no such file: no/where; "
        "pass a tokenizer.json or a folder that holds one",
    ),
]


@pytest.mark.parametrize(("config", "words"), ERRORS)
def test_a_budget_that_cannot_be_kept_is_an_error_before_anything_is_built(
    tmp_path, config, words
) -> None:
    plan = make_plan(tmp_path / "raw", BuildConfig(sources=("finre",), **config))
    with pytest.raises(ChinchillaError) as caught:
        build(plan, tmp_path / "out", 1, lambda job: None)
    assert str(caught.value).startswith(words)
    assert not (tmp_path / "out").exists()


CONTRADICTIONS = [
    ("[windows]\nmax_tokens = 9", "windows: max_tokens needs a tokenizer"),
    (
        "[prompts]\nnegatives = 1\nnegative_ratio = 1.0",
        "prompts: negatives and negative_ratio exclude each other",
    ),
    ("[prompts]\nnull_share = 1.0", "prompts.null_share: is not less than 1"),
    ("[prompts]\nlabel_per_prompt = 4", "prompts.label_per_prompt: is not known here"),
]


@pytest.mark.parametrize(("text", "what"), CONTRADICTIONS)
def test_settings_that_contradict_each_other_are_refused(tmp_path, text, what) -> None:
    path = tmp_path / "build.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChinchillaError) as caught:
        read_config(path, {})
    assert str(caught.value).startswith(f"{path}: {what}; ")


@pytest.mark.slow
def test_all_knobs_on_the_bytes_are_the_same_whatever_the_workers(tmp_path: Path) -> None:
    config = tmp_path / "build.toml"
    config.write_text(KNOBS, encoding="utf-8")
    raw = tmp_path / "raw"
    raw.mkdir()
    found = []
    for workers, hash_seed in (("1", "1"), ("2", "2")):
        out = tmp_path / workers
        command = [sys.executable, "-m", "chinchilla", "build", "--config", str(config)]
        command += ["--raw", str(raw), "--out", str(out), "--workers", workers]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        found.append({p.relative_to(out): sha256(p.read_bytes()).hexdigest() for p in files})
    assert found[0] == found[1]
    assert len(found[0]) > 10
