"""A run, or any model, as something that answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.constrain import Constraint
from chinchilla.predict.engine import UNKNOWN_ANSWER, room_for
from chinchilla.predict.job import Job
from chinchilla.predict.loading import device, find_model, load_chat, load_model, precision_of
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.vllm import VllmOptions
from chinchilla.train.learnt import Learnt, in_four_bits, learnt_by, load_tuned
from chinchilla.train.runs import finished_run, is_run, name_of


class Wanted(NamedTuple):
    """How a local model is to answer; zeros leave the choice to us."""

    batch_size: int = 32
    max_new_tokens: int = 0
    constrained: bool = False


def open_engine(
    name: str, wanted: Wanted, say: Callable[[str], None], trusted: bool = False
) -> tuple[LocalEngine, Job]:
    """Load a run or a model; return its engine and what decides its answers.

    A run answers in the precision it was trained in, where it was told one.
    """
    folder, called = Path(name), name
    if is_run(folder):
        facts = finished_run(folder)
        called = name_of(facts, folder)
        precision = precision_of(facts["config"]["precision"])
        learnt = learnt_by(folder, facts, say, trusted)
        quantized = in_four_bits(facts, device(), say)
        chat, model = learnt.chat(), load_tuned(learnt, precision, quantized=quantized)
        usual = room_for(facts["longest_answer"])
    else:
        source = find_model(name, trusted, say)
        precision, quantized = precision_of("auto"), False
        chat, model = load_chat(source), load_model(source, precision)
        usual = UNKNOWN_ANSWER
    room = wanted.max_new_tokens or usual
    engine = LocalEngine(model, chat, room, wanted.batch_size)
    options: dict[str, Any] = {
        "max_new_tokens": room,
        "precision": precision,
        "quantized": quantized,
    }
    job = Job("transformers", called, options)
    if wanted.constrained:
        try:
            return held(engine, job)
        except ConstraintError as error:
            say(f"answers are free: {error}")
    return engine, job


def held(engine: LocalEngine, job: Job) -> tuple[LocalEngine, Job]:
    """Return the same model held to the limits of its prompts.

    Raises ConstraintError where its tokenizer allows none.
    """
    constraint = Constraint(engine.chat.tokenizer, engine.chat.stops)
    return replace(engine, constraint=constraint, lifted={}), job._replace(constrained=True)


def vllm_options(
    name: str, room: int, say: Callable[[str], None], trusted: bool = False
) -> tuple[VllmOptions, Callable[[str], list[int]]]:
    """Return how vLLM loads a run or a model, and what makes the tokens of a prompt for it.

    Raises EngineError for a base in a GGUF file.
    """
    folder, usual = Path(name), UNKNOWN_ANSWER
    arguments: dict[str, Any] = {}
    if is_run(folder):
        facts = finished_run(folder)
        learnt = learnt_by(folder, facts, say, trusted)
        usual = room_for(facts["longest_answer"])
        arguments = _loaded_as_trained(facts, say)
    else:
        learnt = Learnt(find_model(name, trusted, say), None)
    under = learnt.base or learnt.own
    if under.gguf is not None:
        todo = "pass what `chinchilla merge` writes, or use --engine transformers"
        raise EngineError(under.name, "a GGUF file is not handed to vLLM", todo)
    chat = learnt.chat()
    options = VllmOptions(
        under.place,
        None if learnt.base is None else Path(learnt.own.place),
        max_tokens=room or usual,
        stops=chat.stops,
        arguments=arguments | ({"trust_remote_code": True} if learnt.own.trusted else {}),
    )
    return options, lambda text: chat.prompts([text])[0]


def _loaded_as_trained(facts: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Return what vLLM is told of the precision of a run; say where it cannot load as trained."""
    if facts["method"] == "qlora":
        say("trained on a base in 4 bits: vLLM loads it whole, answers may differ")
    told = {"bf16": "bfloat16", "fp32": "float32"}.get(facts["config"]["precision"])
    return {} if told is None else {"dtype": told}
