"""Fixtures: the published files, where they are, and a place to put raw files."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's background jobs ignore Ctrl-C, and the processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of published files, or skip the test where there is none."""
    folder = Path(os.environ.get("CHINCHILLA_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the published files are not here: no {folder / 'data'} (CHINCHILLA_SHARED)")
    return folder


@pytest.fixture(scope="session")
def published(shared: Path) -> Path:
    """Return the folder that stands for raw/ in tests of published files."""
    return shared / "data"


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Return a function that writes a raw file below tmp_path/raw."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write
