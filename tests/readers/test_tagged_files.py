"""Columns and word/tag: no sentence is glued to another, none is lost without a count."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.errors import ChinchillaError, InputError
from chinchilla.readers import columns, markup
from chinchilla.readers.lines import MAX_SENTENCE, Slice, cut
from chinchilla.sources import msra
from chinchilla.tally import Tally

LABELS = frozenset({"time", "org_name"})
TAGS = [
    "O",
    "B-PER",
    "I-PER",
    "B-ORG",
    "I-ORG",
    "E-PER",
    "S-PER",
    "M-PER",
    "o",
    "b-PER",
    "X",
    "O-PER",
]
BREAKS = [
    "",
    " ",
    "\t",
    "  ",
    "\t\t",
    "\r",
    " \r",
    "\u3000",
    "-DOCSTART- O\n",
    "-DOCSTART- -X- O O",
]


def columns_of(sentences: list[list[tuple[str, str]]], breaks: list[str]) -> str:
    lines = []
    for sentence, between in zip(sentences, breaks, strict=False):
        lines += [f"{character}\t{tag}" for character, tag in sentence]
        lines.append(between)
    return "\n".join(lines)


SENTENCES = st.lists(
    st.lists(
        st.tuples(st.sampled_from("甲乙 \u3000,/\u2028"), st.sampled_from(TAGS)),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=6,
)


@given(SENTENCES, st.lists(st.sampled_from(BREAKS), min_size=6, max_size=6), st.integers(1, 60))
def test_sentences_are_those_that_were_written(tmp_path_factory, sentences, breaks, size) -> None:
    path = tmp_path_factory.mktemp("columns") / "a.bio"
    path.write_text(columns_of(sentences, breaks), encoding="utf-8")
    whole = [one for _, one in columns.sentences(Slice(path), Tally())]
    assert [list(zip(one.characters, one.tags, strict=True)) for one in whole] == sentences
    assert [one.before for one in whole] == ["", *(one.tags[-1] for one in whole[:-1])]
    parts = [
        one
        for part in cut(Slice(path), size, "blocks")
        for _, one in columns.sentences(part, Tally())
    ]
    assert parts == whole


@given(SENTENCES)
def test_any_tags_give_a_record_or_a_count_for_every_sentence(tmp_path_factory, sentences) -> None:
    raw = tmp_path_factory.mktemp("raw")
    (raw / "msra").mkdir()
    text = columns_of(sentences, [""] * len(sentences))
    (raw / "msra/test.bio").write_text(text, encoding="utf-8")
    found = catalogue.find(catalogue.load_card("msra", raw), raw, "bio", samples=False)
    assert found is not None
    tally = Tally(forgiving=True)
    records = list(catalogue.records(found, "test", tally))
    assert len(records) + tally.times == len(sentences)
    written = ["".join(character for character, _ in one) for one in sentences]
    assert [record.text for record in records] == [
        text for number, text in enumerate(written) if number in places(records, sentences)
    ]
    halves = tally.fixed.get("second-half-of-a-cut-entity")
    begun = sum(tag.startswith("B-") for one in kept(records, sentences) for _, tag in one)
    assert sum(len(record.entities) for record in records) == begun
    assert (halves.times if halves else 0) == sum(
        one[0][1].startswith("I-") for one in kept(records, sentences)
    )


def places(records, sentences) -> list[int]:
    """Return which sentences became records, by the line that their ids name."""
    starts, line = {}, 1
    for number, sentence in enumerate(sentences):
        starts[line] = number
        line += len(sentence) + 1
    return [starts[int(record.id.rpartition("-")[2])] for record in records]


def kept(records, sentences) -> list[list[tuple[str, str]]]:
    return [sentences[number] for number in places(records, sentences)]


CELLS = [
    ("中  B-LOC", "found '中  B-LOC'; put one tab or space between the two"),
    ("中\t\tB-LOC", "found '中\\t\\tB-LOC'; put one tab or space between the two"),
    ("中,B-LOC", "found '中,B-LOC'; put one tab or space between the two"),
    ("中 n B-LOC", "there are 3 columns: leave two, the character and its tag"),
    ("中\tn\tx\tB-LOC", "there are 4 columns: leave two, the character and its tag"),
    ("B-LOC 中", "the tag is first in 'B-LOC 中'; put the character first"),
    ("B-LOC\t中", "the tag is first in 'B-LOC\\t中'; put the character first"),
    ("中国 B-LOC", "expected one character, found '中国'; give each character a line"),
    ("中", "expected a character and a tag, found '中'; put one tab or space"),
    ("\tB-LOC", "expected a character and a tag, found '\\tB-LOC'; put one tab or space"),
    ("中\tB-LOC\r国\tI-LOC", "a line ends with CR alone; write LF: tr '\\r' '\\n' < OLD > NEW"),
]


@pytest.mark.parametrize(("line", "message"), CELLS)
def test_a_cell_that_is_no_character_and_tag_says_what_it_is(put, line, message) -> None:
    path = put("a.bio", f"人\tO\n\n{line}\n")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        list(columns.sentences(Slice(path), Tally()))
    assert caught.value.where == f"{path}:3"
    tally = Tally(forgiving=True)
    assert [one.characters for _, one in columns.sentences(Slice(path), tally)] == [["人"]]
    assert tally.times == 1


SCHEMES = [
    (
        "msra",
        "test.bio",
        "京\tS-LOC\n",
        "the tag S-LOC is of BIOES or BMES; convert the tags to BIO",
    ),
    (
        "msra",
        "test.bio",
        "北\tB-LOC\n京\tE-LOC\n",
        "the tag E-LOC is of BIOES or BMES; convert the tags to BIO",
    ),
    ("msra", "test.bio", "北\tB-LOC\n大\tM-LOC\n", "the tag M-LOC is of BMES; convert the tags to"),
    ("msra", "test.bio", "京\tU-LOC\n", "the tag U-LOC is of BILOU; convert the tags to BIO"),
    ("msra", "test.bio", "京\tb-loc\n", "the tag b-loc is in lower case; write O and the prefixes"),
    ("msra", "test.bio", "京\to\n", "the tag o is in lower case; write O and the prefixes in"),
    (
        "msra",
        "test.bio",
        "北\tI-LOC\n京\tI-LOC\n的\tO\n",
        "the tag I-LOC begins an entity, as in IOB1; BIO is read; convert the tags to BIO (IOB2)",
    ),
    (
        "boson",
        "test.bmes",
        "北 B-location\n京 I-location\n",
        "the tag I-location is of BIO or BIOES; convert the tags to BMES",
    ),
    ("boson", "test.bmes", "京 s-location\n", "the tag s-location is in lower case; write O and"),
]


@pytest.mark.parametrize(("source", "name", "content", "message"), SCHEMES)
def test_tags_of_another_scheme_are_named(tmp_path, put, source, name, content, message) -> None:
    put(f"{source}/{name}", content)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card(source, raw), raw, None, samples=False)
    with pytest.raises(ChinchillaError, match=re.escape(message)):
        list(catalogue.records(found, "test", Tally()))


def test_entities_that_begin_with_an_inner_tag_are_never_taken_for_halves(tmp_path, put) -> None:
    # an IOB1 file: the sentence before ends in a tag of the same label
    put("msra/test.bio", "去\tO\n京\tI-LOC\n\n北\tI-LOC\n京\tI-LOC\n\n" * 30)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("msra", raw), raw, "bio", samples=False)
    tally = Tally(forgiving=True)
    assert list(catalogue.records(found, "test", tally)) == []
    assert {reason: count.times for reason, count in tally.refused.items()} == {
        "tags-of-another-scheme": 60
    }


def test_a_half_without_the_other_half_before_it_is_refused(tmp_path, put) -> None:
    put("msra/test.bio", "京\tB-LOC\n\n北\tI-LOC\n京\tI-LOC\n\n北\tI-PER\n\n甲\tB-PER\n乙\tB-PER\n")
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("msra", raw), raw, "bio", samples=False)
    tally = Tally(forgiving=True)
    texts = [record.text for record in catalogue.records(found, "test", tally)]
    assert texts == ["京", "北京", "甲乙"]
    assert tally.fixed["second-half-of-a-cut-entity"].times == 1
    assert tally.refused["wrong-tags"].times == 1


LONG = MAX_SENTENCE + 1
ENDLESS = [
    (
        "msra",
        "test.bio",
        "中\tO\n" * 2 * LONG,
        "a sentence of more than 5,000 characters; is the blank",
    ),
    (
        "boson",
        "test.bmes",
        "中 O\r\n" * LONG,
        "a sentence of more than 5,000 characters; is the blank",
    ),
    ("msra", "testright1.txt", "中国/ns 的/o " * LONG, "characters; is a line break missing"),
    ("boson", "boson.txt", "{{time:今天}}晴。" * LONG, "characters; is a line break missing"),
    (
        "finre",
        "test.txt",
        "甲\t乙\t合作\t甲与乙合作\t" * 9,
        "one row a line: are the line breaks lost?",
    ),
]


@pytest.mark.parametrize(("source", "name", "content", "message"), ENDLESS)
def test_a_file_without_breaks_is_no_sentence(
    tmp_path, put, source, name, content, message
) -> None:
    put(f"{source}/{name}", content)
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card(source, raw), raw, None, samples=False)
    with pytest.raises(ChinchillaError, match=re.escape(message)):
        list(catalogue.records(found, "test", Tally()))
    tally = Tally(forgiving=True)
    assert list(catalogue.records(found, "test", tally)) == []
    assert tally.times == 1


def test_a_short_file_without_breaks_is_warned_of(put) -> None:
    cells = "".join(f"{character}\tO\n" for character in "今天晴。明天雨。后天晴。")
    for end in ("", "\n", "\n\n \n"):
        path, tally = put("a.bio", cells + end), Tally()
        assert len(list(columns.sentences(Slice(path), tally))) == 1
        assert [(reason, count.places) for reason, count in tally.warned.items()] == [
            ("no-blank-line-in-the-file", (f"{path}:1",))
        ]
    tally = Tally()
    assert len(list(columns.sentences(Slice(put("b.bio", cells + "\n" + cells)), tally))) == 2
    assert not tally.warned


def test_the_longest_sentence_is_read_whole(put) -> None:
    [(_, sentence)] = columns.sentences(Slice(put("a", "中\tO\n" * MAX_SENTENCE)), Tally())
    assert len(sentence.tags) == MAX_SENTENCE
    words = "中/o " * MAX_SENTENCE
    assert len(next(msra.tagged_sentences(Slice(put("b", words)), Tally()))[1]) == MAX_SENTENCE
    text = "今" * markup.MAX_PARAGRAPH
    assert next(markup.paragraphs(Slice(put("c", text)), LABELS, Tally()))[1].text == text


def test_a_line_that_names_a_document_ends_a_sentence_and_is_counted(put) -> None:
    path, tally = put("a.bio", "-DOCSTART- O\n\n中\tO\n-DOCSTART- -X- O O\n国\tO\n"), Tally()
    assert [one.characters for _, one in columns.sentences(Slice(path), tally)] == [["中"], ["国"]]
    assert tally.fixed["docstart-line-left-out"].times == 2
