"""The prompts on which two models are compared: those of the run's own dev sample."""

from pathlib import Path

import orjson

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
