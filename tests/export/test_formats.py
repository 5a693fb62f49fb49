"""Each format: what a row becomes, written out; its inverse; every character survives."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.errors import ConfigError
from chinchilla.export.format import Turn, turn_of
from chinchilla.export.formats import formats, load_format
from chinchilla.export.formats.hf import write_stream
from chinchilla.export.formats.parquet import arrow_type, schema
from chinchilla.schema import InstructionRow, Split

JOINED = {"aquila", "llama-factory-sharegpt", "messages", "prompt-completion", "sharegpt"}
ASKED = "找出人名。"
TEXT = "张三来了。"
ANSWER = '{"人名":["张三"]}'
CHAT = [{"from": "human", "value": f"{ASKED}\n{TEXT}"}, {"from": "gpt", "value": ANSWER}]
ALPACA = {"instruction": ASKED, "input": TEXT, "output": ANSWER}
WRITTEN = {
    "alpaca": ALPACA,
    "alpaca-jsonl": ALPACA,
    "llama-factory": ALPACA,
    "sharegpt": {"id": "x-train-000001.0", "conversations": CHAT},
    "llama-factory-sharegpt": {"id": "x-train-000001.0", "conversations": CHAT},
    "aquila": {"id": "x-train-000001.0", "conversations": CHAT, "instruction": ""},
    "messages": {
        "messages": [
            {"role": "user", "content": f"{ASKED}\n{TEXT}"},
            {"role": "assistant", "content": ANSWER},
        ]
    },
    "prompt-completion": {"prompt": f"{ASKED}\n{TEXT}\n", "completion": ANSWER},
}


@pytest.mark.parametrize(("name", "item"), WRITTEN.items(), ids=WRITTEN)
def test_a_row_becomes_the_item_of_the_format(name: str, item: dict, a_row: object) -> None:
    assert load_format(name).write(a_row) == item


@pytest.mark.parametrize("name", ["hf", "parquet"])
def test_a_table_keeps_every_field_of_a_row(name: str, a_row: InstructionRow) -> None:
    item = load_format(name).write(a_row)
    assert InstructionRow.model_validate(item) == a_row
    assert schema().names == list(InstructionRow.model_fields)


def test_every_format_is_written_out_above() -> None:
    assert set(formats()) == {*WRITTEN, "hf", "parquet"}


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        load_format("csv")
    known = ", ".join(formats())
    assert str(caught.value) == f"format 'csv': no such export format; use {known}"


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("name", formats())
@given(instruction=words, text=st.one_of(st.just(""), words), output=words)
def test_what_a_format_writes_it_reads(
    name: str, instruction: str, text: str, output: str, a_row: InstructionRow
) -> None:
    form = load_format(name)
    row = a_row.model_copy(update={"instruction": instruction, "input": text, "output": output})
    turn = form.read(orjson.loads(orjson.dumps(form.write(row))))
    assert turn == (Turn(turn_of(row).prompt, "", output) if name in JOINED else turn_of(row))


NASTY = ["\u2028行\u2029", "\x85\x1e", '"\\u4e00"', "𠮷\u0000", "\r\n\t", "2024-01-01", "\ufeff"]


@pytest.mark.parametrize("name", formats())
def test_no_character_is_lost_in_a_file(
    name: str, a_row: InstructionRow, read_back: Callable[[Path], dict], tmp_path: Path
) -> None:
    form = load_format(name)
    rows = [
        a_row.model_copy(update={"instruction": f"甲{one}", "input": one, "output": f"{one}乙"})
        for one in NASTY
    ]
    form.save(iter([form.write(row) for row in rows]), tmp_path, "train")
    if name == "hf":
        (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}', encoding="utf-8")
    turns = [form.read(item) for item in read_back(tmp_path)["train"]]
    assert [(turn.prompt, turn.output) for turn in turns] == [
        (turn_of(row).prompt, row.output) for row in rows
    ]


COLUMNS = [
    (str, pa.string()),
    (int | None, pa.int64()),
    (Split, pa.string()),
    (tuple[str, ...], pa.list_(pa.string())),
    (tuple[int, int], pa.list_(pa.int64())),
    (list[bool], pa.list_(pa.bool_())),
]


@pytest.mark.parametrize(("annotation", "column"), COLUMNS, ids=str)
def test_a_field_has_a_column_of_its_type(annotation: object, column: pa.DataType) -> None:
    assert arrow_type(annotation) == column


def test_a_model_within_a_row_is_a_struct_and_other_types_are_refused() -> None:
    assert arrow_type(InstructionRow).field("labels").type == pa.list_(pa.string())
    with pytest.raises(TypeError, match="has no column type"):
        arrow_type(dict[str, str])


def test_tables_are_written_in_batches_and_hold_all_rows(
    a_row: InstructionRow, tmp_path: Path
) -> None:
    write = load_format("parquet").write
    ids = [f"x-{number}" for number in range(2345)]

    def items():
        return (write(a_row.model_copy(update={"id": one})) for one in ids)

    load_format("parquet").save(items(), tmp_path, "train")
    write_stream(items(), tmp_path / "train.arrow")
    file = pq.ParquetFile(tmp_path / "train.parquet")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sizes == [1000, 1000, 345]
    assert file.read(["id"]).column(0).to_pylist() == ids
    with pa.ipc.open_stream(tmp_path / "train.arrow") as stream:
        assert stream.read_all().column("id").to_pylist() == ids


@pytest.mark.parametrize("name", formats())
def test_a_format_writes_the_files_that_it_declares(
    name: str, run_export: Callable[..., Path]
) -> None:
    out = run_export(name)
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    declared = load_format(name).names(("train", "validation", "test"))
    assert written == {*declared, "export.json"}


def test_an_array_without_items_is_still_an_array(tmp_path: Path) -> None:
    load_format("alpaca").save(iter([]), tmp_path, "train")
    assert (tmp_path / "train.json").read_bytes() == b"[]\n"
