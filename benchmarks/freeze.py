"""Print the sha256 of what the commands write, to compare two states of the code.

    python benchmarks/freeze.py before.txt [--cases DIR] [RAW ...]   # of a state of the code
    python benchmarks/freeze.py after.txt [--cases DIR] [RAW ...]    # of a later one
    diff before.txt after.txt

Built are the samples and each folder RAW, by every configuration that ships and by both editions
of MSRA and BosonNER: rows, records and labels. The default build of each is exported in every
format, and its dev rows are scored against answers of which every fifth is another row's. DIR
holds folders with `gold.jsonl` and `pred.jsonl`, named after their task: they are scored in every
metric, with the page. Manifests and pages of counts are left out, as they name versions.
"""

import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import orjson

CONFIGS = ("default", "iepile", "small", "zero-shot")
EDITIONS = ((), ("msra=bio", "boson=bmes"))
FORMATS = ("alpaca", "alpaca-jsonl", "aquila", "hf", "llama-factory", "llama-factory-sharegpt")
FORMATS += ("messages", "parquet", "prompt-completion", "sharegpt")
TASKS = ("ner", "re", "ee")
NAMED = ("manifest.json", "README.md", "export.json")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("raws", nargs=-1)
@click.option("--cases", type=click.Path(path_type=Path, exists=True))
def main(target: Path, raws: tuple[str, ...], cases: Path | None) -> None:
    """Write a line a file to TARGET: what made it, its name and its sha256."""
    lines = [line for raw in (None, *raws) for line in built(raw)]
    lines += (
        [line for case in sorted(cases.glob("*/pred.jsonl")) for line in scored(case.parent)]
        if cases
        else []
    )
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} files, written to {target}")


def built(raw: str | None) -> Iterator[str]:
    """Yield a line a file that the builds of one folder of raw files write."""
    for config in CONFIGS:
        for editions in EDITIONS:
            with TemporaryDirectory() as place:
                out = Path(place, "out")
                words = ["build", "--out", out, "--workers", 2, "--on-error", "count"]
                words += ["--config", config, *(["--raw", raw, "--no-samples"] if raw else [])]
                run(*words, *(word for one in editions for word in ("--edition", one)))
                name = f"{raw or 'samples'} {config} {','.join(editions)}"
                yield from hashes(name, out)
                if not editions:
                    yield from answered(name, out, raw)
                if config == "default" and not editions:
                    yield from exported(name, out)


def exported(name: str, build: Path) -> Iterator[str]:
    """Yield a line a file of every export of a build."""
    for form in FORMATS:
        out = build.parent / form
        run("export", build, "--format", form, "--out", out)
        yield from hashes(f"{name} {form}", out)


def answered(name: str, build: Path, raw: str | None) -> Iterator[str]:
    """Yield a line a sub-task: its dev rows scored against answers, some of them wrong."""
    for task in TASKS:
        rows = build / task / "dev.jsonl"
        read = [orjson.loads(line) for line in rows.read_bytes().splitlines()]
        answers = build.parent / f"{task}.answers.jsonl"
        answers.write_bytes(
            b"".join(
                orjson.dumps({"id": row["id"], "raw": read[k - (k % 5 == 0)]["output"]}) + b"\n"
                for k, row in enumerate(read)
            )
        )
        gold = build / "records" / task / "dev.jsonl"
        for subtask in sorted({row["subtask"] for row in read}):
            words = ["score", "--task", task, "--gold", gold, "--answers", answers, "--json"]
            words += ["--rows", rows, "--subtask", subtask, "--raw", raw or "raw"]
            yield f"{name} answers {subtask} {digest(run(*words))}"


def scored(case: Path) -> Iterator[str]:
    """Yield the lines of a scored case: its numbers and its page."""
    with TemporaryDirectory() as place:
        page = Path(place, "page.html")
        words = ["--gold", case / "gold.jsonl", "--pred", case / "pred.jsonl", "--json"]
        task = case.name.partition("_")[0]
        numbers = run("score", "--task", task, *words, "--html", page, "--bootstrap", 200)
        yield f"{case.name} numbers {digest(numbers)}"
        yield f"{case.name} page {digest(page.read_bytes())}"


def hashes(name: str, folder: Path) -> Iterator[str]:
    """Yield a line a file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in NAMED:
            inner = path.relative_to(folder).as_posix()
            yield f"{name} {inner} {digest(path.read_bytes())}"


def digest(content: bytes) -> str:
    """Return the sha256 of some bytes."""
    return sha256(content).hexdigest()


def run(*words: object) -> bytes:
    """Return what a command prints; raise where it fails."""
    command = [sys.executable, "-m", "chinchilla", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr.decode()}")
    return done.stdout


if __name__ == "__main__":
    main()
