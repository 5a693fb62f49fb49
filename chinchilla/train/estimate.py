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
from chinchilla.train.fit import collator
from chinchilla.train.model import check_tokens, make_trainable, parameters, recomputes
from chinchilla.train.prepare import Prepared
from chinchilla.train.trainer import AnswerHead, answer_loss
from chinchilla.train.trainer_args import eval_steps, total_steps

TIMED = 3
_ANSWERED = 32
_ADAM = 8
_GRADIENT = 4


class Estimate(NamedTuple):
    """Rows and tokens of an epoch, sizes in bytes, times in seconds.

    `memory` is measured on a GPU; elsewhere it counts weights, gradients and optimizer exactly and
    activations by a rule of thumb. `seconds` are those of the steps alone, `evaluation_seconds`
    those of one evaluation on dev if every answer is as long as it may be; of several processes,
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
    tokens_per_second: float
    seconds: float
    evaluations: int
    evaluation_seconds: float


def estimate(prepared: Prepared) -> Estimate:
    """Make the model, take three steps (the longest batch, then two usual ones), throw it away.

    Raises:
        TrainError: the tokenizer writes tokens that the model does not know.
    """
    config, encoded = prepared.config, prepared.encoded
    model = make_trainable(prepared.base, config)
    check_tokens(model, encoded, prepared.base.chat.pad)
    every, trained = parameters(model)
    speed = _speed(prepared, model)
    rows = len(encoded.examples)
    steps = total_steps(config, rows)
    tokens = encoded.tokens * config.epochs / how_many()
    if config.max_steps:
        tokens = encoded.tokens / rows * config.batch_size * config.accumulate * steps
    evaluations = math.ceil(steps / eval_steps(config, rows)) if prepared.eval_sets else 0
    p50, p95 = np.percentile(encoded.lengths, [50, 95])
    return Estimate(
        rows=rows,
        tokens=encoded.tokens,
        p50=int(p50),
        p95=int(p95),
        longest=max(encoded.lengths),
        refused=encoded.refused.times,
        parameters=every,
        trained=trained,
        steps=steps,
        memory=_memory(prepared, model, trained),
        tokens_per_second=speed,
        seconds=tokens / speed,
        evaluations=evaluations,
        evaluation_seconds=_evaluation_seconds(prepared, model) if evaluations else 0.0,
    )


def _speed(prepared: Prepared, model: Any) -> float:
    """Return tokens a second, padding not counted, over the timed steps."""
    encoded, size = prepared.encoded, prepared.config.batch_size
    collate, step = collator(prepared, model), _stepper(prepared.config, model)
    rng = Random(f"{prepared.config.seed}-0")
    indices = order(encoded.lengths, encoded.answer_lengths, size, rng)
    seconds, tokens = 0.0, 0
    model.train()
    for start in range(0, min(len(indices), TIMED * size), size):
        examples = [encoded.examples[index] for index in indices[start : start + size]]
        batch = {
            name: value.to(model.device) if isinstance(value, torch.Tensor) else value
            for name, value in collate(examples).items()
        }
        before = time.monotonic()
        step(batch)
        seconds += time.monotonic() - before
        tokens += sum(len(example.tokens) for example in examples)
    return tokens / max(seconds, 1e-9)


def _stepper(config: TrainConfig, model: Any) -> Callable[[dict[str, Any]], None]:
    """Return what takes a step of the optimizer on a batch, to its end, at a rate of 0."""
    head = AnswerHead(model)
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=0.0)
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


def _evaluation_seconds(prepared: Prepared, model: Any) -> float:
    """Return the time of one evaluation, reckoned from a batch answered with 1 and with 33 tokens.

    A batch takes the time of its first token, and for each further one what the 32 took each.
    """
    prompts = share_of([Prompt(row.id, row.prompt) for row in prepared.dev_rows])
    size = prepared.config.eval.batch_size

    def measure(room: int) -> tuple[float, int]:
        engine = LocalEngine(model, prepared.base.chat, room, size)
        before = time.monotonic()
        longest = max(answer.tokens for answer in engine.answers(prompts[:size]))
        return time.monotonic() - before, longest

    measure(1)  # what only the first call costs
    first, _ = measure(1)
    few, answered = measure(1 + _ANSWERED)
    further = room_for(prepared.longest_answer) - 1
    token = max(0.0, few - first) / max(1, answered - 1)
    batches = len(prompts) / size
    return batches * first + math.ceil(batches) * token * further


def _memory(prepared: Prepared, model: Any, trained: int) -> int:
    """Return bytes of weights, gradients, Adam's moments and the activations of one batch.

    On a GPU that is what the timed steps took at most; elsewhere it is reckoned. Activations:
    about 16 hidden states a layer and token where all are kept (Korthikanti et al. 2022,
    https://arxiv.org/abs/2205.05198, count 34 bytes at 16 bits), one where they are recomputed,
    and the logits of the answers, which are kept four times at 32 bits (selected, their
    logarithms, the gradients of both).
    """
    if device() == "cuda":
        return torch.cuda.max_memory_allocated()
    shape = model.config.get_text_config()
    width, layers, vocabulary = (
        int(getattr(shape, name, 0) or 0)
        for name in ("hidden_size", "num_hidden_layers", "vocab_size")
    )
    size = 2 if precision_of(prepared.config.precision) == "bf16" else 4
    rows = prepared.config.batch_size
    states = 1 if recomputes(model, prepared.config) else 16
    activations = rows * max(prepared.encoded.lengths) * states * layers * width * size
    logits = rows * max(prepared.encoded.answer_lengths) * vocabulary * 4 * 4
    weights: int = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return weights + trained * (_GRADIENT + _ADAM) + activations + logits
