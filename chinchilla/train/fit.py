"""Fit a model to what was prepared, its F1 on dev measured meanwhile, and keep its run."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, PrinterCallback, TrainingArguments

from chinchilla.errors import TrainError
from chinchilla.files import LOCK, locked
from chinchilla.predict.engine import Answer, Prompt, room_for
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import device, quiet
from chinchilla.runs.eval_sets import parse_eval_set, score_eval_set, write_eval_set
from chinchilla.runs.folder import Best, Run, is_complete, last_checkpoint, read_run
from chinchilla.runs.parts import MODEL
from chinchilla.train.batching import Packed, Padded
from chinchilla.train.callbacks import Show, Stop, TrainingCallback, write_curve
from chinchilla.train.distributed import by_first, from_first, gathered, is_first, share_of
from chinchilla.train.model import check_tokens, make_trainable, name_base, parameters
from chinchilla.train.prepare import Prepared
from chinchilla.train.trainer import ExtractionTrainer, takes
from chinchilla.train.trainer_args import connect_deepspeed, using


def fit(prepared: Prepared, folder: Path, show: Show, stop: Stop | None = None) -> Run:
    """Train in a run's folder, from its last checkpoint where there is one; return the run.

    Args:
        prepared: what `prepare` or `reopen` returned.
        folder: the run's.
        show: called at each log.
        stop: ends the training early where it is requested.

    Raises:
        KeyboardInterrupt: it was stopped early; a checkpoint is written.
        ConfigError: another command trains in that folder.
        TrainError: memory ran out, the loss diverged, or the checkpoint is not whole.
    """
    with ExitStack() as lock:
        by_first(lambda: _lock(folder, lock))
        return _fit(prepared, folder, show, stop)


def _lock(folder: Path, lock: ExitStack) -> None:
    """Keep other commands from training in a run's folder."""
    what, todo = "another command is training it", "wait for it, or stop it first"
    lock.enter_context(locked(folder / LOCK, what, todo))


def _fit(prepared: Prepared, folder: Path, show: Show, stop: Stop | None) -> Run:
    quiet()
    run, begun = by_first(lambda: read_run(folder)), time.monotonic()
    # ZeRO-3 spreads the weights while they are loaded, but only where these are alive
    args = prepared.arguments(folder)
    connect_deepspeed(args)
    model = make_trainable(prepared.base, prepared.config, folder)
    check_tokens(model, prepared.encoded, prepared.base.chat.pad)
    with using(prepared.config):
        trainer = make_trainer(prepared, model, args, show)
    if stop is not None:
        trainer.add_callback(stop)
    every, trained = parameters(model)
    run = run.updated(parameters={"all": every, "trained": trained})
    if is_first():
        run.write()
    with using(prepared.config):
        _train(trainer, folder)
    _check_weights(model)
    stopped = stop is not None and stop.stopped
    if not stopped:
        trainer.save_model(str(folder / MODEL))
        if is_first():
            name_base(folder / MODEL, prepared.base.source)
        run = run.updated(state="done", **_outcome(trainer))
    if is_first():
        write_curve(trainer.state.log_history, folder)
        prepared.base.chat.save(folder / MODEL)
        run = run.updated(
            seconds=run.seconds + time.monotonic() - begun,
            cpu_seconds=run.cpu_seconds + time.process_time(),
        )
        run.write()
    if stopped:
        raise KeyboardInterrupt
    return run


def _train(trainer: ExtractionTrainer, folder: Path) -> None:
    """Train from the last checkpoint there is; name what to change where memory runs out."""
    checkpoint = _common_checkpoint(folder)
    if checkpoint is not None:
        trainer.resume_from(checkpoint)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except torch.OutOfMemoryError as error:
        step = trainer.state.global_step + 1
        what = f"out of memory at step {step} (the longest rows come first)"
        todo = (
            "lower batch_size and raise accumulate, lower max_tokens, or set checkpointing = 'on'"
        )
        raise TrainError("train", what, todo) from error


def _check_weights(model: Any) -> None:
    """Raise TrainError where the last step made weights of no use: its loss is never computed."""
    weights = (weight for weight in model.parameters() if weight.requires_grad)
    if not all(weight.isfinite().all() for weight in weights):
        todo = "lower learning_rate, or lengthen warmup"
        raise TrainError("train", "weights are no numbers after the last step", todo)


def _common_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint that the first process finds; raise TrainError unless all have it."""
    checkpoint = from_first(last_checkpoint(folder))
    if checkpoint is not None and not all(gathered([is_complete(checkpoint)])):
        what = "this checkpoint is not on the disk of every process"
        raise TrainError(str(checkpoint), what, "resume in a folder that all machines share")
    return checkpoint


def _outcome(trainer: ExtractionTrainer) -> dict[str, Any]:
    """Return the fields of a run that its training ends with.

    The speed is that since it was resumed; `peak_memory` is known on a GPU only.
    """
    state = trainer.state
    callbacks = trainer.callback_handler.callbacks
    [clock] = [callback for callback in callbacks if isinstance(callback, TrainingCallback)]
    best = None
    if state.best_metric is not None and state.best_global_step is not None:
        best = Best(eval_f1=float(state.best_metric), step=state.best_global_step)
    memory: dict[str, float] = {}
    if device() == "cuda":
        memory = {"peak_memory": float(torch.cuda.max_memory_allocated())}
    speed = clock.speed(state)
    return {"steps": state.global_step, "best": best, "tokens_per_second": speed, **memory}


def dev_scores(prepared: Prepared, folder: Path, model: Any, step: int) -> dict[str, float]:
    """Return F1 on dev (mean over sources and sub-tasks), each one's own, and answers cut.

    The dev sample is scored as `chinchilla eval` scores it; its files are kept below `folder`.
    Answers may be as long as the longest gold one, in tokens, and a little more. With several
    processes each answers its share, and the first scores.
    """
    room, size = room_for(prepared.longest_answer), prepared.config.eval.batch_size
    engine = LocalEngine(model, prepared.base.chat, room, size)
    prompts = share_of([Prompt(row.id, row.prompt) for row in prepared.dev_rows])
    answers = gathered(list(engine.answers(prompts)))
    return by_first(lambda: _score(prepared, folder / f"step-{step:06d}", answers))


def _score(prepared: Prepared, folder: Path, answers: Sequence[Answer]) -> dict[str, float]:
    by_id, parser = {answer.id: answer for answer in answers}, prepared.data.parser
    f1 = {}
    for eval_set in prepared.eval_sets:
        write_eval_set(eval_set, by_id, folder)
        parsed = parse_eval_set(eval_set, by_id, parser)
        f1[eval_set.name] = score_eval_set(eval_set, parsed, folder, parser).f1
    each = {f"f1_{name}": score for name, score in f1.items()} if len(f1) > 1 else {}
    cut = float(sum(answer.cut for answer in by_id.values()))
    return {"f1": sum(f1.values()) / len(f1), **each, "cut": cut}


def make_trainer(
    prepared: Prepared, model: Any, args: TrainingArguments, show: Show
) -> ExtractionTrainer:
    """Return the trainer of a model, its callbacks in it."""
    evals = Path(str(args.output_dir)).parent / "evals"
    trainer = ExtractionTrainer(
        prepared.encoded,
        partial(dev_scores, prepared, evals) if prepared.eval_sets else None,
        model=model,
        args=args,
        data_collator=collator(prepared, model),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(TrainingCallback(show, prepared.encoded.tokens))
    if (patience := prepared.config.eval.patience) and prepared.eval_sets:
        trainer.add_callback(EarlyStoppingCallback(patience))
    return trainer


def collator(prepared: Prepared, model: Any) -> Packed | Padded:
    """Return what makes tensors of examples, by the settings and what the model takes."""
    if prepared.config.packing:
        return Packed()
    keeps, positions = takes(model, "logits_to_keep"), takes(model, "position_ids")
    return Padded(prepared.base.chat.pad, keeps, positions)
