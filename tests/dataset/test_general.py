"""General instructions are read, chosen by the seed and written at a ratio, all counted."""

from pathlib import Path

import orjson
import pytest

from chinchilla.dataset.build import build, forecast
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.general import read_general, write_general
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import InstructionRow
from chinchilla.tally import Tally

ALPACA = [
    {"instruction": "问一", "input": "文", "output": "答一"},
    {"instruction": "问二", "input": "", "output": "答二"},
    {"instruction": "问三", "output": "答三", "history": [["旧问", "旧答"]]},
]
SHAREGPT = [
    {"conversations": [{"from": "human", "value": "问一"}, {"from": "gpt", "value": "答一"}]},
    {
        "conversations": [
            {"from": "system", "value": "你是助手"},
            {"from": "human", "value": "问二"},
            {"from": "gpt", "value": "答二"},
            {"from": "human", "value": "问三"},
        ]
    },
]


def save(path: Path, rows: list, lines: bool) -> Path:
    whole = b"\n".join(orjson.dumps(row) for row in rows) if lines else orjson.dumps(rows)
    path.write_bytes(whole)
    return path


def general(number: int, instruction: str, text: str, output: str) -> InstructionRow:
    return InstructionRow(
        instruction=instruction,
        input=text,
        output=output,
        id=f"general-{number:06d}",
        record_id=f"general-{number:06d}",
        source="general",
        task="general",
        subtask="general",
        template="general",
        form="text",
        labels=(),
        window=(0, 0),
    )


def written_at(path: Path, ratio: float, rows: int, **config: object) -> list[InstructionRow]:
    """Return the general rows that go with some rows of extraction, read back from their lines."""
    lines: list[bytes] = []
    config |= {"general": {"path": str(path), "ratio": ratio}}
    counts = write_general(BuildConfig.model_validate(config), rows, lines.append)
    assert (counts.rows, counts.bytes) == (len(lines), sum(map(len, lines)))
    return [InstructionRow.model_validate_json(line) for line in lines]


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_alpaca_rows_are_read(tmp_path: Path, lines: bool) -> None:
    tally = Tally()
    assert list(read_general(save(tmp_path / "alpaca", ALPACA, lines), tally)) == [
        general(1, "问一", "文", "答一"),
        general(2, "问二", "", "答二"),
        general(3, "问三", "", "答三"),
    ]
    assert {reason: count.times for reason, count in tally.fixed.items()} == {
        "general-history-left-out": 1
    }


@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_the_first_turn_of_a_sharegpt_row_is_read_and_the_rest_counted(tmp_path, lines) -> None:
    tally = Tally()
    path = save(tmp_path / "sharegpt", SHAREGPT, lines)
    assert list(read_general(path, tally)) == [
        general(1, "问一", "", "答一"),
        general(2, "问二", "", "答二"),
    ]
    where = f"{path}:2" if lines else f"{path}:item 2"
    assert {reason: count[:2] for reason, count in tally.fixed.items()} == {
        "general-system-left-out": (1, where),
        "general-later-turns-left-out": (1, where),
    }


UNREADABLE = [
    ({"prompt": "问", "completion": "答"}, "instruction is empty, not text; "),
    ({"instruction": "问", "output": " "}, "output is empty, not text; "),
    ({"instruction": ["问"], "output": "答"}, "instruction is list, not text; "),
    ({"instruction": "问", "input": 7, "output": "答"}, "input is int, not text; "),
    ({"conversations": "问"}, "conversations is no list of objects; "),
    ({"conversations": []}, "the conversation does not begin with human, then gpt; "),
    (
        {"conversations": [{"from": "human", "value": "问"}]},
        "the conversation does not begin with human, then gpt; ",
    ),
    (
        {"conversations": [{"from": "human", "value": "问"}, {"from": "gpt"}]},
        "value is empty, not text; ",
    ),
]


@pytest.mark.parametrize(("row", "words"), UNREADABLE)
@pytest.mark.parametrize("lines", [True, False], ids=["lines", "array"])
def test_a_row_that_cannot_be_read_is_an_error_with_its_place(tmp_path, row, words, lines) -> None:
    path = save(tmp_path / "general", [ALPACA[0], row, ALPACA[1]], lines)
    where = f"{path}:2" if lines else f"{path}:item 2"
    with pytest.raises(InputError) as caught:
        list(read_general(path, Tally()))
    assert str(caught.value).startswith(f"{where}: {words}")
    assert [row.output for row in written_at(path, 1.0, 2, on_error="count")] == ["答一", "答二"]
    config = {"on_error": "count", "general": {"path": str(path), "ratio": 1.0}}
    counts = write_general(BuildConfig.model_validate(config), 2)
    assert counts.tally.refused["bad-line"].times == 1


@pytest.mark.parametrize(
    ("ratio", "rows", "expected"),
    [(0.0, 100, 0), (0.1, 95, 10), (0.25, 100, 25), (1.0, 40, 40), (2.0, 50, 100), (0.5, 1, 1)],
)
def test_general_rows_are_mixed_in_at_the_ratio(tmp_path, ratio, rows, expected) -> None:
    many = [{"instruction": f"问{n}", "output": f"答{n}"} for n in range(40)]
    path = save(tmp_path / "general.jsonl", many, lines=True)
    mixed = written_at(path, ratio, rows)
    assert len(mixed) == len({row.id for row in mixed}) == expected
    assert [row.id[:14] for row in mixed] == sorted(row.id[:14] for row in mixed)
    assert mixed == written_at(path, ratio, rows)


def test_a_file_without_rows_is_an_error_where_any_are_wanted(tmp_path: Path) -> None:
    path = save(tmp_path / "general.json", [], lines=False)
    with pytest.raises(InputError, match="no row that can be read"):
        written_at(path, 1.0, 10)
    assert written_at(path, 0.0, 10) == []


def rows_of(folder: Path, name: str) -> list[dict]:
    return [orjson.loads(line) for line in (folder / name).read_bytes().split(b"\n")[:-1]]


def run(raw: Path, out: Path, **config) -> dict:
    built = build(make_plan(raw, BuildConfig(**config)), out, 1, lambda job: None)
    return built.manifest.model_dump(mode="json")


def test_a_build_writes_as_many_general_rows_as_its_forecast_says(tmp_path: Path) -> None:
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
    assert manifest.outputs["general/train.jsonl"].rows == len(general)


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
    assert counted["fixed"]["general-system-left-out"]["times"] == 1
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"另有通用指令 {len(written)} 条" in page
    assert "- 通用指令：剔除 `bad-line` 1 处" in page
    plain = run(tmp_path / "raw", tmp_path / "plain", sources=("finre",))
    assert plain["general"] is None
    assert "通用指令" not in (tmp_path / "plain" / "README.md").read_text(encoding="utf-8")
