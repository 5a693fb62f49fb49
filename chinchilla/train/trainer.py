"""The Trainer of transformers, with our order of rows, our loss and our F1."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from chinchilla.errors import TrainError
from chinchilla.train.batches import LengthGroups
from chinchilla.train.encode import Encoded
from chinchilla.train.loss import AnswerHead, answer_loss
from chinchilla.train.unlogged import Unlogged

Judge = Callable[[Any, int], dict[str, float]]
"""From a model and the step it has reached to what the dev sample says of it."""


class _Epochs(TrainerCallback):
    """Tell the sampler which epoch begins.

    The library tells it too, but not where a resumed loader of several processes wraps it thrice.
    """

    def __init__(self, sampler: LengthGroups) -> None:
        self._sampler = sampler

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._sampler.set_epoch(int(state.epoch or 0))


class ExtractionTrainer(Trainer):
    """Train on answers alone; `evaluate` extracts from dev texts and scores what it finds.

    Everything else, several devices and resuming among it, is the library's.
    """

    def __init__(
        self, encoded: Encoded, judge: Judge | None, args: TrainingArguments, **known: Any
    ) -> None:
        """Take the encoded rows and the judge beside what Trainer takes."""
        self._judge = judge
        self._head = AnswerHead(known["model"])
        rows = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self._sampler = LengthGroups(encoded, rows, args.seed)
        super().__init__(
            args=args,
            train_dataset=encoded.examples,
            eval_dataset=encoded.examples[:1] if judge else None,
            compute_loss_func=answer_loss,
            callbacks=[_Epochs(self._sampler), Unlogged()],
            **known,
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        return self._sampler

    def compute_loss(self, model: Any, inputs: dict[str, Any], *given: Any, **known: Any) -> Any:
        """Return the loss on the answers of a batch, its logits computed for them alone."""
        with self._head.only(inputs["labels"]):
            return super().compute_loss(model, inputs, *given, **known)

    def training_step(self, *given: Any, **more: Any) -> torch.Tensor:
        """Take a forward and a backward pass; return the part of the step's loss."""
        loss: torch.Tensor = super().training_step(*given, **more)
        self._unlogged.add(loss)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, the loss as the mean of all steps since the last log, breaks or not."""
        if "loss" in logs:
            logs["loss"] = self._unlogged.drain()
        super().log(logs, start_time)

    @property
    def _unlogged(self) -> Unlogged:
        # the library puts another in its place where a run goes on
        known = self.callback_handler.callbacks
        return next(one for one in known if isinstance(one, Unlogged))

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return and log the F1 on the dev sample, as `eval_f1`."""
        if self._judge is None:
            return {}
        model = self.accelerator.unwrap_model(self.model)
        try:
            with torch.inference_mode():
                found = self._judge(model, self.state.global_step)
        except torch.OutOfMemoryError as error:
            what = f"out of memory while dev was asked at step {self.state.global_step}"
            raise TrainError("eval", what, "lower eval.batch_size") from error
        metrics = {f"{metric_key_prefix}_{name}": number for name, number in found.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any = None) -> bool:
        """Take the later of two equal F1s: it has learnt longer."""
        before = self.state.best_metric
        better: bool = super()._determine_best_metric(metrics, trial)
        if better or before is None or metrics.get("eval_f1") != before:
            return better
        self.state.best_global_step = self.state.global_step
        return True
