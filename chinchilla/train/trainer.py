"""The trainer: the loss of the answers alone, and an evaluation that extracts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_callback import ExportableState

from chinchilla.errors import TrainError
from chinchilla.train.batching import IGNORED, Encoded, LengthGroups
from chinchilla.train.checkpoint import State, check_files, read_state, reading


def answer_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the mean cross-entropy over the label tokens of a step, a scalar.

    Args:
        outputs: `logits` of shape (rows, columns, vocabulary), of the columns of `labels`, each
            predicting the next one; or (1, label tokens, vocabulary), where an `AnswerHead` chose.
        labels: (rows, columns), -100 where nothing is predicted.
        num_items_in_batch: label tokens of the whole step, where it is several batches.
    """
    logits = outputs["logits"]
    wanted = labels[:, 1:].to(logits.device)
    known = wanted != IGNORED
    chosen = logits[:, :-1][known] if logits.shape[:2] == labels.shape else logits[0]
    total = torch.nn.functional.cross_entropy(chosen.float(), wanted[known], reduction="sum")
    items = known.sum() if num_items_in_batch is None else num_items_in_batch
    return total / items


class AnswerHead:
    """Let the head of a model compute the columns that predict a label, and no others.

    Logits are the largest tensors of a step, a number for each word of the vocabulary; the rows
    of a batch have answers of different lengths, so that no slice of columns holds labels alone.
    """

    def __init__(self, model: Any) -> None:
        """Hook the head of a model; one that names no head computes all columns."""
        self._wanted: torch.Tensor | None = None
        head = model.get_output_embeddings()
        if head is not None:
            head.register_forward_pre_hook(self._choose)

    @contextmanager
    def only(self, labels: torch.Tensor) -> Iterator[None]:
        """Choose the columns that predict one of `labels`, (rows, columns), meanwhile."""
        self._wanted = labels[:, 1:] != IGNORED
        try:
            yield
        finally:
            self._wanted = None

    def _choose(self, module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        # states: (rows, columns, width) -> (1, label tokens, width)
        states = inputs[0][:, :-1]
        if self._wanted is None or states.shape[:2] != self._wanted.shape:
            return None
        return (states[self._wanted.to(states.device)][None], *inputs[1:])


def takes(model: Any, name: str) -> bool:
    """Tell whether the forward of a model, adapter apart, has an argument of that name."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return name in signature(inner.forward).parameters


Evaluate = Callable[[Any, int], dict[str, float]]
"""From a model and the step it has reached to the scores of the dev sample."""


class _Epochs(TrainerCallback):
    """Set the epoch of the sampler.

    The library sets it too, but not where a resumed loader of several processes wraps it thrice.
    """

    def __init__(self, sampler: LengthGroups) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        self._sampler.set_epoch(int(state.epoch or 0))


class ExtractionTrainer(Trainer):
    """Train on answers alone; `evaluate` extracts from dev texts and scores the answers.

    Everything else, several devices and resuming among it, is the library's.
    """

    def __init__(
        self, encoded: Encoded, scores_of: Evaluate | None, args: TrainingArguments, **others: Any
    ) -> None:
        """Take the encoded rows, the evaluation (None for none) and what Trainer takes."""
        self._scores_of = scores_of
        self._resumed: State | None = None
        self._head = AnswerHead(others["model"])
        rows = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self._sampler = LengthGroups(encoded, rows, args.seed)
        super().__init__(
            args=args,
            train_dataset=encoded.examples,
            eval_dataset=encoded.examples[:1] if scores_of else None,
            compute_loss_func=answer_loss,
            callbacks=[_Epochs(self._sampler)],
            **others,
        )

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the model, and no pickle of the arguments beside it: run.json has them."""
        super()._save(output_dir, state_dict)
        Path(output_dir or str(self.args.output_dir), TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def resume_from(self, checkpoint: Path) -> None:
        """Check a checkpoint before `train` reads it.

        Raises:
            TrainError: a training cannot go on from it.
        """
        self._resumed = read_state(checkpoint)
        check_files(checkpoint, *self._state_files())

    def _state_files(self) -> list[str]:
        """Return the files of a checkpoint; spread over devices, the library names its own."""
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            return []
        alone = self.args.world_size == 1
        states = "rng_state.pth" if alone else f"rng_state_{self.args.process_index}.pth"
        return ["optimizer.pt", "scheduler.pt", states]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with reading(Path(resume_from_checkpoint), "its model"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_callback_state(self) -> None:
        """Restore patience and the best checkpoint: the library would set what a file names."""
        if self._resumed is None:
            return
        self.state.best_model_checkpoint = self._resumed.best_model_checkpoint
        callbacks = [*self.callback_handler.callbacks, self.control]
        for callback in callbacks:
            if isinstance(callback, EarlyStoppingCallback):
                callback.early_stopping_patience_counter = self._resumed.patience_counter
        exported: list[Any] = [one for one in callbacks if isinstance(one, ExportableState)]
        self.state.stateful_callbacks = TrainerState(stateful_callbacks=exported).stateful_callbacks

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with reading(Path(str(checkpoint)), "its optimizer's state"):
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with reading(Path(str(checkpoint)), "its random state"):
            super()._load_rng_state(checkpoint)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroups:
        return self._sampler

    def compute_loss(self, model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> Any:
        """Return the loss on the answers of a batch, its logits computed for them alone."""
        with self._head.only(inputs["labels"]):
            return super().compute_loss(model, inputs, *more, **named)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Sequence[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Return and log the F1 on the dev sample, as `eval_f1`."""
        if self._scores_of is None:
            return {}
        model = self.accelerator.unwrap_model(self.model)
        try:
            with torch.inference_mode():
                scores = self._scores_of(model, self.state.global_step)
        except torch.OutOfMemoryError as error:
            what = f"out of memory while dev was asked at step {self.state.global_step}"
            raise TrainError("eval", what, "lower eval.batch_size") from error
        metrics = {f"{metric_key_prefix}_{name}": number for name, number in scores.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any = None) -> bool:
        """Take the later of two equal F1s: it was trained longer."""
        before = self.state.best_metric
        better: bool = super()._determine_best_metric(metrics, trial)
        if better or before is None or metrics.get("eval_f1") != before:
            return better
        self.state.best_global_step = self.state.global_step
        return True
