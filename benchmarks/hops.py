"""Print the files of the package that one more record, and one more answer, pass through.

    python benchmarks/hops.py

A build of three records and one of thirty are traced, and so is the scoring of their answers: a
file is on the way where its functions are called more often for more records. Files are listed
in the order in which they are first entered.
"""

import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import orjson

import chinchilla

PACKAGE = Path(chinchilla.__file__).resolve().parent


def main() -> None:
    """Print both ways."""
    with TemporaryDirectory() as place:
        traced = [one_way(Path(place, str(number)), number) for number in (3, 30)]
    for name, few, many in zip(("a record", "an answer"), *traced, strict=True):
        way = [path for path in many if many[path] > few[path]]
        rooms = [path.partition("/")[0] for path in way]
        print(f"{name} passes {len(way)} files of {len(set(rooms))} rooms:")
        print("".join(f"  {path}\n" for path in way))


def one_way(folder: Path, number: int) -> tuple[Counter[str], Counter[str]]:
    """Return how often each file is entered while records are built, and their answers scored."""
    raw = folder / "raw" / "finre"
    raw.mkdir(parents=True)
    for split in ("train", "dev"):
        lines = (f"甲{k}\t乙{k}\t合作\t{split}甲{k}和乙{k}合作\n" for k in range(number))
        (raw / f"{split}.txt").write_text("\n".join(lines), encoding="utf-8")
    out = folder / "out"
    built = trace("build", "--raw", raw.parent, "--out", out, "--no-samples")
    answers = folder / "answers.jsonl"
    rows = out / "re" / "dev.jsonl"
    read = [orjson.loads(line) for line in rows.read_bytes().splitlines()]
    pairs = ({"id": row["id"], "raw": row["output"]} for row in read)
    answers.write_bytes(b"\n".join(orjson.dumps(pair) for pair in pairs))
    gold = out / "records" / "re" / "dev.jsonl"
    words = ("score", "--task", "re", "--gold", gold, "--rows", rows, "--answers", answers)
    return built, trace(*words, "--html", folder / "page.html", "--bootstrap", 20)


def trace(*words: object) -> Counter[str]:
    """Return how often each file of the package is entered by a command, in order of entry."""
    from chinchilla.cli import cli

    entered: Counter[str] = Counter()

    def enter(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            entered[path.relative_to(PACKAGE).as_posix()] += 1

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        sys.setprofile(enter)
        try:
            cli.main([str(word) for word in words], standalone_mode=False)
        finally:
            sys.setprofile(None)
    return entered


if __name__ == "__main__":
    main()
