"""The engine `transformers`: batched, key-value cached, greedy generation on this machine."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, LogitsProcessorList

from chinchilla.errors import EngineError, LengthError, PromptError
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import Answer, Prompt
from chinchilla.predict.model_loading import places_in

if TYPE_CHECKING:
    from chinchilla.predict.constrained import Constraint


@dataclass(frozen=True)
class LocalEngine:
    """Ask a loaded model; prompts are sorted by length, the longest first, and padded left.

    A batch gives the answers that its prompts give one by one (up to the rounding of the
    precision). `max_new_tokens` counts the tokens of an answer, its end among them. With a
    `constraint` answers keep to the limits of their prompts.
    """

    model: Any
    chat: ChatTemplate
    max_new_tokens: int
    batch_size: int = 16
    constraint: "Constraint | None" = None
    unconstrained: dict[str, str] = field(default_factory=dict)
    refused: dict[str, PromptError] = field(default_factory=dict, init=False)

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Yield the answers, batch by batch.

        Raises:
            LengthError: a prompt leaves no room for an answer.
            EngineError: the tokenizer writes tokens that the model does not know.
        """
        prompts = list(prompts)
        encoded = self.chat.prompts([prompt.text for prompt in prompts])
        errors = too_long(prompts, encoded, self.max_new_tokens, places_in(self.model.config))
        for error in errors.values():
            raise error
        highest = max([self.chat.pad, *(token for ids in encoded for token in ids)])
        if problem := unknown_token(self.model, highest):
            raise EngineError("model", *problem)
        order = sorted(range(len(prompts)), key=lambda index: (-len(encoded[index]), index))
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            yield from self._ask([prompts[index] for index in batch], [encoded[i] for i in batch])

    def too_long(self, prompts: Sequence[Prompt]) -> dict[str, LengthError]:
        """Return by id what is wrong with prompts that leave no room for an answer."""
        encoded = self.chat.prompts([prompt.text for prompt in prompts])
        return too_long(prompts, encoded, self.max_new_tokens, places_in(self.model.config))

    @torch.inference_mode()
    def _ask(self, batch: Sequence[Prompt], encoded: Sequence[Sequence[int]]) -> list[Answer]:
        """Return the answers of one batch; its tensors are (rows, longest prompt), int64."""
        width, device = max(map(len, encoded)), self.model.device
        padding = [width - len(ids) for ids in encoded]
        pad = self.chat.pad
        input_ids = [[pad] * left + list(ids) for left, ids in zip(padding, encoded, strict=True)]
        mask = [[0] * left + [1] * (width - left) for left in padding]
        masks = None
        if self.constraint is not None:
            from chinchilla.predict.constrained import masks_of

            masks = masks_of(batch, self.constraint)
        was_training = self.model.training
        self.model.eval()
        with _without_own_settings(self.model):
            output = self.model.generate(
                input_ids=torch.tensor(input_ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                generation_config=greedy(self.chat, self.max_new_tokens),
                logits_processor=LogitsProcessorList([] if masks is None else [masks]),
            )
        self.model.train(was_training)
        for row, why in masks.unconstrained.items() if masks is not None else ():
            self.unconstrained[batch[row].id] = why
        rows = output[:, width:].tolist()
        return [
            Answer(prompt.id, *self.chat.read(row)) for prompt, row in zip(batch, rows, strict=True)
        ]


def unknown_token(model: Any, highest: int) -> tuple[str, str] | None:
    """Return what is wrong, and what to do, where a model has no embedding for a token."""
    known = int(model.get_input_embeddings().weight.shape[0])
    if highest < known:
        return None
    what = f"its tokenizer writes the token {highest}, the model knows {known}"
    return what, "pass a base whose tokenizer fits its weights"


def greedy(chat: ChatTemplate, max_new_tokens: int | None = None) -> GenerationConfig:
    """Return settings that choose the likeliest token until an answer ends, and nothing else."""
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        pad_token_id=chat.pad,
        eos_token_id=list(chat.stops),
    )


@contextmanager
def _without_own_settings(model: Any) -> Iterator[None]:
    """Keep a model's own settings, such as penalties for repeating the text, from answers.

    transformers would fill in from them what the settings of one call leave open.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    own, inner.generation_config = inner.generation_config, GenerationConfig()
    try:
        yield
    finally:
        inner.generation_config = own


def too_long(
    prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]], answer: int, limit: int | None
) -> dict[str, LengthError]:
    """Return by id what is wrong with prompts that leave no room for an answer.

    Args:
        prompts: what is asked.
        encoded: the tokens of each prompt.
        answer: the tokens an answer may take.
        limit: the tokens the model takes, prompt and answer together; None for no limit.
    """
    errors = {}
    for prompt, ids in zip(prompts, encoded, strict=True):
        if limit is not None and len(ids) + answer > limit:
            what = f"{len(ids)} tokens and {answer} of answer, the model has {limit}"
            todo = "build with [windows] max_tokens, so that texts are cut to fit"
            errors[prompt.id] = LengthError(f"prompt {prompt.id}", what, todo)
    return errors
