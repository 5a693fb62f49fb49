"""A run, or any model, as something that answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConstraintError
from chinchilla.predict.chat import Chat
from chinchilla.predict.constrain import Constraint
from chinchilla.predict.job import Job
from chinchilla.predict.loading import Source, find_model, load_model, load_tokenizer, precision_of
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.vllm import VllmOptions
from chinchilla.train.judge import room_for
from chinchilla.train.merge import base_of
from chinchilla.train.models import load_tuned
from chinchilla.train.runs import MODEL, finished_run, is_run, name_of

UNKNOWN_ANSWER = 512
"""Tokens an answer may take where no gold answers tell."""


class Wanted(NamedTuple):
    """How a local model is to answer; zeros leave the choice to us."""

    batch_size: int = 32
    max_new_tokens: int = 0
    precision: str = "auto"
    constrained: bool = False


def open_engine(
    name: str, wanted: Wanted, say: Callable[[str], None], trusted: bool = False
) -> tuple[LocalEngine, Job]:
    """Load a run or a model; return its engine and what decides its answers."""
    folder, called = Path(name), name
    if is_run(folder):
        facts = finished_run(folder)
        called = name_of(facts, folder)
        precision = precision_of(wanted.precision)
        chat = Chat(load_tokenizer(Source(str(folder / MODEL))))
        model = load_tuned(folder, base_of(facts, say), precision, folder / MODEL)
        usual = room_for(facts["longest_answer"])
    else:
        source = find_model(name, trusted, say)
        precision = precision_of(wanted.precision)
        chat, model = Chat(load_tokenizer(source)), load_model(source, precision)
        usual = UNKNOWN_ANSWER
    room = wanted.max_new_tokens or usual
    constraint = constraint_of(chat, say) if wanted.constrained else None
    engine = LocalEngine(model, chat, room, wanted.batch_size, constraint)
    options: dict[str, Any] = {"max_new_tokens": room, "precision": precision}
    return engine, Job("transformers", called, options, wanted.constrained)


def constraint_of(chat: Chat, say: Callable[[str], None]) -> Constraint | None:
    """Return what holds answers to their limits; where a tokenizer allows none, say so."""
    try:
        return Constraint(chat.tokenizer, chat.stops)
    except ConstraintError as error:
        say(f"answers are free: {error}")
        return None


def vllm_options(name: str, room: int) -> tuple[VllmOptions, Callable[[str], list[int]] | None]:
    """Return how vLLM loads a run or a model, and its encoding where no chat template is there."""
    folder = Path(name)
    if not is_run(folder):
        return VllmOptions(name, max_tokens=room or UNKNOWN_ANSWER), None
    facts = finished_run(folder)
    weights = folder / MODEL
    chat = Chat(load_tokenizer(Source(str(weights))))
    room = room or room_for(facts["longest_answer"])
    encode = None if chat.tokenizer.chat_template else lambda text: chat.prompts([text])[0]
    if not (weights / "adapter_config.json").is_file():
        return VllmOptions(str(weights), max_tokens=room), encode
    base = str(folder / "base") if facts["demo"] else facts["config"]["base"]
    return VllmOptions(base, weights, max_tokens=room), encode
