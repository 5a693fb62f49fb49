"""What a file is: told from its beginning, said once, and never a wrong cause."""

import gzip
import io
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.errors import InputError
from chinchilla.readers import columns, jsonl, markup, tsv
from chinchilla.readers.lines import LineItem, Slice
from chinchilla.readers.recognise import HEAD, recognise
from chinchilla.sources import msra
from chinchilla.tally import Tally

LABELS = frozenset({"time", "org_name"})
ROWS = [{"text": f"甲厂第{n}次与乙厂合作", "n": n} for n in range(30)]
JSON_LINES = "".join(orjson.dumps(row).decode() + "\n" for row in ROWS)
BIO = "甲\tB-ORG\n厂\tI-ORG\n来\tO\n\n" * 20
TSV = "".join(f"甲厂\t乙厂\t合作\t甲厂第{n}次与乙厂合作\n" for n in range(20))


def parquet() -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), held)
    return held.getvalue()


def zipped(name: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, JSON_LINES)
    return held.getvalue()


def tarred() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        info = tarfile.TarInfo("train.json")
        info.size = len(JSON_LINES.encode())
        archive.addfile(info, io.BytesIO(JSON_LINES.encode()))
    return held.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as made:
        made.execute("create table a (text)")
        return made.serialize()


FILES: dict[str, tuple[str | bytes, str]] = {
    "parquet": (parquet(), "a Parquet file"),
    "xlsx": (zipped("xl/workbook.xml"), "an Excel workbook (xlsx)"),
    "zip": (zipped("train.json"), "a zip archive"),
    "tar": (tarred(), "a tar archive"),
    "gzip": (gzip.compress(JSON_LINES.encode()), "a gzip file"),
    "sqlite": (database(), "an SQLite database"),
    "pickle": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00", "a binary file"),
    "utf-16 with its mark": (JSON_LINES.encode("utf-16"), "UTF-16 text"),
    "utf-16-le": (JSON_LINES.encode("utf-16-le"), "UTF-16LE text"),
    "utf-16-be": (JSON_LINES.encode("utf-16-be"), "UTF-16BE text"),
    "utf-32": (JSON_LINES.encode("utf-32"), "UTF-32 text"),
    "gbk lines": (JSON_LINES.encode("gbk"), "text in GBK, not UTF-8"),
    "gbk array": (
        orjson.dumps(ROWS, option=orjson.OPT_INDENT_2).decode().encode("gbk"),
        "text in GBK, not UTF-8",
    ),
    "gbk columns": (BIO.encode("gbk"), "text in GBK, not UTF-8"),
    "pointer": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 12345\n",
        "a Git LFS pointer, not the file",
    ),
    "page": ("<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n", "an HTML page"),
    "page in gbk": ("\n<html>\n<title>页面不存在</title>\n</html>".encode("gbk"), "an HTML page"),
    "xml": ("<doc id='1'>\n<s>甲厂来</s>\n</doc>\n", "XML"),
    "json lines": (JSON_LINES, "JSON Lines"),
    "json array": (orjson.dumps(ROWS).decode(), "a JSON array"),
    "json array on lines": (
        orjson.dumps(ROWS, option=orjson.OPT_INDENT_2).decode(),
        "a JSON array",
    ),
    "one object": (
        orjson.dumps(ROWS[0], option=orjson.OPT_INDENT_2).decode(),
        "one JSON object over several lines",
    ),
    "columns": (BIO, "columns, a character and its tag a line"),
    "columns with blanks": (BIO.replace("\t", " "), "columns, a character and its tag a line"),
    "conll": (BIO.replace("\t", " n "), "columns, a character and its tag a line"),
    "tags first": ("B-ORG 甲\nI-ORG 厂\nO 来\n", "columns, a character and its tag a line"),
    "tsv": (TSV, "tab-separated text"),
    "csv": (TSV.replace("\t", ","), "comma-separated text"),
    "word/tag": ("甲厂/nt 来/o \n乙厂/nt 去/o \n", "sentences of word/tag"),
    "marks": ("{{org_name:甲厂}}来\n{{time:今天}}去\n", "text with {{label:...}} marks"),
    "brat": ("T1\tPerson 0 2\t外婆\nT2\tPerson 3 5\t别人\n", "a brat annotation file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_by_its_beginning(put, name) -> None:
    content, words = FILES[name]
    assert recognise(put("a", content)).name == words


Read = Callable[[Slice, Tally], Iterator[Any]]
READERS: dict[str, tuple[Read, set[str]]] = {
    "json": (jsonl.rows, {"json lines", "json array", "json array on lines"}),
    "tsv": (lambda part, tally: tsv.rows(part, 4, tally), {"tsv"}),
    "columns": (columns.sentences, {"columns", "columns with blanks", "conll", "tags first"}),
    "word/tag": (msra.tagged_sentences, {"word/tag"}),
    "marks": (lambda part, tally: markup.paragraphs(part, LABELS, tally), {"marks"}),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_once_what_another_file_is(put, reader, name) -> None:
    read, wanted = READERS[reader]
    content, words = FILES[name]
    if name in wanted or (reader, name) == ("columns", "tsv"):
        return
    path = put("a", content)
    with pytest.raises(InputError) as caught:
        list(read(Slice(path), Tally()))
    assert (caught.value.reason, caught.value.what) == ("other-file", f"the file is {words}")
    assert caught.value.where.startswith(f"{path}:")
    assert "cut off" not in caught.value.todo
    tally = Tally(forgiving=True)
    try:
        assert list(read(Slice(path), tally)) == []
    except InputError:
        assert reader == "json"
    else:
        assert [(reason, count.times) for reason, count in tally.refused.items()] == [
            ("other-file", 1)
        ]


GOOD: dict[str, str] = {"json": JSON_LINES, "tsv": TSV, "columns": BIO}


@pytest.mark.parametrize("reader", GOOD)
@pytest.mark.parametrize("bad", ["乱", "乱写的一行", "<N>", "[", "{", "PAR", "a,b,c", "x/y z/w"])
def test_a_bad_line_of_the_right_file_loses_no_other(put, reader, bad) -> None:
    read, _ = READERS[reader]
    whole = len(list(read(Slice(put("a", GOOD[reader])), Tally())))
    for at in ("first", "last"):
        tally = Tally(forgiving=True)
        text = f"{bad}\n\n{GOOD[reader]}" if at == "first" else f"{GOOD[reader]}\n{bad}\n"
        if reader == "json" and bad == "[" and at == "first":
            continue
        assert len(list(read(Slice(put("a", text)), tally))) == whole
        assert tally.times == 1


@given(
    st.binary(min_size=1, max_size=400)
    | st.text('\n {}[]",:ab\t<>/T1', min_size=1, max_size=80).map(lambda words: words.encode())
)
def test_any_bytes_are_something(tmp_path_factory, content) -> None:
    path = tmp_path_factory.mktemp("any") / "a"
    path.write_bytes(content)
    look = recognise(path)
    assert look.name
    assert look.todo


@pytest.mark.parametrize(
    "piece", ["a", " ", "\t", "{", "[", "/", "B-X ", "{{a:", "<a ", ",", "T1 "]
)
def test_the_beginning_alone_is_read(put, piece) -> None:
    assert recognise(put("a", piece * (3 * HEAD))).name


def cut_off(error: InputError) -> bool:
    return error.todo == "was the file cut off? fetch or copy it again"


@pytest.mark.parametrize(
    ("content", "truly"),
    [
        ('{"text": "一"}\n{"text": "二', True),
        ('{"text": "一"}\n{"text": "二"', True),
        ('{"text": "一"}\n{"text": "二\n', False),
        ('{"text": "二\n{"text": "一"}\n', False),
        ('{"text": "一"}\n{"text" "二"}', False),
        ('[{"text": "一"}, {"te', True),
        ('[{"text": "一"}', True),
        ('[{"text": "一"}, {"text" "二"}]', False),
        ('[{"text": "一"}]\n[{"text": "二"}]', False),
    ],
)
def test_only_a_file_that_ends_in_the_middle_was_cut_off(put, content, truly) -> None:
    with pytest.raises(InputError) as caught:
        list(jsonl.rows(Slice(put("a.json", content)), Tally()))
    assert cut_off(caught.value) is truly


def test_the_place_of_an_item_is_no_line(put) -> None:
    path = put("a.json", '[{"text": "一"}, 5]')
    with pytest.raises(InputError) as caught:
        list(jsonl.rows(Slice(path), Tally()))
    assert str(caught.value) == (
        f"{path}:item 2: a number, not an object; write one {{...}} for each record"
    )
    assert (Slice(path).at(LineItem(3)), f"{LineItem(3):06d}") == (f"{path}:item 3", "000003")


def test_a_bad_byte_is_named_and_the_line_alone_is_lost(put) -> None:
    bad = "乙\t".encode() + b"\xff\t" + "合作\t甲与乙\n".encode()
    path = put("a.txt", TSV.encode() + bad + TSV.encode())
    tally = Tally(forgiving=True)
    assert len(list(tsv.rows(Slice(path), 4, tally))) == 40
    assert tally.refused["not-utf8"].example == (
        f"{path}:21: not UTF-8: byte 5 of the line is 0xff; correct the line or leave it out"
    )


def test_the_reason_of_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InputError("a:1", "b", "c", reason="other-file")))
    assert (str(error), error.reason) == ("a:1: b; c", "other-file")


def test_line_ends_of_cr_alone_glue_nothing(put) -> None:
    for reader, text in (("word/tag", "甲厂/nt 来/o \n乙厂/nt 去/o \n"), ("marks", "今天\n明天\n")):
        read, _ = READERS[reader]
        path: Path = put("a", text.replace("\n", "\r"))
        with pytest.raises(InputError, match="a line ends with CR alone"):
            list(read(Slice(path), Tally()))


SOURCES: dict[str, tuple[str, set[str]]] = {
    "duie": ("duie_train.json", READERS["json"][1]),
    "duee": ("duee_train.json", READERS["json"][1]),
    "duee_fin": ("duee_fin_train.json", READERS["json"][1]),
    "iree": ("train.json", READERS["json"][1]),
    "finre": ("train.txt", {"tsv"}),
    "sanwen": ("train.txt", {"tsv"}),
    "msra": ("train.bio", READERS["columns"][1] | {"tsv"}),
    "msra, joined": ("dh_msra.txt", READERS["columns"][1] | {"tsv"}),
    "msra, words": ("train1.txt", {"word/tag"}),
    "boson": ("origindata.txt", {"marks"}),
    "boson, tags": ("boson.train.bmes", READERS["columns"][1] | {"tsv"}),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("source", SOURCES)
def test_another_file_in_the_place_of_a_source_is_one_error(tmp_path, put, source, name) -> None:
    file, wanted = SOURCES[source]
    content, words = FILES[name]
    if name in wanted:
        return
    path, raw = put(f"{source.partition(',')[0]}/{file}", content), tmp_path / "raw"
    card = catalogue.load_card(source.partition(",")[0], raw)
    with pytest.raises(InputError) as caught:
        found = catalogue.find(card, raw, samples=False)
        assert found is not None
        list(catalogue.records(found, "train", Tally()))
    assert caught.value.where.startswith(f"{path}:")
    assert caught.value.what == f"the file is {words}"
