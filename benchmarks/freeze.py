"""Print the sha256 of what every shipped configuration makes of some raw files.

    python benchmarks/freeze.py before.txt [RAW ...]     # of a state of the code
    python benchmarks/freeze.py after.txt [RAW ...]      # of a later one: diff the two

Without RAW the samples are built. Each line names configuration, edition, file and hash; the
manifest and the page are left out, as they name versions and counts.
"""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

CONFIGS = ("default", "iepile", "small", "zero-shot")
EDITIONS = ((), ("msra=bio", "boson=bmes"))
NAMED = ("manifest.json", "README.md")


def main() -> None:
    """Build every configuration and edition and write the hashes."""
    target, *raws = sys.argv[1:]
    lines = [line for raw in raws or [None] for line in hashes(raw)]
    Path(target).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} files, written to {target}")


def hashes(raw: str | None) -> list[str]:
    """Return a line a file that the builds of one folder of raw files write."""
    lines = []
    for config in CONFIGS:
        for editions in EDITIONS:
            with TemporaryDirectory() as place:
                out = Path(place, "out")
                build(raw, config, editions, out)
                for path in sorted(out.rglob("*.json*")):
                    if path.name not in NAMED:
                        name = path.relative_to(out).as_posix()
                        digest = sha256(path.read_bytes()).hexdigest()
                        lines.append(f"{raw or 'samples'} {config} {editions} {name} {digest}")
    return lines


def build(raw: str | None, config: str, editions: tuple[str, ...], out: Path) -> None:
    """Run one build; samples stand in only where there is no raw folder."""
    command = [sys.executable, "-m", "chinchilla", "build", "--out", str(out), "--workers", "2"]
    command += ["--on-error", "count"]
    command += ["--config", config]
    command += ["--raw", raw, "--no-samples"] if raw else []
    for edition in editions:
        command += ["--edition", edition]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
