"""What data says is plain text on every page: no heading, table, link or tag comes of it."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chinchilla.dataset.build import build
from chinchilla.dataset.config import BuildConfig
from chinchilla.dataset.manifest import Manifest, SourceEntry
from chinchilla.dataset.plan import make_plan
from chinchilla.export.card import data_card, front_matter
from chinchilla.export.format import CHARACTERS, ExportCounts, RowCount, Summary
from chinchilla.resources import code, escape, render_page

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
# code may be shown as plain text where a span could not hold it
SPAN = {"code_inline", "text", "strong_open", "strong_close"}


def tokens(page: str) -> list[Token]:
    blocks = PARSER.parse(page)
    return [*blocks, *(child for block in blocks for child in block.children or ())]


def shape(page: str) -> Counter[str]:
    return Counter(f"{one.type} {one.tag}" for one in tokens(page) if one.type not in SPAN)


def shown(page: str) -> str:
    return "".join(one.content for one in tokens(page) if one.type in ("text", "code_inline"))


MARKUP = [
    "标题\n# 大标题\n| a | b |\n|---|---|\n",
    "<script>alert(1)</script>",
    "<!-- 注 -->",
    "[链接](javascript:alert(1))",
    "![图](http://example.org/x.png)",
    "<http://example.org>",
    "[甲]: http://example.org",
    "`码` ``码``",
    "```\n码",
    "~~~\n码",
    "---",
    "***",
    "- 一\n- 二",
    "1. 一",
    "> 引",
    "    缩进",
    "=====",
    "&lt;b&gt; &amp; &#60;",
    "**粗** _斜_ ~~删~~ $x$",
    "\\",
    "\\<b>",
    "甲|乙",
    "a: b\n---\nlicense: mit",
    "\"引号\" '引号' : {a: [1]}",
    "行\u2028行\x85行\x0c行",
    "\x1b[31m红\u202e",
]
hostile = st.one_of(
    st.sampled_from(MARKUP),
    st.text(alphabet="#|`<>[]()*_-=+.!&\\~:$ \n\t1a甲", max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)


@pytest.mark.parametrize("value", MARKUP)
@pytest.mark.parametrize("write", [escape, code])
@pytest.mark.parametrize(
    "frame", ["{}", "- {}", "# {}", "| {} |\n|---|\n| {} |", "> {}", "**{}**（"]
)
def test_no_markup_of_a_value_is_markup_of_the_page(value: str, write: Any, frame: str) -> None:
    page = frame.replace("{}", write(value))
    assert shape(page) == shape(frame.replace("{}", "x"))


@settings(deadline=None)
@given(hostile.filter(str.strip), st.sampled_from([escape, code]))
def test_a_value_reads_as_it_is_but_for_blanks_and_what_cannot_be_seen(value: str, write) -> None:
    page = "x " + write(value)
    plain = " ".join(value.split())
    if all(one.isprintable() for one in plain):
        assert shown(page) == f"x {plain}"
    assert shape(page) == shape("x x")
    assert "<" not in page


SPLITS = ("train", "validation")
FILE = "{split}.parquet"


def summary(words: str) -> Summary:
    source = SourceEntry(title=words, sample=False, licence=words, edition="default")
    counts = (RowCount(words, "re", "train", 3), RowCount("另一个来源", words, "validation", 2))
    # names of sources are checked where a manifest is read
    sources = {words: source, "另一个来源": source}
    manifest = Manifest.model_construct(chinchilla="1", sources=sources)
    return Summary(manifest, SPLITS, counts, ExportCounts(CHARACTERS).lengths(SPLITS), "0" * 64)


@settings(deadline=None)
@given(hostile)
def test_the_data_card_keeps_its_shape_whatever_a_card_says(words: str) -> None:
    page = data_card(summary(words), FILE).decode("utf-8")
    _, front, body = page.split("---\n", 2)
    assert yaml.safe_load(front) == front_matter(summary(words), FILE)
    assert shape(body) == shape(data_card(summary("x"), FILE).decode("utf-8").split("---\n", 2)[2])


def build_page(words: str) -> str:
    """Render the page of a build in which every word of a source is `words`."""
    reasons = {words: {"times": 1, "example": words}}
    counts = {
        **dict.fromkeys(("read", "records", "negatives", "rows"), 1),
        **{"null_rows": 0, "nulls_left_out": 0, "refused": reasons, "fixed": reasons},
        "labels": {words: 1},
    }
    source = {
        **dict.fromkeys(("title", "task", "edition", "licence"), words),
        "sample": False,
        "splits": {"train": counts},
    }
    warned = {words: {"times": 1, "places": [words, words], "todo": words}}
    read = {"warned": warned, "splits": {"train": {"warned": warned}}}
    general = {"file": words, "rows": 1, "bytes": 1, "ratio": 1, "refused": reasons, "fixed": {}}
    manifest = {
        "chinchilla": "1",
        "config": {"seed": 0, "prompts": {"forms": [words]}},
        "outputs": {words: {"rows": 1, "bytes": 1}},
        "sources": {words: source},
        "general": general,
        "absent": [words, words],
        "report": {"unread": [[words, words, words]], "sources": {words: read}},
    }
    cards = {words: SimpleNamespace(labels={words: SimpleNamespace(name=words)})}
    return render_page("dataset.md", manifest=manifest, cards=cards)


@settings(deadline=None)
@given(hostile)
def test_the_page_of_a_build_keeps_its_shape_whatever_a_card_says(words: str) -> None:
    assert shape(build_page(words)) == shape(build_page("x"))


TITLE = "甲\n# 乙\n| 丙 | <script>alert(1)</script> [丁](javascript:x)"


def test_the_title_of_a_card_is_text_on_the_page_of_a_build(tmp_path: Path) -> None:
    own = tmp_path / "raw" / "mine"
    own.mkdir(parents=True)
    card = f'title = {yaml.dump(TITLE, default_style=chr(34), width=999).strip()}\ntask = "ner"\n'
    card += '[[editions]]\nsplits.train = ["train.json"]\n[labels]\nPER = { name = "人名" }\n'
    card += '[mapping]\ntext = "text"\nentities = { list = "e", type = "type", text = "text" }\n'
    (own / "card.toml").write_text(card, encoding="utf-8")
    row = '{"text": "张三来了。", "e": [{"type": "PER", "text": "张三"}]}\n'
    (own / "train.json").write_text(row, encoding="utf-8")
    plan = make_plan(tmp_path / "raw", BuildConfig(sources=("mine",)))
    page = (build(plan, tmp_path / "out", 1, lambda job: None).out / "README.md").read_text("utf-8")
    lines = " ".join(TITLE.split())
    assert lines in shown(page)
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert len(headings) == shape(page)["heading_open h1"] + shape(page)["heading_open h2"] + sum(
        shape(page)[f"heading_open h{depth}"] for depth in (3, 4)
    )
    assert "<script" not in page
    assert not {"html_inline ", "html_block ", "link_open a"} & set(shape(page))
