"""Windows cover the text, fit the budget and end where sentences end."""

import pickle
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from chinchilla.errors import ConfigError
from chinchilla.windows.split import characters, cut_windows, sentence_ranges, tokens_of

CORPUS = [
    "公司宣布裁员，涉及三百人。董事会昨日通过了决议！",
    "该公司将以每股8-10美元发行股票；筹备上市。",
    "他说：“明天开会。”随后离开了会场……",
]


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a byte-level BPE of 400 tokens, whose counts do not add up at a seam."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, show_progress=False, special_tokens=["<eos>"]
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=5)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def pieces(text: str, ranges: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in ranges]


SENTENCES = [
    ("", []),
    ("没有句号", ["没有句号"]),
    ("一。二！三？四；", ["一。", "二！", "三？", "四；"]),
    ("一!二?三;四", ["一!", "二?", "三;", "四"]),
    ("“走吧。”他说。", ["“走吧。”", "他说。"]),
    ("（见上文。）」下文。", ["（见上文。）」", "下文。"]),
    ("真的？！”对。", ["真的？！”", "对。"]),
    ("唉……算了…好。", ["唉……", "算了…好。"]),
    ("第一行\n\n  第二行\n", ["第一行\n\n  ", "第二行\n"]),
    ("前。 \u3000后。", ["前。 \u3000", "后。"]),
    ('他说："走吧。"然后走了。"好。"', ['他说："走吧。"', "然后走了。", '"好。"']),
    ('他走了。"等等。"她喊。', ["他走了。", '"等等。"', "她喊。"]),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_sentences_keep_their_closing_marks(text: str, expected: list[str]) -> None:
    assert pieces(text, sentence_ranges(text)) == expected


WINDOWS = [
    ("短。", 5, 0, ["短。"]),
    ("", 5, 0, []),
    ("一二。三四。五六。", 6, 0, ["一二。三四。", "五六。"]),
    ("一二。三四。五六。", 6, 3, ["一二。三四。", "三四。五六。"]),
    ("一二。三四。五六。", 6, 2, ["一二。三四。", "五六。"]),
    ("一。二。三。四。五。", 6, 4, ["一。二。三。", "二。三。四。", "三。四。五。"]),
    ("一二三，四五六，七八。九。", 6, 0, ["一二三，", "四五六，", "七八。九。"]),
    ("一二三 四五六 七八。", 4, 0, ["一二三 ", "四五六 ", "七八。"]),
    ("一二三四五六七八。", 4, 3, ["一二三四", "五六七八", "。"]),
    ("一二<N>四五", 4, 0, ["一二", "<N>四", "五"]),
    ("一二三四,000,000元", 6, 0, ["一二三四,0", "00,000", "元"]),
]


@pytest.mark.parametrize(("text", "budget", "overlap", "expected"), WINDOWS)
def test_windows_of_characters(text: str, budget: int, overlap: int, expected: list[str]) -> None:
    assert pieces(text, cut_windows(text, budget, overlap, characters)) == expected


def test_a_budget_that_holds_no_character_is_an_error(tokenizer_file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        cut_windows("一䶮", 3, 0, tokens_of(tokenizer_file))
    assert str(raised.value) == "budget 3: '䶮' alone measures 4; raise the budget to 4 or more"
    with pytest.raises(ConfigError, match="'<N>' alone measures 3"):
        cut_windows("一二<N>四五", 2, 0, characters)


@pytest.mark.parametrize(("budget", "overlap"), [(0, 0), (-3, 0), (5, 5), (5, -1)])
def test_an_overlap_that_leaves_no_room_is_an_error(budget: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match="no window can be cut"):
        cut_windows("一二三", budget, overlap, characters)


def test_tokens_are_counted_without_truncation_padding_or_prefix(tokenizer_file: Path) -> None:
    measure = tokens_of(tokenizer_file.parent)
    plain = Tokenizer.from_file(str(tokenizer_file))
    plain.no_truncation()
    plain.no_padding()
    assert measure(CORPUS[0]) == len(plain.encode(CORPUS[0]).ids) > 5
    assert measure("") == 0
    assert pickle.loads(pickle.dumps(measure))(CORPUS[1]) == measure(CORPUS[1])


def test_a_tokenizer_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{\n", encoding="utf-8")
    for path in (tmp_path, tmp_path / "none", tmp_path / "bad.json"):
        with pytest.raises(ConfigError) as raised:
            tokens_of(path)
        assert str(raised.value).startswith("tokenizer ")
        assert "pass a tokenizer.json" in str(raised.value)
        assert "\n" not in str(raised.value)


TEXTS = st.lists(
    st.sampled_from([*'一二公司。！？；，, \n"”」…', "<N>", "……", "董事会", "裁员"]), max_size=60
).map("".join)


def check(text: str, ranges: list[tuple[int, int]], overlap: int, measure) -> None:
    """Assert that windows cover the text and share no more than the overlap."""
    starts = {start for start, _ in sentence_ranges(text)}
    assert (ranges[0][0], ranges[-1][1]) == (0, len(text)) if text else ranges == []
    for (first, end), (start, last) in pairwise(ranges):
        assert first < start <= end < last
        assert start == end or (start in starts and end in starts)
        assert measure(text[start:end]) <= overlap
    for cut in (end for _, end in ranges):
        assert not any(text[cut - back : cut - back + 3] == "<N>" for back in (1, 2))


@given(TEXTS, st.integers(3, 30), st.integers(0, 29))
def test_windows_of_characters_cover_the_text_within_the_budget(text, budget, overlap) -> None:
    overlap %= budget
    ranges = cut_windows(text, budget, overlap, characters)
    assert all(end - start <= budget for start, end in ranges)
    check(text, ranges, overlap, characters)
    ends = {end for _, end in sentence_ranges(text)}
    long = [one for one in sentence_ranges(text) if one[1] - one[0] > budget]
    for _, cut in ranges:
        assert cut in ends or any(start < cut < end for start, end in long)


@given(TEXTS, st.integers(8, 40), st.integers(0, 39))
def test_windows_of_tokens_cover_the_text_within_the_budget(
    tokenizer_file, text, budget, overlap
) -> None:
    overlap %= budget
    measure = tokens_of(tokenizer_file)
    ranges = cut_windows(text, budget, overlap, measure)
    assert all(measure(text[start:end]) <= budget for start, end in ranges)
    check(text, ranges, overlap, measure)


@given(TEXTS, st.integers(4, 40))
def test_a_window_that_outgrows_its_sentences_is_shrunk(text, budget) -> None:
    def swelling(words: str) -> int:
        return len(words) + words.count("。") * (words.count("。") - 1) // 2

    ranges = cut_windows(text, budget, budget // 3, swelling)
    assert all(swelling(text[start:end]) <= budget for start, end in ranges)
    check(text, ranges, budget // 3, swelling)


@pytest.mark.parametrize(
    "text",
    ["公司宣布裁员，涉及三百人。董事会昨日通过决议！" * 40_000, "无" * 1_000_000, "\n" * 1_000_000],
    ids=["sentences", "no mark", "line ends"],
)
def test_a_long_text_is_measured_a_bounded_number_of_times(text: str) -> None:
    measured = 0

    def measure(words: str) -> int:
        nonlocal measured
        measured += len(words)
        return len(words)

    assert len(cut_windows(text, 500, 100, measure)) >= len(text) / 500
    assert measured < 16 * len(text)
