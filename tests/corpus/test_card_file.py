"""Cards of the user: where they may lie, what they may say, and what a bad one harms."""

from pathlib import Path

import orjson
import pytest
from own_card import CARD, ROW, run

from chinchilla.corpus import find as catalogue
from chinchilla.errors import CardError
from chinchilla.schema import Record
from chinchilla.tally import Tally

PAIR = "甲\t乙\t合作\t甲与乙合作\n"

TRIPLE = (
    '{"text": "甲书是乙写的", "spo_list": [{"predicate": "作者", "subject": "甲书", "object": '
    '{"@value": "乙"}, "subject_type": "图书作品", "object_type": {"@value": "人物"}}]}\n'
)


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


def test_a_card_in_a_folder_of_the_official_name_overrides_ours(tmp_path, put) -> None:
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


def test_a_bad_card_is_a_problem_of_its_source_alone(tmp_path, put) -> None:
    path = put("my/card.toml", "title = 1\n")
    put("finre/train.txt", PAIR)
    raw = tmp_path / "raw"
    message = f"  {path}: title: is the number 1, not a string; see docs/en/cards.md for the "
    checked = run("check", "my", "finre", "--raw", raw)
    assert checked.exit_code == 1
    lines = [line for line in checked.stdout.splitlines() if "note: " not in line]
    assert lines[:2] == ["my: cannot be read", message + "fields of a card"]
    assert lines[3] == "finre train: 1 records, 1 relations; 0 problems"
    assert lines[-1] == "1 problems"
    listed = run("sources", "--raw", raw)
    assert listed.exit_code == 1
    assert f"\nmy: cannot be read\n{message}fields of a card\n" in listed.stdout
    rows = orjson.loads(run("sources", "--json", "--raw", raw).stdout)
    assert [row["source"] for row in rows if row["problem"]] == ["my"]
    built = run("build", "--raw", raw, "--source", "finre", "--out", tmp_path / "out")
    assert built.exit_code == 0
    with pytest.raises(CardError):
        raise run("build", "--raw", raw, "--out", tmp_path / "out").exception


SCHEMAS = [
    ("[1,2]", "{path}:item 1: a number, not an object; write one {{...}} for each record"),
    ("{", "{path}:1: not a whole JSON object (unexpected end of data at character 1); "),
    ('{"x": 1}\n', "{path}:1: no string under 'predicate'; "),
    ('{"predicate": [1]}\n', "{path}:1: no string under 'predicate'; "),
]


@pytest.mark.parametrize(("schema", "message"), SCHEMAS)
def test_check_reads_on_after_a_bad_label_file(tmp_path, put, schema, message) -> None:
    put("duie/duie_train.json", TRIPLE)
    path = put("duie/schema.json", schema)
    put("finre/train.txt", PAIR)
    done = run("check", "duie", "finre", "--raw", tmp_path / "raw")
    assert done.exit_code == 1
    lines = [line for line in done.stdout.splitlines() if "note: " not in line]
    assert lines[2].startswith("  " + message.format(path=path))
    assert "finre train: 1 records, 1 relations; 0 problems" in lines
    assert lines[-1] == "1 problems"


def test_a_second_folder_of_a_source_is_named_as_not_read(tmp_path, put) -> None:
    put("duie/duie_train.json", TRIPLE)
    put("DuIE2.0/duie_dev.json", TRIPLE)
    raw = tmp_path / "raw"
    note = f"{raw / 'DuIE2.0'}: not read: duie is read from {raw / 'duie'}; "
    note += "put all files in one folder"
    assert f"{note}\n0 problems, 1 warnings\n" in run("check", "duie", "--raw", raw).stdout
    built = run("build", "--raw", raw, "--source", "duie", "--out", tmp_path / "out")
    assert f"{note}\n".replace(f"{raw}/", "") in built.stderr
    [row] = [
        one
        for one in orjson.loads(run("sources", "--json", "--raw", raw).stdout)
        if one["source"] == "duie"
    ]
    assert row["unread"] == [note]


def carved(*shares: str) -> str:
    files = ["splits.dev", "splits.test"]
    lines = [f'{name} = ["train.json"]' for name in files[: len(shares)]]
    carve = ", ".join(["seed = 1", *shares])
    return CARD.replace("[mapping]", "\n".join([*lines, f"carve = {{ {carve} }}", "[mapping]"]))


def texts(raw: Path, split: str) -> set[str]:
    return {record.text for record in records(raw, "my", split)}


def test_a_carved_file_gives_every_record_to_one_split(tmp_path, put) -> None:
    put("my/card.toml", carved("dev = 0.3", "test = 0.2"))
    rows = [ROW.replace("来了", f"来了{number}") for number in range(60)]
    put("my/train.json", "".join([*rows, ROW.replace("text", "txt"), ROW.replace("PER", "ORG")]))
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("my", raw), raw, samples=False)
    assert found is not None
    tallies = {split: Tally(forgiving=True) for split in found.files}
    read = {
        split: {record.text for record in catalogue.records(found, split, tally, every=True)}
        for split, tally in tallies.items()
    }
    assert all(len(one) >= 6 for one in read.values())
    assert sum(len(one) for one in read.values()) == len(set().union(*read.values())) == 60
    # the record without a text is of no split, that of an unknown label is of one
    times = [sum(one.times for one in tally.refused.values()) for tally in tallies.values()]
    assert sum(times) == 2
    assert "unmapped-field" in tallies["train"].refused


def test_a_split_with_a_file_of_its_own_is_not_carved(tmp_path, put) -> None:
    card = carved("dev = 0.3", "test = 0.2").replace(
        'splits.test = ["train.json"]', 'splits.test = ["test.json", "train.json"]'
    )
    put("my/card.toml", card)
    rows = [ROW.replace("来了", f"来了{number}") for number in range(60)]
    put("my/train.json", "".join(rows))
    put("my/test.json", "".join(rows))
    raw = tmp_path / "raw"
    assert len(texts(raw, "test")) == 60
    assert len(texts(raw, "train") | texts(raw, "dev")) == 60
    assert not texts(raw, "train") & texts(raw, "dev")


SHARES = [
    (("dev = 1.5",), "editions.0.carve.dev: is not less than 1"),
    (("dev = -0.5",), "editions.0.carve.dev: is not at least 0"),
    (
        ("dev = 0.5", "test = 0.5"),
        "editions.0.carve: dev and test leave nothing for train; keep their sum below 1",
    ),
]


@pytest.mark.parametrize(("shares", "message"), SHARES)
def test_shares_that_leave_no_train_are_refused(tmp_path, put, shares, message) -> None:
    path = put("my/card.toml", carved(*shares))
    with pytest.raises(CardError) as caught:
        catalogue.load_card("my", tmp_path / "raw")
    todo = "see docs/en/cards.md for the fields of a card"
    assert str(caught.value) == f"{path}: {message}; {todo}"


def test_a_share_of_a_split_without_the_file_is_refused(tmp_path, put) -> None:
    path = put("my/card.toml", carved("dev = 0.1").replace('splits.dev = ["train.json"]', ""))
    with pytest.raises(CardError) as caught:
        catalogue.load_card("my", tmp_path / "raw")
    assert str(caught.value) == (
        f"{path}: editions.0: carve.dev needs the file it is carved from; name one of "
        "splits.train in splits.dev too; see docs/en/cards.md for the fields of a card"
    )
