"""What a run trained, over its base, as one loaded model and as something that answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.answer_log import Job
from chinchilla.predict.chat_template import Chat
from chinchilla.predict.constrained import Constraint
from chinchilla.predict.engine import UNKNOWN_ANSWER, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import (
    Source,
    device,
    find_model,
    load_chat,
    load_model,
    loading,
    path_of,
    precision_of,
)
from chinchilla.predict.vllm import VllmOptions
from chinchilla.runs.folder import (
    BASE,
    MODEL,
    check_base,
    check_trust,
    finished_run,
    is_run,
    name_of,
)
from chinchilla.train.adapter import read_adapter
from chinchilla.train.model import old_name


class Learnt(NamedTuple):
    """Where a run keeps what it learnt, and where its base is: null where it learnt it whole."""

    own: Source
    base: Source | None

    def chat(self) -> Chat:
        """Return the tokenizer of the run, its answers ended as those of its base."""
        return load_chat(self.own, self.base)


def learnt_by(
    run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool = False
) -> Learnt:
    """Return what a run learnt; code that came with its base runs only where it is trusted now.

    Raises ConfigError where such code is needed and is not trusted, EngineError where the base
    of an adapter is gone or is another by now.
    """
    check_trust(run, facts, trusted)
    own = Source(str(run / MODEL), None, trusted)
    adapted = (run / MODEL / "adapter_config.json").is_file()
    return Learnt(own, _base_of(run, facts, say, trusted) if adapted else None)


def _base_of(run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool) -> Source:
    """Return where the base of a run is: the demo model's is kept in the run."""
    return Source(str(run / BASE)) if facts["demo"] else base_of(run, facts, say, trusted)


def base_of(
    run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool = False
) -> Source:
    """Return where the base of a run is that is no demo model.

    Raises EngineError where it is gone or is another by now.
    """
    config = facts["config"]
    name, revision = config["base"], config.get("revision")
    if revision is None:
        if "revision" in config and not path_of(name).exists():
            todo = "put it back there, or train again"
            raise EngineError(str(run), f"its base {name} is gone", todo)
        found = find_model(name, trusted, say)
        check_base(run, facts, found)
        return found
    try:
        return find_model(name, trusted, say, revision)
    except EngineError as error:
        todo = "connect to the hub once, or copy that model into the local cache"
        raise EngineError(
            str(run), f"its base is gone: {error.where}: {error.what}", todo
        ) from error


def in_four_bits(facts: dict[str, Any], place: str, say: Callable[[str], None]) -> bool:
    """Tell whether a run's base is loaded in 4 bits on a device, as QLoRA trained on it.

    Where the device cannot, `say` is told.
    """
    if facts["method"] != "qlora":
        return False
    if place != "cuda":
        say(
            "trained on a base in 4 bits, which needs a GPU: it is loaded whole, answers may differ"
        )
    return place == "cuda"


def load_tuned(learnt: Learnt, precision: str, *, quantized: bool = False) -> Any:
    """Load what a run learnt: its model, or its base, in 4 bits if wanted, under its adapter."""
    if learnt.base is None:
        return load_model(learnt.own, precision)
    from peft import LoraConfig, PeftModel

    settings = LoraConfig(**read_adapter(Path(learnt.own.place)))
    under = load_model(learnt.base, precision, quantized=quantized)
    with loading(learnt.own, "adapter"), old_name():
        return PeftModel.from_pretrained(
            under, learnt.own.place, config=settings, local_files_only=True
        )


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
