"""The command predict: here and at an endpoint, whole and broken off."""

import json
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from commands import good, lines, other_templates, read_run, run

from chinchilla.predict.engine import room_for
from chinchilla.schema import Record


def test_predict_needs_no_gold_and_answers_in_the_exchange_format(
    own_run: Path, tmp_path: Path
) -> None:
    record = lines(own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl")[0]
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(orjson.dumps(record) + b"\n")
    done = good("predict", own_run, "--input", texts)
    [predicted] = [orjson.loads(line) for line in done.stdout.splitlines()]
    answers = predicted.pop("answers")
    assert Record.model_validate(predicted | {"relations": []}).id == record["id"]
    assert len(answers) == len({(one["head"], one["tail"]) for one in _pairs(record)})


def _pairs(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [*record["relations"], *record.get("na_pairs", [])]


def test_predict_on_error_count_leaves_out_and_counts_what_cannot_be_asked(
    own_run: Path, tmp_path: Path
) -> None:
    gold = lines(own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl")
    long = gold[1] | {"text": gold[1]["text"] * 200, "id": "long"}
    texts = tmp_path / "texts.jsonl"
    texts.write_bytes(b"\n".join([orjson.dumps(gold[0]), b"{", orjson.dumps(long)]))
    stopped = run("predict", own_run, "--input", texts)
    assert str(stopped.exception).startswith(f"{texts}:2: not JSON (")
    done = good("predict", own_run, "--input", texts, "--on-error", "count")
    assert [orjson.loads(line)["id"] for line in done.stdout.splitlines()] == [gold[0]["id"]]
    refused = [line for line in done.stderr.splitlines() if line.startswith("refused ")]
    assert [line.partition(" (")[0] for line in refused[:1]] == [
        f"refused bad-line: 1, first {texts}:2: not JSON"
    ]
    assert refused[1].startswith("refused too-long: 1, first prompt long")
    assert refused[1].endswith("so that texts are cut to fit")


def test_predict_goes_on_where_it_stopped(own_run: Path, tmp_path: Path) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    out = tmp_path / "found" / "predictions.jsonl"
    good("predict", own_run, "--input", gold, "--out", out)
    before = out.read_bytes()
    again = good("predict", own_run, "--input", gold, "--out", out)
    assert out.read_bytes() == before
    assert "answers, about" not in again.stderr
    assert len(lines(out)) == len(lines(gold))


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": "注资"}
        body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_predict_asks_an_endpoint_with_the_labels_of_a_build(
    built: Path, own_run: Path, endpoint: str, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    done = good(
        *("predict", "some-model", "--base-url", endpoint, "--processed", built, "--input", gold)
    )
    predicted = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert {one["predicate"] for record in predicted for one in record["relations"]} == {"注资"}
    assert {one["status"] for record in predicted for one in record["answers"]} == {"ok"}


def test_predict_asks_an_endpoint_for_a_run_by_the_name_it_has_there(
    own_run: Path, endpoint: str, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    command = ("predict", own_run, "--base-url", endpoint, "--input", gold)
    assert str(run(*command).exception) == (
        f"{own_run}: a run, and the endpoint knows no runs; "
        "pass --model-name with the name that the server gives it"
    )
    out = tmp_path / "found.jsonl"
    good(*command, "--model-name", "mine", "--out", out)
    assert lines(Path(f"{out}.answers"))[0]["model"] == "mine"


def test_a_run_at_an_endpoint_may_answer_as_long_as_it_was_trained_to(
    own_run: Path, endpoint: str, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    out = tmp_path / "found.jsonl"
    command = ("predict", own_run, "--base-url", endpoint, "--model-name", "m", "--input", gold)
    good(*command, "--out", out)
    header = lines(tmp_path / "found.jsonl.answers")[0]
    longest = read_run(own_run)["longest_answer"]
    assert header["options"]["max_tokens"] == room_for(longest) < 100


def test_predict_takes_no_other_build_than_that_of_the_run(
    own_run: Path, built: Path, tmp_path: Path
) -> None:
    gold = own_run / "evals" / "step-000006" / "finre-re-pair" / "gold.jsonl"
    other = other_templates(built, tmp_path / "other")
    done = run("predict", own_run, "--input", gold, "--processed", other)
    assert str(done.exception) == (
        f"{other}: not the build that this run was trained on (another manifest); "
        "leave --processed out, or name that build"
    )


def test_on_error_count_counts_a_title_that_leaves_no_room(
    built: Path, endpoint: str, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(built, cut)
    path = cut / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    manifest["config"]["windows"] |= {"max_chars": 600}
    path.write_bytes(orjson.dumps(manifest))
    texts = tmp_path / "texts.jsonl"
    pair = {"head": "甲", "tail": "乙", "predicate": "注资", "head_start": 0, "tail_start": 1}
    record = {"text": "甲乙", "relations": [pair]}
    long = record | {"title": "很长" * 600, "id": "long"}
    texts.write_bytes(orjson.dumps(record) + b"\n" + orjson.dumps(long))
    command = ("predict", "m", "--base-url", endpoint, "--processed", cut, "--input", texts)
    assert "(long): the prompt alone takes" in str(run(*command).exception)
    done = good(*command, "--on-error", "count")
    assert [orjson.loads(line)["id"] for line in done.stdout.splitlines()] == ["line-000001"]
    assert "refused too-long: 1, first windows (long): " in done.stderr


def test_vllm_is_asked_as_a_server_and_the_error_says_how(tmp_path: Path) -> None:
    done = run("predict", "m", "--engine", "vllm", "--input", tmp_path / "texts.jsonl")
    assert "run `vllm serve MODEL`, and pass --engine openai --base-url " in str(done.exception)
    assert "[transformers|openai]" in good("predict", "--help").stdout
