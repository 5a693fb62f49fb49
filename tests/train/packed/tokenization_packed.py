"""A tokenizer that comes with its own code."""

from transformers import PreTrainedTokenizerFast


class PackedTokenizerFast(PreTrainedTokenizerFast):
    pass
