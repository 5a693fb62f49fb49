"""Tokenizers that can follow a grammar, and the answers of batched generation."""

import importlib
import sys

import pytest
import torch
from constraint_cases import accepts, allowed, byte_level, constraint, spans_of
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from chinchilla.answers import Query, answer_format, format_names
from chinchilla.answers.repair import read_answer
from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.constrained import Constraint, Masks, masks_of
from chinchilla.predict.engine import Limits, Prompt
from chinchilla.predict.grammars import grammar_of
from chinchilla.schema import Label, Role, Slot

PASSAGES = [
    '甲 "乙"',
    "合作，丙",
    "a\\b\n丁",
    "上市（戊：己）",
    "5%, 1,000",
    "庚→辛 壬",
    "癸",
    "子😀丑\u3000",
]
ROLES = (Role(key="who", name="方"), Role(key="stage", name="环节", values=("正式上市",)))
LABELS = (
    Label(key="a", name="组织", roles=ROLES, slots=(Slot(key="s", name="金额"),)),
    Label(key="b", name="合作"),
)
QUESTIONS = {
    "ner": Query("ner", LABELS, empty="无"),
    "re": Query("re", LABELS, empty="无"),
    "re-pair": Query(
        "re-pair", LABELS, na=Label(key="n", name="无关系"), empty="无", head="甲", tail="乙"
    ),
    "ee": Query("ee", LABELS, empty="无"),
    "ee-trigger": Query("ee-trigger", LABELS, empty="无"),
    "ee-argument": Query("ee-argument", LABELS[:1], empty="无", event=LABELS[0]),
}


@pytest.fixture(scope="module")
def model() -> Qwen3ForCausalLM:
    """Make a random Qwen3 whose vocabulary is wider than the tokenizer's, as real ones are."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = Qwen3Config(
        vocab_size=len(byte_level()) + 100,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=byte_level().eos_token_id,
        pad_token_id=byte_level().pad_token_id,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config).eval()


def prompts_of(name: str, subtask: str) -> list[Prompt]:
    query = QUESTIONS[subtask]
    return [
        Prompt(str(at), f"{at}：{passage * at}", Limits(name, query, passage))
        for at, passage in enumerate(PASSAGES)
    ]


def generate(model, prompts, masks, **options) -> list[list[int]]:
    """Generate for one batch; cut each answer behind its end."""
    tokenizer = byte_level()
    batch = tokenizer([prompt.text for prompt in prompts], return_tensors="pt", padding=True)
    inputs = {key: batch[key] for key in ("input_ids", "attention_mask")}
    generated = model.generate(**inputs, logits_processor=[masks], **options)
    rows = generated[:, inputs["input_ids"].shape[1] :].tolist()
    end = tokenizer.eos_token_id
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


@pytest.mark.parametrize("subtask", list(QUESTIONS))
@pytest.mark.parametrize("name", format_names())
def test_every_answer_is_of_the_form_and_of_the_passage(model, name, subtask) -> None:
    torch.manual_seed(1)
    prompts = prompts_of(name, subtask)
    masks = masks_of(prompts, constraint())
    generated = generate(model, prompts, masks, do_sample=True, max_new_tokens=160)
    assert masks.unconstrained == {}
    ended = 0
    for prompt, tokens in zip(prompts, generated, strict=True):
        answer = byte_level().decode(tokens, skip_special_tokens=True)
        if tokens[-1] != byte_level().eos_token_id:
            continue
        ended += 1
        reading = read_answer(answer, QUESTIONS[subtask], name)
        answer_format(name).parse(answer, QUESTIONS[subtask])
        assert reading.status in ("ok", "ok_empty"), answer
        known = prompt.limits.passage + "甲乙" * (subtask == "re-pair") + "正式上市"
        assert [span for span in spans_of(reading.content) if span not in known] == []
    assert ended >= 2


@pytest.mark.parametrize("name", format_names())
def test_a_batch_says_the_same_as_one_prompt_at_a_time(model, name) -> None:
    prompts = [prompt for sub in ("re", "ee") for prompt in prompts_of(name, sub)[:4]]
    options = {"do_sample": False, "max_new_tokens": 40}
    together = generate(model, prompts, masks_of(prompts, constraint()), **options)
    apart = [
        generate(model, [prompt], masks_of([prompt], constraint()), **options)[0]
        for prompt in prompts
    ]
    assert together == apart


def test_a_prompt_without_limits_is_answered_freely(model) -> None:
    prompts = [Prompt("free", "甲乙丙"), prompts_of("json", "ner")[0]]
    masks = masks_of(prompts, constraint())
    options = {"do_sample": False, "max_new_tokens": 12}
    generated = generate(model, prompts, masks, **options)
    tokenizer = byte_level()
    ids = tokenizer("甲乙丙", return_tensors="pt")
    alone = model.generate(ids["input_ids"], attention_mask=ids["attention_mask"], **options)
    assert generated[0] == alone[0, ids["input_ids"].shape[1] :].tolist()
    assert tokenizer.decode(generated[1]).startswith("{")


def test_a_row_that_has_ended_may_only_end() -> None:
    masks = Masks(['start: "甲"', 'start: "甲甲甲"'], constraint())
    tokens = byte_level()("甲", add_special_tokens=False)["input_ids"]
    end = byte_level().eos_token_id
    ids = torch.tensor([[5, 5], [5, 5]])
    masks(ids, torch.zeros(2, len(byte_level())))
    for token in [*tokens, end]:
        other = tokens[(ids.shape[1] - 2) % len(tokens)]
        ids = torch.cat([ids, torch.tensor([[token], [other]])], dim=1)
        scores = masks(ids, torch.zeros(2, len(byte_level())))
    assert torch.nonzero(scores[0] == 0).flatten().tolist() == [end]
    assert masks.unconstrained == {}


def test_a_grammar_that_cannot_be_used_leaves_its_row_free_and_says_so() -> None:
    masks = Masks(["start: UNKNOWN", 'start: "甲"'], constraint())
    scores = masks(torch.tensor([[5], [5]]), torch.zeros(2, 1400))
    assert torch.isfinite(scores[0]).all()
    assert not torch.isfinite(scores[1]).all()
    assert list(masks.unconstrained) == [0]
    assert "unknown name" in masks.unconstrained[0]


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ([(4, 3)], "4 rows for 2 grammars"),
        ([(2, 3), (2, 5)], "5 tokens come after 3"),
        ([(2, 3), (2, 3)], "3 tokens come after 3"),
    ],
)
def test_masks_refuse_another_batch_than_their_own(shapes, problem) -> None:
    masks = Masks([None, 'start: "甲"'], constraint())
    with pytest.raises(EngineError, match=problem):
        for shape in shapes:
            masks(torch.zeros(shape, dtype=torch.int64), torch.zeros(shape[0], 1300))


def sentencepiece_like(prepend: str) -> PreTrainedTokenizerFast:
    """Make a tokenizer with byte fallback that writes blanks as a mark, as LLaMA's does."""
    pieces = [
        "<end>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        "甲",
        "▁甲",
        '"',
        "{",
        "▁{",
    ]
    model = models.BPE(
        vocab={piece: at for at, piece in enumerate(pieces)},
        merges=[("▁", "甲"), ("▁", "{")],
        byte_fallback=True,
    )
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend, split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")


@pytest.mark.parametrize(("prepend", "leads"), [("never", False), ("always", True)])
def test_a_tokenizer_with_byte_fallback_can_be_constrained(prepend, leads) -> None:
    tokenizer = sentencepiece_like(prepend)
    constraint_of = Constraint(tokenizer)
    assert constraint_of.leads == leads
    grammar = grammar_of(Limits("json", QUESTIONS["ner"], "甲😀乙"))
    ids = tokenizer('{"组织":["甲😀"]}', add_special_tokens=False)["input_ids"]
    matcher = constraint_of.matcher(grammar)
    assert matcher.try_consume_tokens(ids) == len(ids)
    assert matcher.is_accepting()
    assert not accepts(grammar, '{"组织":["甲乙"]}', constraint_of)


def test_a_tokenizer_of_words_cannot_be_constrained() -> None:
    vocabulary = {"<end>": 0, "<unk>": 1, "甲": 2, "{": 3, "}": 4}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    with pytest.raises(ConstraintError, match="decode freely"):
        Constraint(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>"))


def test_a_tokenizer_that_changes_the_text_cannot_be_constrained() -> None:
    tokenizer = Tokenizer.from_str(byte_level().backend_tokenizer.to_str())
    tokenizer.normalizer = normalizers.NFKC()
    with pytest.raises(ConstraintError, match="cannot write any text"):
        Constraint(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>"))


def test_a_tokenizer_without_an_end_cannot_be_constrained() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level().backend_tokenizer)
    with pytest.raises(ConstraintError, match="no token that ends"):
        Constraint(tokenizer)
    assert Constraint(tokenizer, [0]).ends == [0]


def test_a_form_without_grammar_is_decoded_freely() -> None:
    with pytest.raises(ConstraintError, match="'yaml': no grammar for it; decode it freely"):
        grammar_of(Limits("yaml", QUESTIONS["ner"], "甲"))


def test_what_is_missing_is_named_where_llguidance_is_not_installed(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    monkeypatch.delitem(sys.modules, "chinchilla.predict.constrained")
    with pytest.raises(EngineError, match=r"pip install 'chinchilla\[constrained\]'"):
        importlib.import_module("chinchilla.predict.constrained")


def test_a_word_that_ends_a_text_is_no_answer() -> None:
    assert not allowed("json", QUESTIONS["ner"], "甲<end>", "{}<end>")
    assert allowed("json", QUESTIONS["ner"], "甲<end>", '{"组织":["甲<end>"]}')
