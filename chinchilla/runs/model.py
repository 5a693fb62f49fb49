"""What a run trained, over its base, as one loaded model and as something that answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import ConstraintError, EngineError
from chinchilla.predict.answer_log import AnswerJob
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import UNKNOWN_ANSWER, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import (
    ModelSource,
    device,
    find_model,
    load_chat,
    load_model,
    loading,
    path_of,
    precision_of,
)
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


class TrainedModel(NamedTuple):
    """Where a run keeps what it learnt, and where its base is: null where it learnt it whole."""

    own: ModelSource
    base: ModelSource | None

    def chat(self) -> ChatTemplate:
        """Return the tokenizer of the run, its answers ended as those of its base."""
        return load_chat(self.own, self.base)


def trained_by(
    run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool = False
) -> TrainedModel:
    """Return what a run learnt; code that came with its base runs only where it is trusted now.

    Raises ConfigError where such code is needed and is not trusted, EngineError where the base
    of an adapter is gone or is another by now.
    """
    check_trust(run, facts, trusted)
    own = ModelSource(str(run / MODEL), None, trusted)
    adapted = (run / MODEL / "adapter_config.json").is_file()
    return TrainedModel(own, _base_of(run, facts, say, trusted) if adapted else None)


def _base_of(
    run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool
) -> ModelSource:
    """Return where the base of a run is: the demo model's is kept in the run."""
    return ModelSource(str(run / BASE)) if facts["demo"] else base_of(run, facts, say, trusted)


def base_of(
    run: Path, facts: dict[str, Any], say: Callable[[str], None], trusted: bool = False
) -> ModelSource:
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


def load_tuned(trained_model: TrainedModel, precision: str, *, quantized: bool = False) -> Any:
    """Load what a run learnt: its model, or its base, in 4 bits if wanted, under its adapter."""
    if trained_model.base is None:
        return load_model(trained_model.own, precision)
    from peft import LoraConfig, PeftModel

    settings = LoraConfig(**read_adapter(Path(trained_model.own.path)))
    under = load_model(trained_model.base, precision, quantized=quantized)
    with loading(trained_model.own, "adapter"), old_name():
        return PeftModel.from_pretrained(
            under, trained_model.own.path, config=settings, local_files_only=True
        )


class EngineOptions(NamedTuple):
    """How a local model is to answer; zeros leave the choice to us."""

    batch_size: int = 32
    max_new_tokens: int = 0
    constrained: bool = False


def open_engine(
    name: str, wanted: EngineOptions, say: Callable[[str], None], trusted: bool = False
) -> tuple[LocalEngine, AnswerJob]:
    """Load a run or a model; return its engine and what decides its answers.

    A run answers in the precision it was trained in, where it was told one.
    """
    folder, called = Path(name), name
    if is_run(folder):
        facts = finished_run(folder)
        called = name_of(facts, folder)
        precision = precision_of(facts["config"]["precision"])
        trained_model = trained_by(folder, facts, say, trusted)
        quantized = in_four_bits(facts, device(), say)
        chat, model = (
            trained_model.chat(),
            load_tuned(trained_model, precision, quantized=quantized),
        )
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
    job = AnswerJob("transformers", called, options)
    if wanted.constrained:
        try:
            return held(engine, job)
        except ConstraintError as error:
            say(f"answers are free: {error}")
    return engine, job


def held(engine: LocalEngine, job: AnswerJob) -> tuple[LocalEngine, AnswerJob]:
    """Return the same model held to the limits of its prompts.

    Raises ConstraintError where its tokenizer allows none.
    """
    from chinchilla.predict.constrained import Constraint

    constraint = Constraint(engine.chat.tokenizer, engine.chat.stops)
    return replace(engine, constraint=constraint, unconstrained={}), job._replace(constrained=True)
