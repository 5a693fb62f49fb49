"""The prompts on which two models are compared: those of the run's own dev sample."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch

from chinchilla.errors import TrainError
from chinchilla.files import locked
from chinchilla.predict.chat_template import Chat
from chinchilla.predict.local import greedy
from chinchilla.predict.model_loading import device, load_model, precision_of
from chinchilla.runs.folder import MODEL, read_run
from chinchilla.runs.model import Learnt, in_four_bits, learnt_by, load_tuned
from chinchilla.schema import join_prompt

EVALS = "evals"


def probes_of(run: Path) -> list[str]:
    """Return prompts the run was judged on, the shortest first, none where it was not."""
    rows = []
    for path in sorted((run / EVALS).glob("step-*/*/rows.jsonl"))[:4]:
        with path.open("rb") as file:
            rows += [orjson.loads(line) for line in file]
    prompts = {join_prompt(row["instruction"], row["input"]) for row in rows}
    return sorted(prompts, key=lambda prompt: (len(prompt), prompt))


PROBES = 4
TOLERANCE = 1e-3
"""Largest difference of two logits, relative to their spread, that rounding explains in fp32."""


class Merged(NamedTuple):
    """What the proof found: largest differences of logits, merged to adapter and to base.

    `rounding` is that of merged and the pair in 4 bits, where it was trained and loads so.
    """

    folder: Path
    difference: float
    learnt: float
    rounding: float | None = None


def merge(
    run: Path,
    out: Path,
    prompts: Sequence[str],
    say: Callable[[str], None],
    trusted: bool = False,
) -> Merged:
    """Merge a run's adapter into its base in fp32, save it, load it again and compare.

    The base is whole; what an adapter trained on it in 4 bits said there is compared beside.
    Raises TrainError where there is no adapter, where the folder is in use, where the merged
    model differs from base and adapter, and where it does not differ from the base alone.
    """
    facts, out = read_run(run), out.absolute()
    weights = run / MODEL
    if not (weights / "adapter_config.json").is_file():
        todo = f"use {weights} as it is"
        raise TrainError(str(run), "the whole model was trained, there is no adapter", todo)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainError(str(out), "is not an empty folder", "pass another one with --out")
    learnt = learnt_by(run, facts, say, trusted)
    out.parent.mkdir(parents=True, exist_ok=True)
    what, todo = "another merge is writing it", "wait for it, or pass another one with --out"
    with locked(out.with_name(f".{out.name}.lock"), what, todo):
        return _merge(run, learnt, out, prompts, say)


def _merge(
    run: Path, learnt: Learnt, out: Path, prompts: Sequence[str], say: Callable[[str], None]
) -> Merged:
    """Merge beside the folder, prove the result and move it into place."""
    facts = read_run(run)
    chat = learnt.chat()
    probes = chat.prompts(prompts[:PROBES] or ["?"])
    trained = _in_four_bits(learnt, probes) if in_four_bits(facts, device(), say) else None
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        bare, wanted = _put_in(learnt, chat, probes, partial)
        again = _logits(load_model(learnt.own._replace(place=str(partial)), "fp32"), probes)
        rounding = None if trained is None else _far(trained, again)
        found = Merged(out, _far(wanted, again), _far(bare, wanted), rounding)
        _prove(found, str(run))
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _put_in(
    learnt: Learnt, chat: Chat, probes: Sequence[Sequence[int]], folder: Path
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Write the merged model, ending its answers as we do; return what base and pair said.

    The pair is let go again, so that one model at a time is in memory.
    """
    pair = load_tuned(learnt, "fp32")
    with pair.disable_adapter():
        bare = _logits(pair, probes)
    wanted = _logits(pair, probes)
    merged = pair.merge_and_unload()
    merged.generation_config = greedy(chat)
    merged.save_pretrained(folder)
    chat.save(folder)
    return bare, wanted


def _in_four_bits(learnt: Learnt, probes: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Return what base and adapter say as they were trained; the model is let go again."""
    return _logits(load_tuned(learnt, precision_of("auto"), quantized=True), probes)


@torch.inference_mode()
def _logits(model: Any, probes: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Return what a model says after each probe, one at a time, so that nothing is padded."""
    model.eval()
    ids = [torch.tensor([probe], device=model.device) for probe in probes]
    return [model(input_ids=one).logits[0].float().cpu() for one in ids]


def _far(ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> float:
    """Return the largest difference, relative to the spread of the first logits."""
    pairs = zip(ones, others, strict=True)
    return max(float((a - b).abs().max() / a.std().clamp(min=1e-6)) for a, b in pairs)


def _prove(found: Merged, where: str) -> None:
    if found.difference > TOLERANCE:
        what = f"the merged model differs from base and adapter by {found.difference:.2g}"
        raise TrainError(where, what, "nothing was written; use the adapter on its base")
    if found.learnt <= TOLERANCE:
        what = "the adapter changes nothing, so the merged model would be its base"
        raise TrainError(where, what, "nothing was written; train longer or at a higher rate")
