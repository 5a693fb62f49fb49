"""Brat: a line that cannot be used costs what stands on it, and is counted; nothing else."""

from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.errors import InputError
from chinchilla.readers import brat
from chinchilla.spans import Tagged
from chinchilla.tally import Tally

TEXT = "外婆爱别\n人。她住在山下·小城。"
SPANS = ["T1\tPerson 0 2\t外婆", "T2\tPerson 3 4;5 6\t别 人", "T3\tPlace 10 12\t山下"]
FAMILY, LOCATED = "R1\tFamily Arg1:T1 Arg2:T2\t", "R2\tLocated Arg1:T1 Arg2:T3\t"
GOOD = [*SPANS, FAMILY, LOCATED]
T1, T2, T3 = Tagged("Person", 0, 2), Tagged("Person", 3, 6), Tagged("Place", 10, 12)
BOTH = [("Family", T1, T2), ("Located", T1, T3)]


class Read(NamedTuple):
    """What came of a folder: the links of its documents, and what was counted."""

    links: list[list[tuple[str, Tagged, Tagged]]]
    refused: dict[str, int]
    left_out: dict[str, int]
    warned: dict[str, int]
    errors: list[str]


def read(folder: Path) -> Read:
    tally = Tally(forgiving=True, keep=9)
    links = [[link[:3] for link in one.links] for _, one in brat.documents(folder, tally)]
    refused, fixed, warned = (
        {reason: count.times for reason, count in counts.items()}
        for counts in (tally.refused | tally.lost, tally.fixed, tally.warned)
    )
    return Read(links, refused, fixed, warned, tally.errors)


@pytest.fixture
def annotated(put):
    """Return a function that writes one document and returns its folder."""

    def write(lines: list[str], text: str | bytes = TEXT, end: str = "\n") -> Path:
        put("d/a.txt", text)
        return put("d/a.ann", "".join(line + end for line in lines)).parent

    return write


def test_pieces_that_a_line_break_parts_are_one_span(annotated) -> None:
    assert read(annotated(GOOD)) == Read([BOTH], {}, {}, {}, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("#1\tAnnotatorNotes T1\t作者", "brat-note-left-out"),
        ("# a remark", "brat-note-left-out"),
        ("A1\tNegation T1", "brat-attribute-left-out"),
        ("M1\tNegation T1", "brat-attribute-left-out"),
        ("E1\tLife:T1 Person:T2", "brat-event-left-out"),
        ("N1\tReference T1 Wikipedia:12\t外婆", "brat-normalisation-left-out"),
        ("*\tCoreference T1 T2", "brat-set-left-out"),
        (SPANS[0], "brat-repeated-line"),
        (FAMILY, "brat-repeated-line"),
    ],
)
def test_what_brat_has_beside_spans_and_relations_is_counted_by_kind(
    annotated, line, reason
) -> None:
    for lines in ([line, *GOOD], [*GOOD, line]):
        assert read(annotated(lines)) == Read([BOTH], {}, {reason: 1}, {}, [])


WRONG = [
    ("T4 Person 0 2 外婆", "brat-bad-span", "expected T1<TAB>label start end<TAB>words, found"),
    ("T4\tPerson 0 2", "brat-bad-span", "expected T1<TAB>"),
    ("T4\tPerson 0\t外婆", "brat-bad-span", "expected T1<TAB>"),
    ("T4\tPerson a b\t外婆", "brat-bad-span", "expected T1<TAB>"),
    ("T4\tPerson 0 2;\t外婆", "brat-bad-span", "expected T1<TAB>"),
    ("T4\tPerson 0 2\t外公", "brat-bad-span", "offset 0 2 is '外婆' in the text, not '外公'"),
    ("T4\tPerson 1 3\t外婆", "brat-bad-span", "offset 1 3 is '婆爱' in the text, not '外婆'"),
    ("T4\tPerson 2 2\t", "brat-bad-span", "the end of 2 2 is not behind its start"),
    ("T4\tPerson 2 0\t外婆", "brat-bad-span", "the end of 2 0 is not behind its start"),
    ("T4\tPerson 4 5\t ", "brat-bad-span", "offset 4 5 is"),
    (
        "T4\tPerson 90 92\t外婆",
        "brat-bad-span",
        "90 92 is beyond the text, which has 16 characters",
    ),
    (f"T4\tPerson 0 {'9' * 30}\t外婆", "brat-bad-span", "expected T1<TAB>"),
    ("T4\tPerson 0 2;1 2\t外婆 婆", "brat-bad-span", "the pieces of 0 2;1 2 overlap"),
    ("T4\tPerson 3 4;0 1\t别 外", "brat-bad-span", "the pieces of 3 4;0 1 overlap or are out of"),
    ("R9\tFamily Arg1:T1 Arg2:T9", "brat-bad-relation", "there is no T9"),
    ("R9\tFamily Arg1:T1", "brat-bad-relation", "expected R1<TAB>label Arg1:T1 Arg2:T2, found"),
    ("R9\tFamily Arg1:T1 Arg2:T2 Arg3:T3", "brat-bad-relation", "expected R1<TAB>"),
    ("R9\tFamily Arg1:T1 Arg1:T2", "brat-bad-relation", "expected R1<TAB>"),
    ("R9\tFamily T1 T2", "brat-bad-relation", "expected R1<TAB>"),
    ("R9 Family Arg1:T1 Arg2:T2", "brat-bad-relation", "expected R1<TAB>"),
    ("R9\t", "brat-bad-relation", "expected R1<TAB>"),
    ("外婆爱别人", "brat-unknown-line", "'外婆爱别人' is no line of brat"),
    ("Xyz\tFamily", "brat-unknown-line", "is no line of brat"),
]


@pytest.mark.parametrize(("line", "reason", "what"), WRONG)
def test_a_line_that_is_wrong_is_refused_alone_with_its_place(
    annotated, line, reason, what
) -> None:
    for lines in ([line, *GOOD], [*GOOD, line]):
        folder = annotated(lines)
        where = f"{folder / 'a.ann'}:{lines.index(line) + 1}: "
        with pytest.raises(InputError) as caught:
            list(brat.documents(folder, Tally()))
        assert str(caught.value).startswith(where)
        assert what in str(caught.value)
        found = read(folder)
        assert found == Read([BOTH], {reason: 1}, {}, {}, [str(caught.value)])


@pytest.mark.parametrize(
    ("lines", "refused", "warned"),
    [
        (["T2\tPerson 3 4;8 9\t别 住"], {}, {"brat-discontinuous-span": 1}),
        (["T2\tPerson 3 6\t别的人"], {"brat-bad-span": 1}, {}),
        (["T2\tPerson 3 4;5 6\t别 人", "T2\tPlace 10 12\t山下"], {"brat-repeated-id": 1}, {}),
        (["E2\tLife:T1"], {}, {}),
    ],
)
def test_a_relation_on_a_span_that_is_left_out_is_counted_too(
    annotated, lines, refused, warned
) -> None:
    family = FAMILY.replace("T2", lines[0][:2])
    found = read(annotated([family, SPANS[0], *lines, SPANS[2], LOCATED]))
    assert found.links == [BOTH[1:]]
    assert found.refused == refused
    assert found.warned == warned | {"brat-relation-without-span": 1}


def test_a_mark_that_differs_is_warned_of_and_the_string_of_the_text_is_taken(annotated) -> None:
    lines = ["T1\tPlace 10 15\t山下.小城", "T2\tPerson 0 2\t外婆", LOCATED.replace("T3", "T2")]
    found = read(annotated(lines))
    assert found.links == [[("Located", Tagged("Place", 10, 15), Tagged("Person", 0, 2))]]
    assert (found.refused, found.warned) == ({}, {"brat-marks-differ": 1})


@pytest.mark.parametrize(
    ("line", "link"),
    [
        ("R1\tFamily Arg1:T1 Arg2:T2", ("Family", T1, T2)),
        ("R1\tFamily Arg2:T2 Arg1:T1", ("Family", T1, T2)),
        ("R1\tFamily  Arg1:T1  Arg2:T2 ", ("Family", T1, T2)),
        ("R1\tFamily From:T1 To:T2\t\t", ("Family", T1, T2)),
    ],
)
def test_head_and_tail_go_by_the_names_of_the_arguments(annotated, line, link) -> None:
    assert read(annotated([*SPANS, line])) == Read([[link]], {}, {}, {}, [])


def test_two_relations_of_one_name_are_both_read_and_warned_of(annotated) -> None:
    found = read(annotated([*SPANS, FAMILY, LOCATED.replace("R2", "R1")]))
    assert (found.links, found.warned) == ([BOTH], {"brat-repeated-id": 1})


def rewritten(text: str, lines: list[str], units: str) -> list[str]:
    """State offsets of the spans as a tool does that counts other units of the same text."""
    raw = text.replace("\n", "\r\n") if "cr" in units else text
    places = [0]
    for character in ("\ufeff" if "bom" in units else "") + raw:
        width = 2 if "utf-16" in units and character > "\uffff" else 1
        places += [places[-1] + width] * (character not in "\r\ufeff")
        places[-1] += width * (character in "\r\ufeff")
    stated = []
    for line in lines:
        name, middle, *words = line.split("\t")
        if name[0] == "T":
            label, _, spans = middle.partition(" ")
            pieces = [tuple(map(int, piece.split())) for piece in spans.split(";")]
            moved = ";".join(f"{places[start]} {places[end]}" for start, end in pieces)
            line = "\t".join([name, f"{label} {moved}", *words])
        stated.append(line)
    return stated


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_crlf_in_either_file_change_nothing(put, bom, end) -> None:
    mark = "\ufeff" if bom else ""
    put("d/a.txt", mark + TEXT.replace("\n", end))
    folder = put("d/a.ann", mark + end.join(["", *GOOD, " ", ""])).parent
    assert read(folder) == Read([BOTH], {}, {}, {}, [])
    [(_, document)] = brat.documents(folder, Tally())
    assert document.text == TEXT


@pytest.mark.parametrize("units", ["cr", "utf-16", "cr-utf-16"])
def test_offsets_in_other_units_are_read_where_the_words_show_them(put, units) -> None:
    text = "😀\n" + TEXT
    moved = [
        "T1\tPerson 2 4\t外婆",
        "T2\tPerson 5 6;7 8\t别 人",
        "T3\tPlace 12 14\t山下",
        FAMILY,
        LOCATED,
    ]
    put("d/a.txt", text.replace("\n", "\r\n") if "cr" in units else text)
    folder = put("d/a.ann", "\n".join(rewritten(text, moved, units))).parent
    found = read(folder)
    plain = [[(label, head[0], tail[0]) for label, head, tail in one] for one in found.links]
    assert plain == [[(label, head[0], tail[0]) for label, head, tail in BOTH]]
    assert (found.refused, found.left_out) == ({}, {f"brat-offsets-with-{units}": 1})


def test_an_empty_ann_says_that_nothing_is_annotated(put) -> None:
    path = put("d/a.txt", "外婆爱别人。")
    put("d/a.ann", "")
    assert list(brat.documents(path.parent, Tally())) == [
        (1, brat.BratDocument("外婆爱别人。", [], []))
    ]


NO_DOCUMENT = [
    ("外婆\n爱人".encode("gbk"), "T1\tPerson 0 2\t外婆\n", "a.txt:1: the file is text in GBK"),
    (b"\xe5\xa4\x96\xff\n", "T1\tPerson 0 1\t\xe5\xa4\x96\n", "a.txt:1: not UTF-8: byte 4 of the"),
    ("外婆爱人", None, "a.ann: no annotation of a.txt; add it; an empty one says that nothing"),
    ("外婆爱人", "T1\tPerson 0 2\t外婆\n".encode("gbk"), "a.ann:1: the file is text in GBK"),
    ("外婆爱人", '{"text": "外婆"}\n', "a.ann:1: the file is JSON Lines"),
    ("外婆爱人", "随手写的\n几行字\n", "a.ann: no line of it is an annotation; put there"),
    ("外婆爱人", "T1\tPerson 0 2\t外公\n", "a.ann: no line of it is an annotation; put there"),
]


@pytest.mark.parametrize(("text", "annotation", "message"), NO_DOCUMENT)
def test_a_document_whose_text_or_annotation_cannot_be_read_is_no_negative(
    put, text, annotation, message
) -> None:
    folder = put("d/a.txt", text).parent
    if annotation is not None:
        put("d/a.ann", annotation)
    put("d/b.txt", "外婆")
    put("d/b.ann", "T1\tPerson 0 2\t外婆\n")
    tally = Tally(forgiving=True, keep=9)
    found = list(brat.documents(folder, tally))
    assert found == [(2, brat.BratDocument("外婆", [Tagged("Person", 0, 2)], []))]
    assert tally.errors[-1].startswith(f"{folder}/{message}")
    with pytest.raises(InputError):
        list(brat.documents(folder, Tally()))


def test_an_annotation_without_its_text_is_refused(annotated, put) -> None:
    folder = annotated(GOOD)
    orphan = put("d/b.ann", "T1\tPerson 0 2\t外婆\n")
    found = read(folder)
    assert (found.links, found.refused) == ([BOTH], {"brat-missing-file": 1})
    assert found.errors == [f"{orphan}: no b.txt beside it; add the text or take the .ann away"]


def test_a_bad_byte_costs_its_line(annotated) -> None:
    folder = annotated(GOOD)
    path = folder / "a.ann"
    path.write_bytes(path.read_bytes() + b"#2\tAnnotatorNotes T1\t\xff\n")
    assert read(folder)[:2] == ([BOTH], {"not-utf8": 1})


FOREIGN = [line for line, _, _ in WRONG] + [
    "",
    " \t",
    '{"text": "外婆"}',
    "[1, 2]",
    "{{time:今天}}",
    "<p>外婆</p>",
    "#1\tAnnotatorNotes T1\t作者",
    "A1\tNegation T1",
    "E1\tLife:T1",
    "N1\tReference T1 Wikipedia:12\t外婆",
    "*\tCoreference T1 T2",
    "T5\tPerson 0 1;8 9\t外 住",
    "R8\tFamily Arg1:T1 Arg2:T5",
]


@given(st.data())
def test_foreign_lines_cost_no_relation_whose_lines_are_whole(tmp_path_factory, data) -> None:
    lines = data.draw(st.permutations(GOOD))
    for line in data.draw(st.lists(st.sampled_from(FOREIGN), max_size=8, unique=True)):
        lines.insert(data.draw(st.integers(0, len(lines))), line)
    # T4 and R9 come wrong in several ways: one of each, as names stand once
    names = [line[:2] for line in lines if line[:2] in ("T4", "R9", "T5", "R8")]
    if len(names) > len(set(names)):
        lines = [line for line in lines if line[:2] not in ("T4", "R9")]
    folder = tmp_path_factory.mktemp("brat")
    (folder / "a.txt").write_text(TEXT, encoding="utf-8")
    (folder / "a.ann").write_text("\n".join(lines), encoding="utf-8")
    found = read(folder)
    assert [sorted(one) for one in found.links] == [BOTH]
    met = [*found.refused.values(), *found.left_out.values(), *found.warned.values()]
    foreign = [line for line in lines if line not in GOOD and line.strip()]
    assert sum(met) == len(foreign)


class Corpus(NamedTuple):
    """Brat documents made of pairs of a sentence, and what they should give."""

    expected: list[list[tuple[str, str, str]]]
    counts: dict[str, int]


def placed(text: str, words: str, rng: Random) -> tuple[str, str, str]:
    """Return the offsets of a span, its quotation, and what is wrong with them, if anything."""
    start = text.index(words)
    end, fate = start + len(words), rng.randrange(9)
    place = f"{start} {end}"
    if fate == 0 and end + 2 < len(text) and text[end].strip():
        return f"{place};{end + 1} {end + 2}", f"{words} {text[end + 1]}", "discontinuous"
    return (place, f"{words}*", "bad") if fate == 1 else (place, words, "")


def strewn(rows: list[list[str]], folder: Path, rng: Random) -> Corpus:
    """Write a document a sentence, with lines strewn in that brat knows and we do not, or wrong.

    Every third span is written wrong: in pieces, or a character off; its relations go with it.
    """
    sentences: dict[str, list[list[str]]] = {}
    for row in rows:
        sentences.setdefault(row[3], []).append(row)
    expected, counts = [], dict.fromkeys(("known", "discontinuous", "bad", "lost"), 0)
    for number, (text, group) in enumerate(sentences.items()):
        lines, kept, names = [], [], {}
        for words in dict.fromkeys(word for row in group for word in row[:2]):
            name = names[words] = f"T{len(names) + 1}"
            place, quote, wrong = placed(text, words, rng)
            if wrong:
                counts[wrong] += 1
                names[words] += "!"
            lines.append(f"{name}\tThing {place}\t{quote}")
        for index, (head, tail, label, _) in enumerate(group):
            ends = names[head], names[tail]
            one, other = (end.rstrip("!") for end in ends)
            lines.append(f"R{index + 1}\t{label} Arg1:{one} Arg2:{other}\t")
            if any(end.endswith("!") for end in ends):
                counts["lost"] += 1
            else:
                kept.append((label, head, tail))
        for kind in (
            "#1\tAnnotatorNotes T1\tx",
            "A1\tNegation T1",
            "E1\tLife:T1",
            "N1\tR T1 W:1\tx",
        ):
            if rng.random() < 0.5:
                lines.append(kind)
                counts["known"] += 1
        rng.shuffle(lines)
        (folder / f"{number:05d}.txt").write_text(text, encoding="utf-8")
        ann = "".join(line + "\n" for line in lines)
        (folder / f"{number:05d}.ann").write_text(ann, encoding="utf-8")
        expected.append(sorted(kept))
    return Corpus(expected, counts)


def check_corpus(rows: list[list[str]], raw: Path) -> None:
    folder = raw / "sanwen" / "Training"
    folder.mkdir(parents=True)
    corpus = strewn(rows, folder, Random(7))
    found = catalogue.find(catalogue.load_card("sanwen", raw), raw, "brat", samples=False)
    assert found is not None
    tally = Tally(forgiving=True)
    records = list(catalogue.records(found, "train", tally))
    assert [
        sorted((one.predicate, one.head, one.tail) for one in record.relations)
        for record in records
    ] == corpus.expected
    # a document all of whose relations were lost does not say that there are none
    assert [record.labelled for record in records] == [bool(kept) for kept in corpus.expected]
    counts = corpus.counts
    assert {reason: count.times for reason, count in tally.lost.items()} == {
        "brat-bad-span": counts["bad"]
    }
    assert sum(count.times for count in tally.fixed.values()) == counts["known"]
    assert {reason: count.times for reason, count in tally.warned.items()} == {
        "brat-discontinuous-span": counts["discontinuous"],
        "brat-relation-without-span": counts["lost"],
    }


def test_a_corpus_keeps_every_relation_that_can_be_kept(tmp_path) -> None:
    places = ["山下", "小城", "河边", "桥头", "村口"]
    rows = [
        ["外婆", place, "Located", f"外婆第{n}次住在{place}的老屋，不肯走。"]
        for n in range(40)
        for place in places
    ]
    check_corpus(rows, tmp_path / "raw")


@pytest.mark.real
def test_the_published_sentences_as_brat_keep_every_relation_that_can_be_kept(
    tmp_path, published
) -> None:
    text = (published / "SanWen/train.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.replace("\r\n", "\n").split("\n") if line]
    # a label of no relation, a pair twice and a word alone are matters of the other edition
    known = {tuple(row): row for row in rows if row[2] != "unknown" and row[0] != row[1]}
    check_corpus(list(known.values())[:4000], tmp_path / "raw")


WHOLE = "T1\tPerson 0 2\t外婆\nT2\tPlace 4 6\t山下\n"
EMPTIED = [
    WHOLE + "R1\tSorcery Arg1:T1 Arg2:T2\n",
    WHOLE + "R1\tLocated Arg1:T1 Arg2:T9\n",
    WHOLE + "R1 Located Arg1:T1 Arg2:T2\n",
    WHOLE.replace("外婆", "外公") + "R1\tLocated Arg1:T1 Arg2:T2\n",
    WHOLE.replace("0 2", "0 1;2 3").replace("外婆", "外 住") + "R1\tLocated Arg1:T1 Arg2:T2\n",
    WHOLE + "E1\tMove:T1\nR1\tLocated Arg1:E1 Arg2:T2\n",
]


@pytest.mark.parametrize("annotation", EMPTIED)
def test_a_document_that_has_lost_every_relation_is_unlabelled_and_no_negative(
    tmp_path, put, annotation
) -> None:
    put("sanwen/train/a.txt", "外婆住在山下。")
    put("sanwen/train/a.ann", annotation)
    put("sanwen/train/b.txt", "外婆住在山下。")
    put("sanwen/train/b.ann", WHOLE + "R1\tLocated Arg1:T1 Arg2:T2\n")
    put("sanwen/train/c.txt", "外婆住在山下。")
    put("sanwen/train/c.ann", WHOLE + "R1\tunknown Arg1:T1 Arg2:T2\n")
    raw = tmp_path / "raw"
    found = catalogue.find(catalogue.load_card("sanwen", raw), raw, samples=False)
    assert found is not None
    tally = Tally(forgiving=True)
    records = list(catalogue.records(found, "train", tally))
    assert [len(one.relations) for one in records] == [0, 1, 0]
    assert [one.labelled for one in records] == [False, True, True]
    assert [one.predicate for one in records[2].na_pairs] == ["unknown"]
