"""What a run trained, over its base, as one loaded model and as an engine."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from chinchilla.runs.folder import Run, finished_run, is_run
from chinchilla.runs.parts import BASE, MODEL, fingerprint, is_adapter, read_adapter

Say = Callable[[str], None]
"""What a line for the user is handed to."""


class TrainedModel(NamedTuple):
    """Where a run's weights are, and those of its base: None where it was trained whole."""

    own: ModelSource
    base: ModelSource | None

    def chat(self) -> ChatTemplate:
        """Return the tokenizer of the run, its answers ended as those of its base."""
        return load_chat(self.own, self.base)

    def load(self, precision: str, *, quantized: bool = False) -> Any:
        """Return the loaded model: the whole one, or its adapter on its base.

        Args:
            precision: fp32 or bf16.
            quantized: load the base of an adapter in 4 bits.
        """
        if self.base is None:
            return load_model(self.own, precision)
        from peft import LoraConfig, PeftModel

        settings = LoraConfig(**read_adapter(Path(self.own.path)))
        base = load_model(self.base, precision, quantized=quantized)
        with loading(self.own, "adapter"), without_renaming_notice():
            return PeftModel.from_pretrained(
                base, self.own.path, config=settings, local_files_only=True
            )


@contextmanager
def without_renaming_notice() -> Iterator[None]:
    """Silence peft 0.21, which uses a name of transformers 5.23 that goes away in 6."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def trained_by(run: Run, say: Say, trusted: bool = False) -> TrainedModel:
    """Return where the weights of a run and of its base are.

    Raises:
        ConfigError: its base brings code, and this call does not trust it.
        EngineError: the base of an adapter is gone, or another one by now.
    """
    run.check_trust(trusted)
    own = ModelSource(str(run.folder / MODEL), None, trusted)
    if not is_adapter(run.folder / MODEL):
        return TrainedModel(own, None)
    if run.demo:
        return TrainedModel(own, ModelSource(str(run.folder / BASE)))
    return TrainedModel(own, base_of(run, say, trusted))


def base_of(run: Run, say: Say, trusted: bool = False) -> ModelSource:
    """Return where the base of a run is that is not the demo model.

    Raises:
        EngineError: it is gone, or another one by now.
    """
    name, revision = run.config.base, run.config.revision
    if revision is not None:
        try:
            return find_model(name, trusted, say, revision)
        except EngineError as error:
            what = f"its base is gone: {error.where}: {error.what}"
            todo = "connect to the hub once, or copy that model into the local cache"
            raise EngineError(str(run.folder), what, todo) from error
    if "revision" in run.config.model_fields_set and not path_of(name).exists():
        todo = "put it back there, or train again"
        raise EngineError(str(run.folder), f"its base {name} is gone", todo)
    source = find_model(name, trusted, say)
    # older runs keep no fingerprint
    if run.base is not None and fingerprint(source) != run.base:
        what = f"its base {source.name} is not the one that it was trained on"
        raise EngineError(str(run.folder), what, "put that one back, or train again")
    return source


def in_four_bits(method: str, on: str, say: Say) -> bool:
    """Tell whether a base is loaded in 4 bits on a device, as QLoRA trained on it.

    `say` gets a line where the device cannot.
    """
    if method == "qlora" and on != "cuda":
        say(
            "trained on a base in 4 bits, which needs a GPU: it is loaded whole, answers may differ"
        )
    return method == "qlora" and on == "cuda"


class EngineOptions(NamedTuple):
    """How a local model answers; 0 for `max_new_tokens` is as long as it was trained to."""

    batch_size: int = 32
    max_new_tokens: int = 0
    constrained: bool = False


def open_engine(
    name: str, wanted: EngineOptions, say: Say, trusted: bool = False
) -> tuple[LocalEngine, AnswerJob]:
    """Load a run or a model; return its engine and what decides its answers.

    A run answers in the precision it was trained in, where that was set.

    Args:
        name: folder of a run or a model, .gguf file, or name on the hub.
        wanted: how it answers.
        say: called with lines for the user.
        trusted: run code that comes with the model.
    """
    folder, called = Path(name), name
    if is_run(folder):
        run = finished_run(folder)
        called = run.called
        precision = precision_of(run.config.precision)
        trained = trained_by(run, say, trusted)
        quantized = in_four_bits(run.method, device(), say)
        usual = room_for(run.longest_answer)
    else:
        trained = TrainedModel(find_model(name, trusted, say), None)
        precision, quantized = precision_of("auto"), False
        usual = UNKNOWN_ANSWER
    chat = trained.chat()
    room = wanted.max_new_tokens or usual
    model = trained.load(precision, quantized=quantized)
    engine = LocalEngine(model, chat, room, wanted.batch_size)
    options = {"max_new_tokens": room, "precision": precision, "quantized": quantized}
    job = AnswerJob("transformers", called, options)
    if wanted.constrained:
        try:
            return constrain(engine, job)
        except ConstraintError as error:
            say(f"answers are free: {error}")
    return engine, job


def constrain(engine: LocalEngine, job: AnswerJob) -> tuple[LocalEngine, AnswerJob]:
    """Return the same model, its answers constrained to the limits of their prompts.

    Raises:
        ConstraintError: its tokenizer allows none.
    """
    from chinchilla.predict.constrained import Constraint

    constraint = Constraint(engine.chat.tokenizer, engine.chat.stops)
    return replace(engine, constraint=constraint, unconstrained={}), job._replace(constrained=True)
