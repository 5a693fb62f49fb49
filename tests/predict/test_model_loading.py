"""The files of a model of the hub that are needed, fetched and missing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from chinchilla.predict.model_loading import is_whole

COMMIT = "c" * 40
SMALL = {"config.json": "{}", "tokenizer.json": "{}", "tokenizer_config.json": "{}"}


def index(*shards: str) -> str:
    return json.dumps(
        {"weight_map": {f"layer{index}": shard for index, shard in enumerate(shards)}}
    )


FOLDERS: list[tuple[dict[str, str], bool]] = [
    ({**SMALL, "model.safetensors": "w"}, True),
    ({**SMALL, "pytorch_model.bin": "w"}, True),
    ({"tokenizer_config.json": "{}"}, False),
    (SMALL, False),
    ({"config.json": "{}", "model.safetensors": "w"}, False),
    ({"tokenizer.json": "{}", "model.safetensors": "w"}, False),
    ({**SMALL, "model.safetensors.index.json": index("a", "b"), "a": "w"}, False),
    ({**SMALL, "model.safetensors.index.json": index("a", "b"), "a": "w", "b": "w"}, True),
    # transformers would look for b, and not at the other weights
    ({**SMALL, "model.safetensors.index.json": index("b"), "pytorch_model.bin": "w"}, False),
    ({**SMALL, "pytorch_model.bin.index.json": "no index"}, False),
]


@pytest.mark.parametrize(("files", "whole"), FOLDERS)
def test_a_model_is_whole_with_config_tokenizer_and_all_its_weights(
    tmp_path: Path, files: dict[str, str], whole: bool
) -> None:
    write(tmp_path, files)
    assert is_whole(tmp_path) is whole


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


class Hub(ThreadingHTTPServer):
    """A hub with one model, `me/small`, that keeps which of its files were fetched."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, str] = {}
        self.fetched: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        files = self.server.files
        if path.startswith("/api/models/me/small/revision/"):
            self._answer(json.dumps({"id": "me/small", "sha": COMMIT}).encode())
        elif path.startswith("/api/models/me/small/tree/"):
            tree: list[dict[str, Any]] = [
                {"type": "file", "path": name, "size": len(text), "oid": f"{len(text):040x}"}
                for name, text in files.items()
            ]
            self._answer(json.dumps(tree).encode())
        elif name := path.partition(f"/me/small/resolve/{COMMIT}/")[2]:
            self.server.fetched.append(name)
            self._answer(files[name].encode())
        else:
            self.send_error(404, path)

    def _answer(self, body: bytes) -> None:
        name = self.path.partition(f"/me/small/resolve/{COMMIT}/")[2]
        size = len(self.server.files[name]) if name else len(body)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{name}-{size}"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def find(home: Path, hub: str) -> subprocess.CompletedProcess[str]:
    """Find me/small in a process of its own, as the library reads its addresses once."""
    script = (
        "import sys; from chinchilla.predict.model_loading import find_model\n"
        "say = lambda line: print(line, file=sys.stderr)\n"
        "print(find_model('me/small', False, say).path)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-c", script],
        env=kept | {"HF_HOME": str(home), "HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def snapshot(home: Path) -> Path:
    model = home / "hub" / "models--me--small"
    (model / "refs").mkdir(parents=True, exist_ok=True)
    (model / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return model / "snapshots" / COMMIT


PUBLISHED: list[tuple[dict[str, str], set[str]]] = [
    (
        {
            **SMALL,
            "model.safetensors": "w",
            "pytorch_model.bin": "same again",
            "consolidated.safetensors": "same again",
            "original/params.json": "{}",
            "original/model.safetensors": "w",
            "onnx/model.onnx": "w",
            "README.md": "words",
        },
        {*SMALL, "model.safetensors"},
    ),
    (
        {**SMALL, "model.safetensors.index.json": index("one.safetensors"), "one.safetensors": "w"},
        {*SMALL, "model.safetensors.index.json", "one.safetensors"},
    ),
    (
        {
            **SMALL,
            "pytorch_model.bin": "w",
            "optimizer.bin": "state",
            "qwen.tiktoken": "vocabulary",
        },
        {*SMALL, "pytorch_model.bin", "qwen.tiktoken"},
    ),
]


@pytest.mark.parametrize(("published", "needed"), PUBLISHED)
def test_a_download_is_announced_and_brings_one_kind_of_weights(
    hub: Hub, tmp_path: Path, published: dict[str, str], needed: set[str]
) -> None:
    hub.files = published
    done = find(tmp_path, hub.url)
    assert done.stdout == f"{snapshot(tmp_path)}\n", done.stderr
    assert f"downloading me/small from {hub.url}\n" in done.stderr
    assert set(hub.fetched) == needed


def test_a_model_cached_in_part_is_completed_and_announced(hub: Hub, tmp_path: Path) -> None:
    hub.files = {**SMALL, "model.safetensors": "w"}
    write(snapshot(tmp_path), {"tokenizer_config.json": "{}"})
    done = find(tmp_path, hub.url)
    assert f"downloading me/small from {hub.url}\n" in done.stderr
    assert is_whole(Path(done.stdout.strip()))


def test_a_model_cached_in_part_is_named_where_no_hub_answers(tmp_path: Path) -> None:
    write(snapshot(tmp_path), {"tokenizer_config.json": "{}"})
    closed = "http://127.0.0.1:9"
    done = find(tmp_path, closed)
    assert done.stderr.strip().endswith(
        f"model me/small: only in part in the local cache, and {closed} cannot be reached; "
        "pass the path of a model on disk, or train with --base tiny, a small demo model"
    )


def test_a_repository_without_a_model_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"README.md": "words", "small-q4.gguf": "w"}
    done = find(tmp_path, hub.url)
    assert "model me/small: no model that transformers loads (config, tokenizer" in done.stderr
