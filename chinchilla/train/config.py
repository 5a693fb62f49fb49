"""The settings of a training, in train.toml; every description is also documentation."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from chinchilla.schema import Frozen
from chinchilla.settings import read_settings

TINY = "tiny"
DEFAULT = "Qwen/Qwen3-0.6B"

Tracker = Literal["none", "tensorboard", "trackio", "swanlab", "wandb"]
"""Passed to transformers as `report_to`; each is the name of its package too."""

_MOST = 2**31 - 1
"""Largest count that every library below can hold."""

_NAMED_HERE = {
    "num_train_epochs": "epochs",
    "max_steps": "max_steps",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "accumulate",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "schedule",
    "warmup_steps": "warmup",
    "warmup_ratio": "warmup",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "bf16": "precision",
    "fp16": "precision",
    "gradient_checkpointing": "checkpointing",
    "activation_checkpointing": "checkpointing",
    "seed": "seed",
    "report_to": "tracker",
    "eval_steps": "eval.steps",
}
"""Arguments of the library that have a setting of ours, which run.json and the plan go by."""

_REFUSED = {
    **{name: f"is the setting {ours} here" for name, ours in _NAMED_HERE.items()},
    **dict.fromkeys(
        ("label_smoothing_factor", "train_sampling_strategy", "data_seed"),
        "has no effect here; the loss and the order are ours",
    ),
    # the best checkpoint by F1 is found and kept by these
    **dict.fromkeys(
        (
            *("output_dir", "remove_unused_columns", "eval_strategy", "load_best_model_at_end"),
            *("metric_for_best_model", "greater_is_better", "label_names"),
        ),
        "is not to be changed",
    ),
    **dict.fromkeys(
        (
            *("push_to_hub", "hub_model_id", "hub_token", "hub_strategy", "hub_private_repo"),
            *("hub_always_push", "hub_revision"),
            *("trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"),
        ),
        "would send what is trained elsewhere",
    ),
}
"""Why an argument of the library cannot stand under [trainer]."""


class LoraOptions(Frozen):
    """Hold the table [lora] of train.toml."""

    rank: int = Field(default=16, ge=1, le=65_536, description="rank of the adapter")
    alpha: int = Field(
        default=32, ge=1, le=_MOST, description="scale of the adapter is alpha / rank"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout inside the adapter")
    targets: tuple[str, ...] = Field(
        default=("all-linear",), min_length=1, description="modules adapted, by name"
    )
    variant: Literal["lora", "rslora", "dora", "pissa"] = Field(
        default="lora", description="rsLoRA's scale, DoRA's magnitudes or PiSSA's start"
    )


class TinyOptions(Frozen):
    """Hold the table [tiny] of train.toml: the demo model that needs no download."""

    layers: int = Field(default=4, ge=1, le=256, description="layers of the model")
    width: int = Field(
        default=128, ge=32, le=16_384, multiple_of=32, description="size of a hidden state"
    )
    vocabulary: int = Field(default=8192, ge=512, le=1_000_000, description="largest vocabulary")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout of attention")


class EvalOptions(Frozen):
    """Hold the table [eval] of train.toml: the F1 on dev while training."""

    rows: int = Field(
        default=200, ge=0, le=_MOST, description="dev rows asked each time; 0 asks none"
    )
    times: int = Field(
        default=4, ge=1, le=_MOST, description="how often in a training, evenly spaced"
    )
    steps: int | None = Field(
        default=None, ge=1, le=_MOST, description="steps between two, in place of that"
    )
    patience: int = Field(
        default=0,
        ge=0,
        le=_MOST,
        description="stop after so many without a better F1; 0 never stops",
    )
    batch_size: int = Field(default=32, ge=1, le=_MOST, description="prompts answered together")


class TrainConfig(Frozen):
    """Hold the settings that decide what is trained."""

    base: str = Field(default=DEFAULT, description="folder, .gguf file, hub name, or tiny")
    revision: str | None = Field(
        default=None, description="commit, tag or branch of a hub's model; a run keeps the commit"
    )
    method: Literal["lora", "qlora", "full"] | None = Field(
        default=None, description="what is trained; full for tiny, lora for other models"
    )
    subtasks: tuple[str, ...] = Field(
        default=(), description="sub-tasks of the built rows to learn; none means all"
    )
    epochs: float = Field(default=3.0, gt=0, le=1e6, description="passes over the rows")
    max_steps: int = Field(
        default=0, ge=0, le=_MOST, description="stop after so many steps; 0 for epochs"
    )
    learning_rate: float | None = Field(
        default=None, gt=0, description="peak rate; by default fit for method and base"
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="share of steps to reach the peak")
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        default="cosine", description="how the rate falls after the peak"
    )
    weight_decay: float = Field(default=0.0, ge=0, description="decay of AdamW")
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are clipped to it")
    batch_size: int = Field(
        default=16, ge=1, le=_MOST, description="rows of one device in one pass"
    )
    accumulate: int = Field(
        default=1, ge=1, le=_MOST, description="passes to one step of the optimizer"
    )
    max_tokens: int = Field(
        default=2048, ge=16, le=_MOST, description="longest row; a longer one is refused, never cut"
    )
    packing: bool = Field(
        default=False, description="rows end to end without padding; needs FlashAttention"
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="bf16 where a GPU knows it, else fp32"
    )
    checkpointing: Literal["auto", "on", "off"] = Field(
        default="auto", description="recompute activations; auto: GPU and over 1e9 parameters"
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="seed of weights, order and dropout")
    threads: int = Field(
        default=0, ge=0, le=1024, description="processor threads; 0 leaves it to torch"
    )
    tracker: Tracker = Field(
        default="none", description="where the curve is shown beside curve.csv and curve.png"
    )
    trust_remote_code: bool = Field(
        default=False,
        description="let a model run code that comes with it; only with --trust-remote-code",
    )
    lora: LoraOptions = Field(default_factory=LoraOptions, description="the adapter")
    tiny: TinyOptions = Field(default_factory=TinyOptions, description="the demo model")
    eval: EvalOptions = Field(default_factory=EvalOptions, description="F1 while training")
    trainer: dict[str, Any] = Field(
        default_factory=dict,
        description="further arguments of transformers' TrainingArguments: fsdp, deepspeed, ...",
    )

    @field_validator("trainer")
    @classmethod
    def _leave_ours_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name in _REFUSED:
                raise ValueError(f"{name} {_REFUSED[name]}")
        return value

    @property
    def chosen_method(self) -> Literal["lora", "qlora", "full"]:
        """Return what is trained."""
        return self.method or ("full" if self.base == TINY else "lora")

    @property
    def rate(self) -> float:
        """Return the peak learning rate."""
        usual = {"full": 2e-5, "lora": 2e-4, "qlora": 2e-4}
        if self.base == TINY:
            usual = {"full": 2e-3, "lora": 4e-3, "qlora": 4e-3}
        return self.learning_rate or usual[self.chosen_method]


def read_train_config(path: Path | None, changes: dict[str, Any]) -> TrainConfig:
    """Return the settings of train.toml, those of the command line over them.

    Raises:
        ConfigError: a setting is unknown or wrong.
    """
    return read_settings(TrainConfig, path, changes, "pass the path of a train.toml")
