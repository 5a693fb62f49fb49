"""A base that the hub's cache holds: found without network, called by its name, found again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import orjson
import pytest
from commands import read_run, write_run

from chinchilla.errors import ConfigError, EngineError
from chinchilla.runs.folder import Run
from chinchilla.runs.model import EngineOptions, open_engine, trained_by

pytestmark = pytest.mark.slow

NAME, COMMIT, LATER = "me/small", "a" * 40, "b" * 40


class Hub(ThreadingHTTPServer):
    """A hub that has nothing, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def _answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def cache(home: Path, base: Path, commit: str, main: str) -> Path:
    """Lay a model into a cache as huggingface_hub does; return its folder there."""
    model = home / "hub" / f"models--{NAME.replace('/', '--')}"
    (model / "refs").mkdir(parents=True, exist_ok=True)
    (model / "refs" / "main").write_text(main, encoding="utf-8")
    return Path(shutil.copytree(base, model / "snapshots" / commit))


def alone(home: Path, hub: str, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, as the library reads its addresses once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        env=kept | {"HF_HOME": str(home), "HF_ENDPOINT": hub},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


WHOLE_LOOP = """
import sys
from pathlib import Path
from chinchilla.cli import cli
built, out = sys.argv[1:]
train = ["train", "--task", "re", "--base", "me/small", "--processed", built, "--out", out]
settings = ["--config", f"{out}.toml", "--max-steps", "2", "--learning-rate", "0.01"]
cli.main([*train, *settings], standalone_mode=False)
[run] = Path(out).glob("re/*")
cli.main(["eval", "--run", str(run)], standalone_mode=False)
cli.main(["merge", str(run), "--out", f"{run}/merged"], standalone_mode=False)
"""


def test_a_cached_model_is_trained_asked_and_merged_without_a_word_to_the_hub(
    built: Path, base: Path, hub: Hub, tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "runs"
    cache(home, base, COMMIT, COMMIT)
    (tmp_path / "runs.toml").write_text("[eval]\nrows = 4\nsteps = 1\n", encoding="utf-8")
    done = alone(home, hub.url, WHOLE_LOOP, str(built), str(out))
    assert (done.returncode, hub.asked) == (0, []), done.stderr
    [run] = out.glob("re/*")
    settings = read_run(run)["config"]
    assert (settings["base"], settings["revision"]) == (NAME, COMMIT)
    adapter = orjson.loads((run / "model" / "adapter_config.json").read_bytes())
    assert (adapter["base_model_name_or_path"], adapter["revision"]) == (NAME, COMMIT)
    kept = [*run.glob("*.*"), *(run / "model").iterdir(), *(run / "merged").iterdir()]
    assert [one.name for one in kept if str(home).encode() in one.read_bytes()] == []


BASE_OF = """
import sys
from pathlib import Path
from chinchilla.runs.folder import read_run
from chinchilla.runs.model import trained_by
print(trained_by(read_run(Path(sys.argv[1])), print).base.path)
"""


def test_a_run_finds_the_commit_it_was_trained_on_in_another_cache_or_says_it_is_gone(
    lora_run: Path, base: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(lora_run, tmp_path / "run"))
    facts = read_run(run)
    settings = facts["config"] | {"base": NAME, "revision": COMMIT}
    write_run(run, facts | {"demo": False, "config": settings})
    closed = "http://127.0.0.1:9"
    cache(tmp_path, base, LATER, LATER)
    gone = alone(tmp_path, closed, BASE_OF, str(run))
    assert gone.stderr.strip().endswith(
        f"{run}: its base is gone: model {NAME}@{COMMIT}: not in the local cache, and {closed} "
        "cannot be reached; connect to the hub once, or copy that model into the local cache"
    )
    there = cache(tmp_path, base, COMMIT, LATER)
    found = alone(tmp_path, closed, BASE_OF, str(run))
    assert found.stdout == f"{there}\n", found.stderr


def test_a_run_whose_base_folder_is_gone_says_so(lora_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(lora_run, tmp_path / "run"))
    facts = read_run(run)
    # what could be a name on the hub as well
    facts |= {"demo": False, "config": facts["config"] | {"base": "models/mine"}}
    with pytest.raises(EngineError) as found:
        trained_by(Run.model_validate(facts | {"folder": run}), print)
    assert str(found.value) == (
        f"{run}: its base models/mine is gone; put it back there, or train again"
    )


def test_a_demo_run_whose_base_is_gone_says_so(lora_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(lora_run, tmp_path / "run"))
    shutil.rmtree(run / "base")
    with pytest.raises(ConfigError) as found:
        open_engine(str(run), EngineOptions(), print)
    assert str(found.value) == (
        f"{run / 'base'}: no weights are here; copy the whole run again, or train again"
    )
