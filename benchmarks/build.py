"""Measure the build over DuIE-shaped records against its floor, in one run, as ratios.

The floor is what no build can do without: orjson.loads of each input line, orjson.dumps of each
output line, write. Each case is a process of its own; CPU seconds and peak memory are the
operating system's. Input is made by joining clauses of the DuIE sample, with a fixed seed.

    python benchmarks/build.py [RECORDS] [ROUNDS]
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from statistics import median

import orjson

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "raw" / "samples" / "duie" / "duie_train.json"
LIMIT_RATIO, LIMIT_MB = 6.0, 150.0


def make_input(path: Path, records: int) -> None:
    """Write records of one to three sample clauses each, triples kept with their clause."""
    rng = Random(7)
    rows = [orjson.loads(line) for line in SAMPLE.read_bytes().splitlines()]
    with path.open("wb", 1 << 20) as out:
        for _ in range(records):
            chosen = rng.sample(rows, rng.choice((1, 1, 2)))
            text = "。".join(row["text"] for row in chosen)
            spos = [spo for row in chosen for spo in row["spo_list"]]
            out.write(orjson.dumps({"text": text, "spo_list": spos}) + b"\n")


def measure(command: list[str]) -> tuple[float, float]:
    """Run a command; return its CPU seconds and peak memory in MB."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
        "stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    )
    cpu, memory = done.stdout.split()
    return float(cpu), float(memory)


def floor(source: Path, outputs: list[Path], target: Path) -> float:
    """Return the CPU seconds of reading the input and writing the output, nothing else."""
    code = (
        "import sys, time, orjson\n"
        "source, outputs, target = sys.argv[1], sys.argv[2:-1], sys.argv[-1]\n"
        "spent = -time.process_time()\n"
        "for line in open(source, 'rb'): orjson.loads(line)\n"
        "spent += time.process_time()\n"
        "for path in outputs:\n"
        "    rows = [orjson.loads(line) for line in open(path, 'rb')]\n"
        "    spent -= time.process_time()\n"
        "    with open(target, 'wb', 1 << 20) as out:\n"
        "        for row in rows:\n"
        "            out.write(orjson.dumps(row)); out.write(b'\\n')\n"
        "    spent += time.process_time()\n"
        "print(spent)\n"
    )
    command = [sys.executable, "-c", code, str(source), *map(str, outputs), str(target)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print the ratio of each round, their median, and the peak memory."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "raw" / "duie" / "duie_train.json"
        source.parent.mkdir(parents=True)
        make_input(source, records)
        out = folder / "out"
        command = [sys.executable, "-m", "chinchilla", "build", "--source", "duie"]
        command += ["--raw", str(folder / "raw"), "--out", str(out)]
        ratios, peaks = [], []
        outputs = [out / "re" / "train.jsonl", out / "records" / "re" / "train.jsonl"]
        for number in range(rounds):
            cpu, peak = measure(command)
            low = floor(source, outputs, folder / "floor.jsonl")
            ratios.append(cpu / low)
            peaks.append(peak)
            print(
                f"round {number + 1}: build {cpu:.2f} s CPU, floor {low:.2f} s CPU, "
                f"ratio {cpu / low:.2f}, peak {peak:.0f} MB"
            )
        print(
            f"{records:,} records: median ratio {median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, limit {LIMIT_RATIO}), "
            f"peak {max(peaks):.0f} MB (limit {LIMIT_MB:.0f})"
        )
        sys.exit(median(ratios) > LIMIT_RATIO or max(peaks) > LIMIT_MB)


if __name__ == "__main__":
    main()
