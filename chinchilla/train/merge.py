"""Merge a run's adapter into its base, and prove that both give the same logits."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import torch

from chinchilla.errors import TrainError
from chinchilla.files import LOCK, Inventory, publish, staging
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.local import greedy
from chinchilla.predict.model_loading import device, load_model, precision_of
from chinchilla.runs.folder import Run, read_run
from chinchilla.runs.model import TrainedModel, in_four_bits, trained_by
from chinchilla.runs.parts import MODEL, is_adapter
from chinchilla.schema import join_prompt

MERGED = Inventory("merge.json", "files")
"""The file of a merged model that names its files and holds the proof; it is written last."""
Logits = list[torch.Tensor]
"""The logits of each probe, (tokens, vocabulary)."""

PROBES = 4
"""Prompts on which two models are compared."""
TOLERANCE = 1e-3
"""Largest difference of two logits, relative to their spread, that rounding explains in fp32."""


class Merged(NamedTuple):
    """The proof of a merge: the largest differences of logits, relative to their spread.

    `difference` is that of the merged model and the adapter on its base, `adapter_effect` that of
    the adapter and the base alone, `rounding` that of the merged model and the adapter on its
    base in 4 bits, where it was trained and loads so.
    """

    difference: float
    adapter_effect: float
    rounding: float | None = None


def merge(run_folder: Path, out: Path, say: Callable[[str], None], trusted: bool = False) -> Merged:
    """Merge a run's adapter into its base in fp32, save it, load it again and compare.

    The prompts are those of the run's dev sample, the shortest first. The base is whole; the
    logits of an adapter on a base in 4 bits are compared beside.

    Args:
        run_folder: the run's.
        out: folder to write, new or empty.
        say: called with lines for the user.
        trusted: run code that comes with the base.

    Raises:
        ConfigError: the folder cannot be written to, or another command writes there.
        TrainError: there is no adapter, the folder is not empty, the merged model differs from
            base and adapter, or it does not differ from the base alone.
    """
    run, out = read_run(run_folder), out.absolute()
    weights = run_folder / MODEL
    if not is_adapter(weights):
        todo = f"use {weights} as it is"
        raise TrainError(str(run_folder), "the whole model was trained, there is no adapter", todo)
    with staging(out, MERGED) as folder:
        if any(path not in (folder, out / LOCK) for path in out.iterdir()):
            raise TrainError(str(out), "is not an empty folder", "pass another one with --out")
        trained = trained_by(run, say, trusted)
        quantized = in_four_bits(run.method, device(), say)
        proof = _merge(run, trained, folder, quantized)
        files = [path for path in folder.rglob("*") if path.is_file()]
        names = sorted(path.relative_to(folder).as_posix() for path in files)
        record = {"run": run.called, **proof._asdict(), "files": names}
        option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        (folder / MERGED.name).write_bytes(orjson.dumps(record, option=option))
        publish(folder, out, names, MERGED)
    return proof


def _merge(run: Run, trained: TrainedModel, folder: Path, quantized: bool) -> Merged:
    """Write the merged model and prove it; one model at a time is in memory."""
    chat = trained.chat()
    probes = chat.prompts(_dev_prompts(run.folder)[:PROBES] or ["?"])
    as_trained = None
    if quantized:
        as_trained = _logits(trained.load(precision_of("auto"), quantized=True), probes)
    of_base, wanted = _write_merged(trained, chat, probes, folder)
    merged = _logits(load_model(trained.own._replace(path=str(folder)), "fp32"), probes)
    rounding = None if as_trained is None else _distance(as_trained, merged)
    proof = Merged(_distance(wanted, merged), _distance(of_base, wanted), rounding)
    _check(proof, str(run.folder))
    return proof


def _dev_prompts(run_folder: Path) -> list[str]:
    """Return prompts the run was evaluated on, the shortest first, none where it was not."""
    rows = []
    for path in sorted(run_folder.glob("evals/step-*/*/rows.jsonl"))[:4]:
        with path.open("rb") as file:
            rows += [orjson.loads(line) for line in file]
    prompts = {join_prompt(row["instruction"], row["input"]) for row in rows}
    return sorted(prompts, key=lambda prompt: (len(prompt), prompt))


def _write_merged(
    trained: TrainedModel, chat: ChatTemplate, probes: Sequence[Sequence[int]], folder: Path
) -> tuple[Logits, Logits]:
    """Write the merged model; return the logits of the base, and of the adapter on it."""
    pair = trained.load("fp32")
    with pair.disable_adapter():
        of_base = _logits(pair, probes)
    wanted = _logits(pair, probes)
    merged = pair.merge_and_unload()
    merged.generation_config = greedy(chat)
    merged.save_pretrained(folder)
    chat.save(folder)
    return of_base, wanted


@torch.inference_mode()
def _logits(model: Any, probes: Sequence[Sequence[int]]) -> Logits:
    """Return the logits after each token of each probe, one at a time, so that none is padded."""
    model.eval()
    ids = [torch.tensor([probe], device=model.device) for probe in probes]
    return [model(input_ids=probe).logits[0].float().cpu() for probe in ids]


def _distance(first: Logits, second: Logits) -> float:
    """Return the largest difference, relative to the spread of the first logits."""
    pairs = zip(first, second, strict=True)
    return max(float((a - b).abs().max() / a.std().clamp(min=1e-6)) for a, b in pairs)


def _check(proof: Merged, where: str) -> None:
    if proof.difference > TOLERANCE:
        what = f"the merged model differs from base and adapter by {proof.difference:.2g}"
        raise TrainError(where, what, "nothing was written; use the adapter on its base")
    if proof.adapter_effect <= TOLERANCE:
        what = "the adapter changes nothing, so the merged model would be its base"
        raise TrainError(where, what, "nothing was written; train longer or at a higher rate")
