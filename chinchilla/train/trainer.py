"""The loss of the steps since the last log, which a break between two logs must not lose."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_callback import ExportableState

from chinchilla.errors import TrainError
from chinchilla.train.batching import Encoded, LengthGroups
from chinchilla.train.checkpoint import check_attributes, check_parts, read_state, reading
from chinchilla.train.distributed import mean
from chinchilla.train.loss import AnswerHead, answer_loss


class Unlogged(TrainerCallback, ExportableState):
    """Sum up the losses of steps until they are logged; a checkpoint holds the sum.

    The library begins its sum anew with each sitting, so that the first mean a resumed run logs
    would leave out the steps before the break.
    """

    def __init__(self, total: float = 0.0, steps: int = 0) -> None:
        """Take what a checkpoint holds of steps that were not logged yet."""
        self._total, self._steps = torch.tensor(total), steps

    def add(self, loss: torch.Tensor) -> None:
        """Add the loss of one pass, which is a part of its step's."""
        self._total = self._total.to(loss.device) + loss

    def drain(self) -> float:
        """Return the mean loss of the steps, and begin anew."""
        mean_loss = float(self._total) / max(self._steps, 1)
        self._total, self._steps = torch.zeros_like(self._total), 0
        return mean_loss

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count a step; the sum is that of all processes, as the first one saves it."""
        self._steps += 1
        self._total = mean(self._total)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint is to hold."""
        return {"args": {"total": float(self._total), "steps": self._steps}, "attributes": {}}


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
        self._begun: TrainerState | None = None
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

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the model, and no pickle of the arguments beside it: run.json has them."""
        super()._save(output_dir, state_dict)
        Path(output_dir or str(self.args.output_dir), TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def check_begun(self, checkpoint: Path) -> None:
        """Raise TrainError where a training cannot go on from a checkpoint."""
        self._begun = read_state(checkpoint)
        check_parts(checkpoint, *self._parts())

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with reading(Path(resume_from_checkpoint), "its model"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _parts(self) -> list[str]:
        """Return the files of a checkpoint; spread over devices, the library names its own."""
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            return []
        alone = self.args.world_size == 1
        states = "rng_state.pth" if alone else f"rng_state_{self.args.process_index}.pth"
        return ["optimizer.pt", "scheduler.pt", states]

    def _load_callback_state(self) -> None:
        if self._begun is not None:
            self.state.best_model_checkpoint = self._begun.best_model_checkpoint
        with reading(Path(str(self.args.output_dir)), "the state of its callbacks"):
            known: list[object] = [*self.callback_handler.callbacks, self.control]
            check_attributes(self.state.stateful_callbacks, known)
            super()._load_callback_state()

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        with reading(Path(str(checkpoint)), "its optimizer's state"):
            super()._load_optimizer_and_scheduler(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        with reading(Path(str(checkpoint)), "its state of chance"):
            super()._load_rng_state(checkpoint)

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
