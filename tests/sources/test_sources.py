"""Each source's sample gives its expected records, to the character.

tests/sources/<source>/sample<more>.<ext> -> expected<more>.jsonl; where <more> or <ext> names an
edition, that edition is read. After a change that is meant, write the expected files anew with
`CHINCHILLA_REGENERATE=1 pytest tests/sources` and read the difference.
"""

import os
from pathlib import Path

import pytest

from chinchilla.corpus import find as catalogue
from chinchilla.corpus.card import Card, Edition
from chinchilla.corpus.find import FoundSource
from chinchilla.errors import CardError
from chinchilla.schema import Record
from chinchilla.tally import Tally

HERE = Path(__file__).resolve().parent
RAW = HERE.parents[1] / "raw"


def sample_files() -> list[Path]:
    return sorted(path for path in HERE.glob("*/sample*") if path.is_file())


def pick_edition(card: Card, path: Path) -> Edition:
    words = path.name.split(".")[1:]
    named = [edition for edition in card.editions if edition.name in words]
    if path.suffix == ".bio":
        named = [card.edition("bio")]
    edition_of = catalogue.module_of(card).edition_of
    if not named and edition_of is not None:
        named = [card.edition(edition_of(path))]
    edition = (named or list(card.editions))[0]
    return edition.model_copy(update={"carve": None, "joined": None})


def read_sample(path: Path) -> list[Record]:
    card = catalogue.load_card(path.parent.name, RAW)
    found = FoundSource(card, pick_edition(card, path), path.parent, {"train": path}, False)
    return list(catalogue.records(found, "train", Tally()))


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_sample_gives_its_expected_records(path: Path) -> None:
    more = path.name.removeprefix("sample").removesuffix(path.suffix)
    if path.suffix in (".bmes", ".bio"):
        more += path.suffix
    expected = path.parent / f"expected{more}.jsonl"
    text = "".join(record.model_dump_json() + "\n" for record in read_sample(path))
    if os.environ.get("CHINCHILLA_REGENERATE"):
        expected.write_text(text, encoding="utf-8", newline="\n")
    assert expected.is_file(), "CHINCHILLA_REGENERATE=1 before the same command writes it"
    assert text == expected.read_text(encoding="utf-8")


def test_every_source_has_a_sample_and_an_expected_file() -> None:
    for name in catalogue.card_paths(RAW):
        for wanted in ("sample.*", "expected.jsonl"):
            assert list((HERE / name).glob(wanted)), f"tests/sources/{name}/{wanted} is missing"


@pytest.mark.parametrize("source", sorted(path.name for path in (RAW / "samples").iterdir()))
def test_the_shipped_sample_is_long_enough_and_without_fault(source: str, tmp_path: Path) -> None:
    card = catalogue.load_card(source, tmp_path)
    by_content = catalogue.module_of(card).edition_of is not None
    for edition in [None] if by_content else [edition.name for edition in card.editions]:
        found = catalogue.find(card, tmp_path, edition)
        if found is None and edition == "brat":
            continue
        assert found is not None
        assert found.sample
        for split, least in (("train", 40), ("dev", 12), ("test", 12)):
            if split in found.files:
                assert len(list(catalogue.records(found, split, Tally()))) >= least


@pytest.mark.parametrize("source", sorted(catalogue.card_paths(RAW)))
def test_a_card_describes_every_label_and_role_in_chinese(source: str) -> None:
    card = catalogue.load_card(source, RAW)
    for entries in (card.labels, card.roles, card.types, card.slots):
        for key, entry in entries.items():
            assert any("一" <= mark <= "龥" for mark in entry.name), (key, entry.name)
            assert entry.description, key
    for field in ("title", "home", "licence", "obtain", "summary", "metric"):
        assert field in card.model_fields_set and getattr(card, field), field


@pytest.mark.parametrize("source", sorted(catalogue.card_paths(RAW)))
def test_the_aliases_of_labels_are_chinese_and_name_no_other_label(source: str) -> None:
    card = catalogue.load_card(source, RAW)
    for edition in card.editions:
        labels = card.label_set(edition.name)
        every = [*labels, *filter(None, [labels.na])]
        for label in every:
            assert 2 <= len(label.aliases) <= 4, f"{label.key}: two to four aliases"
            assert all("一" <= mark <= "龥" for alias in label.aliases for mark in alias)
        names = [name for label in every for name in (label.name, *label.aliases)]
        assert sorted(names) == sorted(set(names))


def test_a_module_without_to_fields_is_answered_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = catalogue.load_card("sanwen", RAW)
    monkeypatch.delattr("chinchilla.sources.sanwen.to_fields")
    with pytest.raises(CardError, match=r"sanwen\.py: the source sanwen has no function 'to_field"):
        catalogue.module_of(card)
