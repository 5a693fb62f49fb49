"""The published files give the published counts; every located span quotes its text."""

from collections import Counter
from pathlib import Path

import pytest

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.check import count
from chinchilla.schema import Record
from chinchilla.tally import Tally

pytestmark = pytest.mark.real

COUNTS = {
    ("duie", None, "train"): {"records": 5000, "relations": 8945},
    ("duie", None, "dev"): {"records": 2000, "relations": 3656},
    ("duie", None, "test"): {"records": 1000, "relations": 0},
    ("duee", None, "train"): {"records": 11908, "events": 13860, "arguments": 28905},
    ("duee", None, "dev"): {"records": 1498, "events": 1790, "arguments": 3696},
    ("duee_fin", None, "train"): {"records": 1484, "events": 4264, "arguments": 22606},
    ("duee_fin", None, "dev"): {
        "records": 1174,
        "events": 1538,
        "arguments": 7946,
        "negatives": 151,
    },
    ("finre", None, "train"): {"records": 6140, "na_pairs": 3613},
    ("finre", None, "dev"): {"records": 677, "na_pairs": 384},
    ("finre", None, "test"): {"records": 1677, "na_pairs": 1005},
    ("sanwen", None, "train"): {"records": 10754},
    ("sanwen", None, "dev"): {"records": 1108},
    ("sanwen", None, "test"): {"records": 1376},
    ("msra", "word-tag", "test"): {"records": 4365, "entities": 6181},
    ("msra", "bio", "test"): {"records": 4631, "entities": 6181},
    ("boson", "bmes", "train"): {"records": 8762, "entities": 18023},
    ("boson", "bmes", "dev"): {"records": 1095, "entities": 2224},
    ("boson", "bmes", "test"): {"records": 1096, "entities": 2183},
}
ROWS = {
    ("finre", "train"): 13486,
    ("finre", "dev"): 1489,
    ("finre", "test"): 3727,
    ("sanwen", "train"): 17227,
    ("sanwen", "dev"): 1793,
    ("sanwen", "test"): 2220,
}


def read(raw: Path, source: str, edition: str | None, split: str) -> tuple[list[Record], Tally]:
    found = catalogue.find(catalogue.load_card(source, raw), raw, edition, samples=False)
    assert found is not None
    tally = Tally()
    return list(catalogue.records(found, split, tally)), tally


def counted(records: list[Record]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for record in records:
        count(record, counts)
    return counts


@pytest.mark.parametrize("key", COUNTS, ids=lambda key: "-".join(map(str, key)))
def test_a_split_has_the_published_counts(published: Path, key) -> None:
    records, _ = read(published, *key)
    counts = counted(records)
    assert {name: counts[name] for name in COUNTS[key]} == COUNTS[key]
    assert len({record.id for record in records}) == len(records)


@pytest.mark.parametrize("key", ROWS, ids="-".join)
def test_every_row_of_the_pair_sources_is_a_pair_or_a_counted_repeat(published, key) -> None:
    records, tally = read(published, key[0], None, key[1])
    counts = counted(records)
    repeats = sum(count.times for count in tally.fixed.values())
    assert counts["relations"] + counts["na_pairs"] + repeats == ROWS[key]


def test_boson_gives_2000_paragraphs_with_the_published_entities(published: Path) -> None:
    splits = {
        split: read(published, "boson", "raw", split)[0] for split in ("train", "dev", "test")
    }
    labels = Counter(e.type for records in splits.values() for r in records for e in r.entities)
    assert sum(map(len, splits.values())) == 2000
    assert labels == {
        "person_name": 5141,
        "location": 4597,
        "time": 4249,
        "product_name": 4122,
        "org_name": 2688,
        "company_name": 2374,
    }
    texts = [{record.text for record in records} for records in splits.values()]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    assert all(len(records) > 150 for records in splits.values())


def test_msra_bio_has_50658_training_sentences_before_dev_is_carved(published: Path) -> None:
    train, _ = read(published, "msra", "bio", "train")
    dev, _ = read(published, "msra", "bio", "dev")
    assert len(train) + len(dev) == 50658
    assert counted(train)["entities"] + counted(dev)["entities"] == 74703
    assert not {record.text for record in train} & {record.text for record in dev}


def test_the_msra_file_of_train_and_test_is_recognised_and_cut(published, tmp_path) -> None:
    parts = [(published / "MSRANER" / name).read_bytes() for name in ("train.bio", "test.bio")]
    folder = tmp_path / "msra"
    folder.mkdir()
    (folder / "dh_msra.txt").write_bytes(b"".join(parts))
    splits = {split: read(tmp_path, "msra", "bio", split)[0] for split in ("train", "dev", "test")}
    whole, _ = read(published, "msra", "bio", "test")
    assert len(splits["train"]) + len(splits["dev"]) == 50658
    assert [record.text for record in splits["test"]] == [record.text for record in whole]


def test_every_string_of_duee_fin_is_in_the_text_or_says_where_it_is(published: Path) -> None:
    records, _ = read(published, "duee_fin", None, "dev")
    events = [event for record in records for event in record.events]
    places = Counter(argument.where for event in events for argument in event.arguments)
    assert places == {None: 7822, "class": 83, "title": 41}
    assert Counter(event.trigger_where for event in events)["title"] == 45


def test_label_files_and_cards_agree(published: Path) -> None:
    from chinchilla.corpus.check import schema_surprises

    for source in ("duie", "duee", "duee_fin", "finre", "sanwen"):
        found = catalogue.find(catalogue.load_card(source, published), published)
        assert found is not None
        assert schema_surprises(found) == []


def test_the_sha256_of_every_complete_published_file_is_on_its_card(published: Path) -> None:
    from chinchilla.files import hash_file

    checked = 0
    for source, card in catalogue.cards(published).items():
        for edition in (one for one in card.editions if one.sha256):
            found = catalogue.find(
                card, published, None if source == "duie" else edition.name, False
            )
            for name, digest in edition.sha256.items():
                assert found is not None
                path = catalogue.find_file(found.folder, name)
                assert path is not None
                assert hash_file(path) == digest
                checked += 1
    assert checked >= 15
