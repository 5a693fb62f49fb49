"""Cards of the user: where they may lie, what they may say, and what a bad one harms."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from chinchilla.cli import cli
from chinchilla.errors import CardError, Tally
from chinchilla.schema import Record
from chinchilla.sources import catalogue

CARD = """title = "我的数据"
task = "ner"
[[editions]]
splits.train = ["train.json"]
[mapping]
text = "text"
offsets = "end-exclusive"
entities = { list = "label", type = "2", start = "0", end = "1" }
[labels]
PER = { name = "人名" }
"""
ROW = '{"text": "张三来了", "label": [[0, 2, "PER"]]}\n'
PAIR = "甲\t乙\t合作\t甲与乙合作\n"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def records(raw: Path, source: str, split: str = "train") -> list[Record]:
    found = catalogue.find(catalogue.load_card(source, raw), raw, samples=False)
    assert found is not None
    return list(catalogue.records(found, split, Tally()))


def test_a_card_with_a_byte_order_mark_is_read(tmp_path, put) -> None:
    put("my/card.toml", b"\xef\xbb\xbf" + CARD.encode())
    put("my/train.json", ROW)
    [record] = records(tmp_path / "raw", "my")
    assert record.entities[0].text == "张三"


def test_a_card_that_is_a_folder_is_named(tmp_path, put) -> None:
    folder = put("my/card.toml/card.toml", CARD).parent
    with pytest.raises(CardError) as caught:
        catalogue.load_card("my", tmp_path / "raw")
    assert str(caught.value) == f"{folder}: is a folder, not a file; put the card itself there"


def test_an_unknown_label_names_the_card_where_it_would_be_described(tmp_path, put) -> None:
    put("my/card.toml", CARD)
    path = put("my/train.json", ROW.replace("PER", "ORG"))
    raw = tmp_path / "raw"
    with pytest.raises(Exception, match="ORG") as caught:
        records(raw, "my")
    assert str(caught.value) == (
        f"{path}:1: the label 'ORG' is not on the card of my; "
        f"correct the line, or describe the label in {raw / 'my/card.toml'}"
    )


def test_a_card_in_a_folder_of_the_official_name_lies_over_ours(tmp_path, put) -> None:
    put("FinRE/card.toml", '[labels]\n"结盟" = { name = "结盟" }\n')
    put("FinRE/train.txt", PAIR.replace("合作\t", "结盟\t"))
    raw = tmp_path / "raw"
    [record] = records(raw, "finre")
    assert record.relations[0].predicate == "结盟"
    assert "FinRE" not in catalogue.card_paths(raw)
    assert run("sources", "--raw", raw).exit_code == 0


def test_two_cards_of_one_source_are_refused(tmp_path, put) -> None:
    first = put("FinRE/card.toml", "na = 'unknown'\n")
    second = put("finre/card.toml", "na = 'unknown'\n")
    with pytest.raises(CardError) as caught:
        catalogue.load_card("finre", tmp_path / "raw")
    assert str(caught.value) == (f"{second}: finre has another card, {first}; keep one of the two")


def test_the_manifest_hashes_a_card_in_a_folder_of_the_official_name(tmp_path, put) -> None:
    put("FinRE/train.txt", PAIR)
    raw, hashes = tmp_path / "raw", []
    for content in ('title = "甲"\n', 'title = "乙"\n'):
        put("FinRE/card.toml", content)
        out = tmp_path / "out"
        assert run("build", "--raw", raw, "--source", "finre", "--out", out).exit_code == 0
        hashes.append(orjson.loads((out / "manifest.json").read_bytes())["cards"]["finre"])
    assert hashes[0] != hashes[1]
