"""Measure the scorer in one run: against a plain scorer as a ratio, and its bootstrap in CPU.

The plain scorer is of the usual kind: json.loads for each row, one Counter of triples a row,
counts added up. Both read the same two files of relation rows, written as `chinchilla records`
writes them and paired by id, and give micro precision, recall and F1; ours hashes the files,
checks their shape and counts labels as well. Rows are random Chinese characters, seed fixed.

    python benchmarks/score.py [ROWS] [ROUNDS]
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
import orjson

from chinchilla.score.counts import ScoreOptions, intervals
from chinchilla.score.evaluate import evaluate
from chinchilla.score.metrics import METRICS
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredEntity, read_rows

RATIO, CPU_SECONDS = 3.0, 2.0
DOCUMENTS, FOLDS = 10_000, 1_000
PREDICATES = [f"P{number}" for number in range(48)]


def make_files(gold: Path, pred: Path, rows: int) -> None:
    """Write gold with one to four triples a row; one predicted triple in six is wrong."""
    rng = Random(7)
    letters = [chr(code) for code in range(0x4E00, 0x5200)]
    with gold.open("wb", 1 << 20) as wanted, pred.open("wb", 1 << 20) as found:
        for number in range(rows):
            text = "".join(rng.choices(letters, k=rng.randint(30, 90)))
            triples = [triple(rng, text) for _ in range(rng.randint(1, 4))]
            guesses = [triple(rng, text) if rng.random() < 1 / 6 else one for one in triples]
            for out, relations in ((wanted, triples), (found, guesses)):
                out.write(orjson.dumps(record(number, text, relations)) + b"\n")


def record(number: int, text: str, relations: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a record with every key that `chinchilla records` writes."""
    name = {"id": f"made-{number:06}", "source": "made", "split": "dev", "task": "re"}
    items = {"entities": [], "relations": relations, "events": []}
    return {**name, "text": text, "title": None, **items}


def triple(rng: Random, text: str) -> dict[str, Any]:
    """Take two pieces of the text as head and tail."""
    head, tail = (rng.randrange(len(text) - 6) for _ in range(2))
    return {
        "predicate": rng.choice(PREDICATES),
        "head": text[head : head + rng.randint(2, 6)],
        "head_type": "A",
        "tail": text[tail : tail + rng.randint(2, 6)],
        "tail_type": "B",
        "head_start": None,
        "tail_start": None,
        "tail_slots": {},
        "tail_slot_types": {},
    }


def plain_score(gold: Path, pred: Path) -> tuple[float, float, float]:
    """Score as scripts usually do."""
    wanted = {}
    with gold.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            wanted[row["id"]] = Counter(
                (one["head"], one["predicate"], one["tail"]) for one in row["relations"]
            )
    tp = n_pred = 0
    with pred.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found = Counter(
                (one["head"], one["predicate"], one["tail"]) for one in row["relations"]
            )
            tp += sum((found & wanted[row["id"]]).values())
            n_pred += sum(found.values())
    n_gold = sum(sum(one.values()) for one in wanted.values())
    precision, recall = tp / n_pred, tp / n_gold
    return precision, recall, 2 * precision * recall / (precision + recall)


def our_score(gold: Path, pred: Path) -> tuple[float, float, float]:
    """Score the same files with the scorer of this project."""
    options = ScoreOptions(metrics=("re_boundary",), keep=False)
    result = evaluate(read_rows(gold, "re"), read_rows(pred, "re"), options)
    return result.precision, result.recall, result.f1


def cpu(work: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU seconds of a piece of work and what it gave."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def bootstrap_seconds() -> float:
    """Return the CPU seconds of resampling a made corpus of entities."""
    rng = Random(7)
    pairs = []
    for number in range(DOCUMENTS):
        gold = tuple(ScoredEntity("A", "x", at, at + 1) for at in range(rng.randint(0, 4)))
        pred = tuple(one for one in gold if rng.random() < 0.8)
        pairs.append(Pair(Row(str(number), entities=gold), Row(str(number), entities=pred)))
    counted = METRICS["ner_span"].tally(pairs, ScoreOptions())
    return cpu(lambda: intervals([counted], FOLDS, np.random.default_rng(7)))[0]


def main() -> None:
    """Print the ratio of each round, their median, and the CPU of the bootstrap."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 220_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as name:
        gold, pred = Path(name) / "gold.jsonl", Path(name) / "pred.jsonl"
        make_files(gold, pred, rows)
        ratios = []
        for number in range(rounds):
            usual, wanted = cpu(lambda: plain_score(gold, pred))
            ours, got = cpu(lambda: our_score(gold, pred))
            if got != wanted:
                sys.exit(f"the scores differ: {got} and {wanted}")
            ratios.append(usual / ours)
            words = f"round {number + 1}: plain {usual:.2f} s CPU, ours {ours:.2f} s CPU"
            print(f"{words}, ratio {ratios[-1]:.2f}")
    folds = median(bootstrap_seconds() for _ in range(rounds))
    print(f"{rows:,} rows: median ratio {median(ratios):.2f} (at least {RATIO})")
    print(
        f"{FOLDS:,} resamples of {DOCUMENTS:,} documents: {folds:.2f} s CPU (at most {CPU_SECONDS})"
    )
    sys.exit(median(ratios) < RATIO or folds > CPU_SECONDS)


if __name__ == "__main__":
    main()
