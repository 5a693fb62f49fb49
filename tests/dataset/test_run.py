"""Worker processes end with the one that started them, and their own end is told in a line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROW = '{"text": "甲书是乙写的", "spo_list": []}\n'
LABELLED = (
    '{"text": "甲书是乙写的", "spo_list": [{"predicate": "作者", "subject_type": "图书作品", '
    '"object_type": {"@value": "人物"}, "subject": "甲书", "object": {"@value": "乙"}}]}\n'
)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def stat(process: int) -> list[str]:
    """Return state and parent of a process, nothing where it is gone."""
    try:
        return (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        )
    except OSError:
        return []


def children(process: int) -> list[int]:
    """Return the workers among the children of a process."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    mine = [number for number in numbers if stat(number)[1:] == [str(process)]]
    return [number for number in mine if b"spawn_main" in command_line(number)]


def command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def gone(process: int) -> bool:
    return stat(process)[:1] in ([], ["Z"])


@pytest.fixture
def build(tmp_path: Path, put) -> subprocess.Popen[str]:
    """Return a build of two workers that are both at work."""
    put("duie/duie_train.json", LABELLED + ROW * 600_000)
    out = tmp_path / "out"
    words = ["--raw", str(tmp_path / "raw"), "--out", str(out), "--source", "duie"]
    process = subprocess.Popen(
        [sys.executable, "-m", "chinchilla", "build", *words, "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: any(out.glob(".partial*/shards/*")))
    assert len(children(process.pid)) == 2
    return process


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")


@linux
def test_workers_end_with_a_parent_that_is_killed_and_the_next_build_clears_up(
    build, tmp_path: Path, put
) -> None:
    workers = children(build.pid)
    build.kill()
    build.communicate()
    until(lambda: all(gone(one) for one in workers), 10)
    assert any((tmp_path / "out").glob(".partial*"))
    put("duie/duie_train.json", LABELLED)
    words = ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--source", "duie"]
    subprocess.run([sys.executable, "-m", "chinchilla", "build", *words], check=True)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name[0] == "."] == []


@linux
def test_a_worker_that_is_killed_is_told_in_a_line_and_leaves_nothing(build, tmp_path) -> None:
    workers = children(build.pid)
    os.kill(workers[0], signal.SIGKILL)
    _, words = build.communicate()
    assert build.returncode == 1
    assert words.splitlines()[-1] == (
        "error: --workers 2: a worker process was ended from outside, as the system does when "
        "memory is short; pass fewer workers, or see that there is more memory"
    )
    assert "Traceback" not in words
    assert not (tmp_path / "out").exists()
    assert all(gone(one) for one in workers)


@linux
@pytest.mark.parametrize("more", [["--dry-run"], ["--config", "{folder}/mix.toml"]])
def test_the_passes_before_a_build_tell_it_too(tmp_path: Path, put, more: list[str]) -> None:
    """A forecast, and the pass that counts rows for a mix, use the same workers."""
    put("duie/duie_train.json", LABELLED + ROW * 600_000)
    (tmp_path / "mix.toml").write_text("[prompts]\nnull_share = 0.5\n", encoding="utf-8")
    words = [one.format(folder=tmp_path) for one in more]
    words += ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--source", "duie"]
    build = subprocess.Popen(
        [sys.executable, "-m", "chinchilla", "build", *words, "--workers", "2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(children(build.pid)) == 2)
    os.kill(children(build.pid)[0], signal.SIGKILL)
    _, told = build.communicate()
    assert build.returncode == 1
    assert told.splitlines()[-1].startswith("error: --workers 2: a worker process was ended ")
    assert not (tmp_path / "out").exists()


@linux
@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_however_often_ends_a_build_and_its_workers_at_once(
    build, tmp_path: Path, times: int
) -> None:
    workers = children(build.pid)
    for _ in range(times):
        build.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, words = build.communicate(timeout=10)
    # one that comes when all is said and done ends Python itself
    assert build.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in words
    assert not (tmp_path / "out").exists()
    assert all(gone(one) for one in workers)
