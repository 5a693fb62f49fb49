"""The model that is trained: its base, its adapter, how much of it learns."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.errors import TrainError
from chinchilla.predict.chat_template import Chat
from chinchilla.predict.local import greedy, unknown_token
from chinchilla.predict.model_loading import (
    Source,
    check_quantizing,
    device,
    find_model,
    load_chat,
    load_model,
    places_of,
    precision_of,
)
from chinchilla.runs.folder import BASE
from chinchilla.train.batching import Encoded
from chinchilla.train.config import TINY, LoraOptions, TrainConfig
from chinchilla.train.distributed import is_first
from chinchilla.train.tiny import POSITIONS, make_model, make_tokenizer

_BIG = 1_000_000_000
"""Parameters from which activations are recomputed on a GPU."""


class Base(NamedTuple):
    """A base before its weights are loaded: its tokenizer, and where the weights are.

    `source` is null for the embedded demo model; `places` is how many tokens the model can be
    shown, null where there is no limit.
    """

    chat: Chat
    source: Source | None
    places: int | None


def open_base(config: TrainConfig, texts: Iterable[str], say: Callable[[str], None]) -> Base:
    """Find the base and load its tokenizer; the demo model's is trained on `texts`.

    Raises TrainError or EngineError where the method cannot be used with it.
    """
    quantized = config.chosen_method == "qlora"
    if quantized and config.lora.variant == "pissa":
        todo = "use --method lora, or another variant"
        raise TrainError("lora.variant", "PiSSA starts from weights that are not quantized", todo)
    if config.base == TINY:
        if quantized:
            todo = "use --method lora or full, or another base"
            raise TrainError("--method qlora", "the demo model is not quantized", todo)
        return Base(Chat(make_tokenizer(texts, config.tiny)), None, POSITIONS)
    source = find_model(config.base, config.trust_remote_code, say, config.revision)
    if quantized:
        check_quantizing(source)
    return Base(load_chat(source), source, places_of(source))


def pinned(config: TrainConfig, source: Source | None) -> TrainConfig:
    """Return settings that name the commit of a hub's model, so that it is found again."""
    if source is None or source.hub is None:
        return config
    return config.model_copy(update={"revision": source.revision})


def make_trainable(base: Base, config: TrainConfig, keep: Path | None = None) -> Any:
    """Load the weights and make them trainable as the method says, seeds set before.

    The seed comes first, as an adapter draws its first weights when it is made. The demo
    model under an adapter is saved below `keep`, as its weights are nowhere else.
    """
    from transformers import set_seed

    set_seed(config.seed)
    model = _load(base, config)
    model.generation_config = greedy(base.chat)
    if base.source is None and config.chosen_method != "full" and keep is not None and is_first():
        model.save_pretrained(keep / BASE)
        base.chat.save(keep / BASE)
    if config.chosen_method == "qlora":
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if recomputes(model, config):
        _recompute(model)
    if config.chosen_method == "full":
        return model.float()
    set_seed(config.seed)
    return add_adapter(model, config.lora)


def _load(base: Base, config: TrainConfig) -> Any:
    if base.source is None:
        frozen = config.chosen_method != "full"
        return make_model(base.chat.tokenizer, config.tiny, frozen=frozen).to(device())
    quantized = config.chosen_method == "qlora"
    precision = precision_of(config.precision)
    return load_model(base.source, precision, quantized=quantized, flash=config.packing)


def check_words(model: Any, encoded: Encoded, pad: int) -> None:
    """Raise TrainError where rows, padded, hold a token that the model has no embedding for."""
    top = max(pad, *(int(one.tokens.max()) for one in encoded.examples))
    if words := unknown_token(model, top):
        raise TrainError("base", *words)


def _recompute(model: Any) -> None:
    """Let a model compute its activations again in the backward pass, by either of its names."""
    kwargs = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(kwargs)
    else:
        model.gradient_checkpointing_enable(kwargs)


def recomputes(model: Any, config: TrainConfig) -> bool:
    """Tell whether activations are computed again in the backward pass, to save memory."""
    if config.checkpointing != "auto":
        return config.checkpointing == "on"
    return device() != "cpu" and parameters(model)[0] > _BIG


def add_adapter(model: Any, options: LoraOptions) -> Any:
    """Put a LoRA adapter on a model.

    Raises TrainError where the model has none of the modules. LoRA: Hu et al. 2021,
    https://arxiv.org/abs/2106.09685; rsLoRA: Kalajdzievski 2023, https://arxiv.org/abs/2312.03732;
    DoRA: Liu et al. 2024, https://arxiv.org/abs/2402.09353; PiSSA: Meng et al. 2024,
    https://arxiv.org/abs/2404.02948.
    """
    from peft import LoraConfig, get_peft_model

    named = options.targets
    _check_shared(model, named)
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=named[0] if named == ("all-linear",) else list(named),
        use_rslora=options.variant == "rslora",
        use_dora=options.variant == "dora",
        init_lora_weights="pissa" if options.variant == "pissa" else True,
    )
    try:
        with old_name():
            return get_peft_model(model, settings)
    except ValueError as error:
        first = str(error).split("\n")[0]
        todo = "name modules of this model, or use all-linear"
        raise TrainError("lora.targets", first, todo) from error


def _check_shared(model: Any, targets: Sequence[str]) -> None:
    """Raise TrainError for an adapter on one of two modules that share their weights.

    Merged, it would change the other one too.
    """
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    weights = [getattr(one, "weight", None) for one in ends]
    if weights[0] is None or weights[0] is not weights[1]:
        return
    for name, module in model.named_modules():
        hit = [one for one in targets if f".{name}".endswith(f".{one}")]
        if hit and any(module is one for one in ends):
            what = f"{hit[0]} shares its weights with another module of this base"
            todo = "leave it out of lora.targets, as an adapter there could never be merged"
            raise TrainError("lora.targets", what, todo)


def parameters(model: Any) -> tuple[int, int]:
    """Return how many parameters a model has, and how many of them are trained."""
    return model.num_parameters(), model.num_parameters(only_trainable=True)


def name_base(folder: Path, source: Source | None) -> None:
    """Call the base of a saved adapter by its name on the hub: the cache of today may move."""
    path = folder / "adapter_config.json"
    if source is None or source.hub is None or not path.is_file():
        return
    known = {"base_model_name_or_path": source.hub, "revision": source.revision}
    settings = orjson.loads(path.read_bytes()) | known
    path.write_bytes(orjson.dumps(settings, option=orjson.OPT_INDENT_2))
    card = folder / "README.md"
    if card.is_file():
        words = card.read_text(encoding="utf-8").replace(source.place, source.hub)
        card.write_text(words, encoding="utf-8")


@contextmanager
def old_name() -> Iterator[None]:
    """Bear with peft 0.21, which asks transformers 5.23 by a name that goes away in 6."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield
