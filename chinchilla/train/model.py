"""The model that is trained: its base, its adapter, which of its weights are trained."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from chinchilla.errors import TrainError
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.local import greedy, unknown_token
from chinchilla.predict.model_loading import (
    ModelSource,
    check_quantizing,
    device,
    find_model,
    load_chat,
    load_model,
    places_of,
    precision_of,
)
from chinchilla.runs.model import without_renaming_notice
from chinchilla.runs.parts import BASE, SETTINGS
from chinchilla.train.batching import Encoded
from chinchilla.train.config import TINY, LoraOptions, TrainConfig
from chinchilla.train.distributed import is_first
from chinchilla.train.tiny import POSITIONS, make_model, make_tokenizer

_BIG = 1_000_000_000
"""Parameters from which activations are recomputed on a GPU."""


class Base(NamedTuple):
    """A base before its weights are loaded: its tokenizer, and where the weights are.

    `source` is None for the embedded demo model; `places` is how many tokens the model can be
    shown, None where there is no limit.
    """

    chat: ChatTemplate
    source: ModelSource | None
    places: int | None


def open_base(config: TrainConfig, texts: Iterable[str], say: Callable[[str], None]) -> Base:
    """Find the base and load its tokenizer; the demo model's is trained on `texts`.

    Raises:
        TrainError: the method cannot be used with the base.
        EngineError: there is no such base, or it cannot be quantized.
    """
    quantized = config.chosen_method == "qlora"
    if quantized and config.lora.variant == "pissa":
        todo = "use --method lora, or another variant"
        raise TrainError("lora.variant", "PiSSA starts from weights that are not quantized", todo)
    if config.base == TINY:
        if quantized:
            todo = "use --method lora or full, or another base"
            raise TrainError("--method qlora", "the demo model is not quantized", todo)
        return Base(ChatTemplate(make_tokenizer(texts, config.tiny)), None, POSITIONS)
    source = find_model(config.base, config.trust_remote_code, say, config.revision)
    if quantized:
        check_quantizing(source)
    return Base(load_chat(source), source, places_of(source))


def pinned(config: TrainConfig, source: ModelSource | None) -> TrainConfig:
    """Return settings that name the commit of a hub's model, so that it is found again."""
    if source is None or source.hub is None:
        return config
    return config.model_copy(update={"revision": source.revision})


def make_trainable(base: Base, config: TrainConfig, keep: Path | None = None) -> Any:
    """Return the model with the weights trainable that the method trains.

    The seed is set first, as an adapter draws its first weights when it is made. The demo
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
        # the method has two names
        name = "activation_checkpointing_enable"
        enable = getattr(model, name if hasattr(model, name) else "gradient_checkpointing_enable")
        enable({"use_reentrant": False})
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


def check_tokens(model: Any, encoded: Encoded, pad: int) -> None:
    """Raise TrainError where rows, padded, hold a token that the model has no embedding for."""
    largest = max(pad, *(int(example.tokens.max()) for example in encoded.examples))
    if problem := unknown_token(model, largest):
        raise TrainError("base", *problem)


def recomputes(model: Any, config: TrainConfig) -> bool:
    """Tell whether activations are computed again in the backward pass, to save memory."""
    if config.checkpointing != "auto":
        return config.checkpointing == "on"
    return device() != "cpu" and parameters(model)[0] > _BIG


def add_adapter(model: Any, options: LoraOptions) -> Any:
    """Return a model with a LoRA adapter on it.

    LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685; rsLoRA: Kalajdzievski 2023,
    https://arxiv.org/abs/2312.03732; DoRA: Liu et al. 2024, https://arxiv.org/abs/2402.09353;
    PiSSA: Meng et al. 2024, https://arxiv.org/abs/2404.02948.

    Raises:
        TrainError: the model has none of the modules, or one that shares its weights.
    """
    from peft import LoraConfig, get_peft_model

    targets = options.targets
    _check_shared(model, targets)
    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=targets[0] if targets == ("all-linear",) else list(targets),
        use_rslora=options.variant == "rslora",
        use_dora=options.variant == "dora",
        init_lora_weights="pissa" if options.variant == "pissa" else True,
    )
    try:
        with without_renaming_notice():
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
    weights = [getattr(module, "weight", None) for module in ends]
    if weights[0] is None or weights[0] is not weights[1]:
        return
    for name, module in model.named_modules():
        named = [target for target in targets if f".{name}".endswith(f".{target}")]
        if named and any(module is end for end in ends):
            what = f"{named[0]} shares its weights with another module of this base"
            todo = "leave it out of lora.targets, as an adapter there could never be merged"
            raise TrainError("lora.targets", what, todo)


def parameters(model: Any) -> tuple[int, int]:
    """Return how many parameters a model has, and how many of them are trained."""
    return model.num_parameters(), model.num_parameters(only_trainable=True)


def name_base(folder: Path, source: ModelSource | None) -> None:
    """Call the base of a saved adapter by its name on the hub: the cache of today may move."""
    path = folder / SETTINGS
    if source is None or source.hub is None or not path.is_file():
        return
    known = {"base_model_name_or_path": source.hub, "revision": source.revision}
    settings = orjson.loads(path.read_bytes()) | known
    path.write_bytes(orjson.dumps(settings, option=orjson.OPT_INDENT_2))
    card = folder / "README.md"
    if card.is_file():
        text = card.read_text(encoding="utf-8").replace(source.path, source.hub)
        card.write_text(text, encoding="utf-8")
