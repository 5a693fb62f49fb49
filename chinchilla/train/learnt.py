"""What a run learnt: its own files, the base under them, and both as one loaded model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chinchilla.errors import EngineError
from chinchilla.predict.chat import Chat
from chinchilla.predict.loading import Source, find_model, load_chat, load_model, loading, path_of
from chinchilla.train.adapter import read_adapter
from chinchilla.train.fingerprint import check_base
from chinchilla.train.models import old_name
from chinchilla.train.runs import BASE, MODEL, check_trust


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
