"""Rows to tokens: answers alone are learnt, their end always, nothing is cut."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from chinchilla.errors import TrainError
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.train.batching import encode
from chinchilla.train.config import TinyOptions
from chinchilla.train.data import Data, split_rows
from chinchilla.train.tiny import make_tokenizer


@pytest.fixture
def chat(data: Data) -> ChatTemplate:
    texts = [text for row in split_rows(data, "train") for text in (row.prompt, row.output)]
    return ChatTemplate(make_tokenizer(texts, TinyOptions(vocabulary=600)))


def test_every_example_is_its_prompt_its_answer_and_the_end(data: Data, chat: ChatTemplate) -> None:
    rows = list(split_rows(data, "train"))
    found = encode(rows, chat, 2048)
    assert len(found.examples) == len(rows) > 40
    for row, one in zip(rows, found.examples, strict=True):
        prompt, answer = one.tokens[: one.answer].tolist(), one.tokens[one.answer :].tolist()
        assert chat.tokenizer.decode(prompt) == f"<|user|>{row.prompt}<|assistant|>"
        assert chat.tokenizer.decode(answer) == f"{row.output}<|end|>"
        assert answer[-1] == chat.end
    assert found.answer_lengths == [len(one.tokens) - one.answer for one in found.examples]


def test_a_row_too_long_is_refused_and_counted_never_cut(data: Data, chat: ChatTemplate) -> None:
    rows = list(split_rows(data, "train"))
    every = encode(rows, chat, 2048)
    limit = sorted(every.lengths)[len(rows) // 2]
    found = encode(rows, chat, limit)
    assert found.refused.times == sum(length > limit for length in every.lengths)
    first = next(one for one in every.examples if len(one.tokens) > limit)
    assert found.refused.example == f"{first.id} ({len(first.tokens)} tokens)"
    assert max(found.lengths) <= limit == found.limit


def test_no_row_left_is_an_error(data: Data, chat: ChatTemplate) -> None:
    rows = list(split_rows(data, "train"))
    with pytest.raises(TrainError) as found:
        encode(rows, chat, 16)
    words = f"train: all {len(rows):,} rows are longer than 16 tokens; build with shorter prompts"
    assert str(found.value).startswith(words)


def test_a_row_without_a_token_to_learn_is_an_error(data: Data) -> None:
    # a vocabulary without the characters of the row, and no token for what is unknown
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE({"x": 0}, [])))
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    row = next(split_rows(data, "train"))
    with pytest.raises(TrainError) as found:
        encode([row], ChatTemplate(tokenizer), 2048)
    assert str(found.value).startswith(f"row {row.id}: its answer has no token to train on; ")


def test_the_demo_tokenizer_is_the_same_each_time_and_loses_nothing(
    data: Data, tmp_path: Path
) -> None:
    texts = [row.prompt for row in split_rows(data, "train")]
    one, other = (make_tokenizer(texts, TinyOptions(vocabulary=600)) for _ in range(2))
    one.save_pretrained(tmp_path / "one")
    other.save_pretrained(tmp_path / "other")
    files = [(tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "other")]
    assert files[0] == files[1]
    for text in [*texts[:20], "𠮷野家\u3000\u2028 emoji 🐭\n  two  spaces", "ＡＢＣ①"]:
        assert one.decode(one(text)["input_ids"], clean_up_tokenization_spaces=False) == text
