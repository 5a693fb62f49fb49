"""What a training will take, from the data and three timed steps."""

import math
import time
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch

from chinchilla.predict.engine import Prompt, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import device, precision_of
from chinchilla.train.batching import order
from chinchilla.train.config import TrainConfig
from chinchilla.train.distributed import how_many, share_of
from chinchilla.train.fit import Prepared, collator
from chinchilla.train.loss import AnswerHead, answer_loss
from chinchilla.train.model import check_words, make_trainable, parameters, recomputes
from chinchilla.train.trainer_args import steps_between_looks, total_steps

TIMED = 3
_ANSWERED = 32
_ADAM = 8
_GRADIENT = 4


class Estimate(NamedTuple):
    """Rows and tokens of an epoch, sizes in bytes, times in seconds.

    `memory` is measured on a GPU; elsewhere it counts weights, gradients and optimizer exactly and
    activations by a rule of thumb. `seconds` are those of the steps alone, `look_seconds` those of
    one look at the dev sample if every answer is as long as it may be; of several processes,
    `tokens_per_second` are those of one.
    """

    rows: int
    tokens: int
    p50: int
    p95: int
    longest: int
    refused: int
    parameters: int
    trained: int
    steps: int
    memory: int
    step_seconds: float
    tokens_per_second: float
    seconds: float
    looks: int
    look_seconds: float


def estimate(prepared: Prepared) -> Estimate:
    """Make the model, take three steps (the longest batch, then two usual ones), throw it away."""
    config, encoded = prepared.config, prepared.encoded
    model = make_trainable(prepared.base, config)
    check_words(model, encoded, prepared.base.chat.pad)
    every, trained = parameters(model)
    speed = _speed(prepared, model)
    steps = total_steps(prepared.config, len(prepared.encoded.examples))
    tokens = encoded.tokens * config.epochs / how_many()
    if config.max_steps:
        tokens = encoded.tokens / len(encoded.examples) * _rows(prepared) * steps
    between = steps_between_looks(config, len(encoded.examples))
    looks = math.ceil(steps / between) if prepared.exams else 0
    p50, p95 = np.percentile(encoded.lengths, [50, 95])
    return Estimate(
        rows=len(encoded.examples),
        tokens=encoded.tokens,
        p50=int(p50),
        p95=int(p95),
        longest=max(encoded.lengths),
        refused=encoded.refused.times,
        parameters=every,
        trained=trained,
        steps=steps,
        memory=_memory(prepared, model, trained),
        step_seconds=tokens / steps / speed,
        tokens_per_second=speed,
        seconds=tokens / speed,
        looks=looks,
        look_seconds=_look_seconds(prepared, model) if looks else 0.0,
    )


def _rows(prepared: Prepared) -> int:
    return prepared.config.batch_size * prepared.config.accumulate


def _speed(prepared: Prepared, model: Any) -> float:
    """Return tokens a second, padding not counted, over the timed steps."""
    encoded, size = prepared.encoded, prepared.config.batch_size
    collate, step = collator(prepared, model), _stepper(prepared.config, model)
    rng = Random(f"{prepared.config.seed}-0")
    places = order(encoded.lengths, encoded.learnt, size, rng)
    spent, tokens = 0.0, 0
    model.train()
    for start in range(0, min(len(places), TIMED * size), size):
        some = [encoded.examples[place] for place in places[start : start + size]]
        batch = {name: _on(model, one) for name, one in collate(some).items()}
        before = time.monotonic()
        step(batch)
        spent += time.monotonic() - before
        tokens += sum(len(one.tokens) for one in some)
    return tokens / max(spent, 1e-9)


def _stepper(config: TrainConfig, model: Any) -> Callable[[dict[str, Any]], None]:
    """Return what takes a step of the optimizer on a batch, to its end and without learning."""
    head = AnswerHead(model)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=0.0)
    bf16 = precision_of(config.precision) == "bf16"

    def step(batch: dict[str, Any]) -> None:
        labels = batch.pop("labels")
        with torch.autocast(device(), torch.bfloat16, enabled=bf16), head.only(labels):
            answer_loss(model(**batch), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if device() == "cuda":
            torch.cuda.synchronize()

    return step


def _look_seconds(prepared: Prepared, model: Any) -> float:
    """Answer one batch of the dev sample with a token and with a few, and reckon from that."""
    prompts = [Prompt(row.id, row.prompt) for exam in prepared.exams for row in exam.rows]
    prompts = share_of(prompts)
    size = prepared.config.eval.batch_size

    def spent(room: int) -> tuple[float, int]:
        engine = LocalEngine(model, prepared.base.chat, room, size)
        before = time.monotonic()
        longest = max(one.tokens for one in engine.answers(prompts[:size]))
        return time.monotonic() - before, longest

    spent(1)  # what only the first call costs
    first, _ = spent(1)
    few, answered = spent(1 + _ANSWERED)
    further = room_for(prepared.longest_answer) - 1
    token = max(0.0, few - first) / max(1, answered - 1)
    batches = len(prompts) / size
    return batches * first + math.ceil(batches) * token * further


def _on(model: Any, one: Any) -> Any:
    return one.to(model.device) if isinstance(one, torch.Tensor) else one


def _memory(prepared: Prepared, model: Any, trained: int) -> int:
    """Return bytes of weights, gradients, Adam's moments and the activations of one batch.

    On a GPU that is what the timed steps took at most; elsewhere it is reckoned. Activations:
    about 16 hidden states a layer and token where all are kept (Korthikanti et al. 2022,
    https://arxiv.org/abs/2205.05198, count 34 bytes at 16 bits), one where they are recomputed,
    and the logits of the answers, which stand four times at 32 bits (selected, their logarithms,
    the gradients of both).
    """
    if device() == "cuda":
        return torch.cuda.max_memory_allocated()
    shape = model.config.get_text_config()
    width, layers, words = (
        int(getattr(shape, name, 0) or 0)
        for name in ("hidden_size", "num_hidden_layers", "vocab_size")
    )
    size = 2 if precision_of(prepared.config.precision) == "bf16" else 4
    tokens = prepared.config.batch_size * max(prepared.encoded.lengths)
    states = 1 if recomputes(model, prepared.config) else 16
    logits = prepared.config.batch_size * max(prepared.encoded.learnt) * words * 4 * 4
    weights: int = sum(one.numel() * one.element_size() for one in model.parameters())
    return (
        weights + trained * (_GRADIENT + _ADAM) + tokens * states * layers * width * size + logits
    )
