"""The embedded demo model: no download, no weights shipped, made from the rows it is trained on.

A Qwen3 architecture of one to five million random weights and a byte-level BPE tokenizer trained
on the prompts and answers of the train split. It shows the whole loop in minutes on a laptop; it
is no model to extract with.
"""

from collections.abc import Iterable
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from chinchilla.train.config import TinyOptions

PAD, USER, ASSISTANT, END = "<|pad|>", "<|user|>", "<|assistant|>", "<|end|>"
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% else %}<|assistant|>{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPLITS = r"\p{N}|[^\s\p{L}\p{N}]|\p{Han}|[\p{L}&&[^\p{Han}]]+|\s+"
"""Pieces that tokens do not cross: a digit, a mark, a Chinese character, a word of other letters.

Characters, not words: a model that small finds what a verb means in a few thousand rows only
where its characters are always tokens of their own (FinRE pairs: dev F1 0.20 after the steps
that gave 0.05 with longer tokens).
"""
POSITIONS = 8192
FROZEN_SCALE = 0.06
"""Standard deviation of embeddings that are never trained."""


def make_tokenizer(texts: Iterable[str], options: TinyOptions) -> Any:
    """Train a byte-level BPE tokenizer; the same texts give the same tokenizer."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    pieces = pre_tokenizers.Split(Regex(SPLITS), behavior="isolated")
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pieces, bytes_])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=options.vocabulary,
        special_tokens=[PAD, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=TEMPLATE,
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: Any, options: TinyOptions, *, frozen: bool = False) -> Any:
    """Return a model with random weights; torch's seed decides them.

    One that stays frozen under an adapter gets larger embeddings: they are its head too, and at
    the usual size no state could tell one token from four thousand others.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    heads = max(1, options.width // 32)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=options.width,
        intermediate_size=3 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=32,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        attention_dropout=options.dropout,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    model = Qwen3ForCausalLM(config)
    if frozen:
        embeddings: Any = model.get_input_embeddings().weight
        embeddings.data.mul_(FROZEN_SCALE / config.initializer_range)
    return model
