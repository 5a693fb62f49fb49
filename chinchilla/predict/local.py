"""The engine `transformers`: batched, key-value cached, greedy generation on this machine."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, LogitsProcessorList

from chinchilla.errors import EngineError, LengthError
from chinchilla.predict.chat_template import Chat
from chinchilla.predict.constrained import Constraint
from chinchilla.predict.engine import Answer, Prompt
from chinchilla.predict.model_loading import places_in

if TYPE_CHECKING:
    from chinchilla.predict.constrained import Masks


@dataclass(frozen=True)
class LocalEngine:
    """Ask a loaded model; prompts are sorted by length, the longest first, and padded left.

    A batch gives the answers that its prompts give one by one (up to the rounding of the
    precision). `max_new_tokens` counts the tokens of an answer, its end among them. With a
    `constraint` answers keep to the limits of their prompts; `lifted` says by id which of them
    had to be left free, and why.
    """

    model: Any
    chat: Chat
    max_new_tokens: int
    batch_size: int = 16
    constraint: Constraint | None = None
    lifted: dict[str, str] = field(default_factory=dict)

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Yield the answers, batch by batch; raise LengthError for a prompt without room."""
        every = list(prompts)
        encoded = self.chat.prompts([prompt.text for prompt in every])
        order = sorted(range(len(every)), key=lambda place: (-len(encoded[place]), place))
        for error in self._too_long(every, encoded).values():
            raise error
        top = max([self.chat.pad, *(token for ids in encoded for token in ids)])
        if words := unknown_token(self.model, top):
            raise EngineError("model", *words)
        for start in range(0, len(order), self.batch_size):
            places = order[start : start + self.batch_size]
            batch = [every[place] for place in places]
            yield from self._ask(batch, [encoded[place] for place in places])

    def too_long(self, prompts: Sequence[Prompt]) -> dict[str, LengthError]:
        """Return by id what is wrong with prompts that leave no room for an answer."""
        return self._too_long(prompts, self.chat.prompts([prompt.text for prompt in prompts]))

    def _too_long(
        self, prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]]
    ) -> dict[str, LengthError]:
        return too_long(prompts, encoded, self.max_new_tokens, places_in(self.model.config))

    @torch.inference_mode()
    def _ask(self, batch: Sequence[Prompt], ids: Sequence[Sequence[int]]) -> list[Answer]:
        width = max(map(len, ids))
        place = self.model.device
        padded = [[self.chat.pad] * (width - len(one)) + list(one) for one in ids]
        shown = [[0] * (width - len(one)) + [1] * len(one) for one in ids]
        was_training = self.model.training
        masks = self._masks(batch)
        self.model.eval()
        with _plain(self.model):
            out = self.model.generate(
                input_ids=torch.tensor(padded, device=place),
                attention_mask=torch.tensor(shown, device=place),
                generation_config=greedy(self.chat, self.max_new_tokens),
                logits_processor=LogitsProcessorList([] if masks is None else [masks]),
            )
        self.model.train(was_training)
        if masks is not None:
            self.lifted.update({batch[row].id: why for row, why in masks.lifted.items()})
        rows = out[:, width:].tolist()
        return [
            Answer(prompt.id, *self.chat.read(row)) for prompt, row in zip(batch, rows, strict=True)
        ]

    def _masks(self, batch: Sequence[Prompt]) -> "Masks | None":
        if self.constraint is None:
            return None
        from chinchilla.predict.constrained import masks_of

        return masks_of(batch, self.constraint)


def unknown_token(model: Any, top: int) -> tuple[str, str] | None:
    """Return what is wrong, and what to do, where a model has no embedding for a token."""
    known = int(model.get_input_embeddings().weight.shape[0])
    if top < known:
        return None
    what = f"its tokenizer writes the token {top}, the model knows {known}"
    return what, "pass a base whose tokenizer fits its weights"


def greedy(chat: Chat, max_new_tokens: int | None = None) -> GenerationConfig:
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
def _plain(model: Any) -> Iterator[None]:
    """Keep a model's own settings, such as penalties for repeating the text, from answers.

    The library would fill in from them what its settings for one call leave open.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    own, inner.generation_config = inner.generation_config, GenerationConfig()
    try:
        yield
    finally:
        inner.generation_config = own


def too_long(
    prompts: Sequence[Prompt], encoded: Sequence[Sequence[int]], answer: int, places: int | None
) -> dict[str, LengthError]:
    """Return by id what is wrong with prompts that leave no room for `answer` tokens in `places`.

    `places` is null where there is no limit.
    """
    found = {}
    for prompt, ids in zip(prompts, encoded, strict=True):
        if places is not None and len(ids) + answer > places:
            what = f"{len(ids)} tokens and {answer} of answer, the model has {places}"
            todo = "build with [windows] max_tokens, so that texts are cut to fit"
            found[prompt.id] = LengthError(f"prompt {prompt.id}", what, todo)
    return found


def use_threads(number: int) -> None:
    """Set the threads of torch, 0 leaves them; to be called before torch is first imported.

    Threads of OpenMP wait by spinning unless told otherwise, which slows a shared machine down
    three to ten times.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    if number:
        import torch

        torch.set_num_threads(number)
