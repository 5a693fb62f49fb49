"""Measure whether time grows in step with what is read: at n and at 2n characters or items.

Raw answers of some fifty shapes are read in every answer form as `score` and `predict` read
them, a page is written for documents with many predicted items, and an answer is fetched from a
local server. Each line gives CPU seconds at n and 2n, the best of several rounds, and their
ratio; times under 0.03 seconds count as that. Exits 1 where a ratio is over 3.

    python benchmarks/linear.py [CHARACTERS] [ITEMS]
"""

import gc
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from random import Random

import orjson

from chinchilla.answers import Query, forms
from chinchilla.answers.repair import read_answer
from chinchilla.predict.chat_api import EndpointOptions
from chinchilla.predict.endpoint import Endpoint
from chinchilla.predict.engine import Prompt
from chinchilla.schema import Label, Role, Slot
from chinchilla.score.evaluate import evaluate
from chinchilla.score.page import write_page
from chinchilla.score.rows import read_rows

RATIO, SHORT, LONG, ROUNDS = 3.0, 0.03, 0.5, 2
CHARACTERS, ITEMS, BLOCK = 100_000, 10_000, 500
LETTERS = "甲a1 \n{}[]():：\"'\\,，→"
TEXT = "小米公司在北京宣布裁员，乙公司昨天投资一亿元。" * 4
ROLES = (Role(key="who", name="裁员方"), Role(key="when", name="时间"))
SLOTS = (Slot(key="amount", name="金额"),)
LABELS = (Label(key="ORG", name="组织"), Label(key="LOC", name="地点"))
QUESTIONS = (
    Query("ner", LABELS, empty="无"),
    Query("re", (Label(key="invest", name="投资", slots=SLOTS),), empty="无"),
    Query("re-pair", (Label(key="join", name="合作"),), empty="无", head="甲", tail="乙"),
    Query("ee", (Label(key="fire", name="裁员", roles=ROLES),), empty="无"),
    Query("ner", ()),
)
REPEATED = {
    "letters": "a",
    "chinese letters": "中",
    "digits": "1",
    "dots": ".",
    "dashes": "-",
    "underscores": "_",
    "stars": "*",
    "blanks": " ",
    "ideographic blanks": "\u3000",
    "tabs": "\t",
    "line breaks": "\n",
    "carriage returns": "\r\n",
    "backslashes": "\\",
    "double quotes": '"',
    "single quotes": "'",
    "chinese quotes": "“",
    "closing quotes": "”",
    "corner quotes": "「",
    "back quotes": "`",
    "round brackets": "(",
    "square brackets": "[",
    "curly brackets": "{",
    "full-width brackets": "（",
    "pairs of brackets": "[]",
    "empty objects": "{} ",
    "colons": ":",
    "full-width colons": "：",
    "arrows": "→",
    "half arrows": "->",
    "commas": ",",
    "full-width commas": "，",
    "equals signs": "=",
    "objects in objects": '{"a":',
    "lists in objects": '{"组织": [',
    "objects in lists": "[{",
    "calls in calls": "a(b,",
    "entities": 'Entity(type="组织", text="小米"), ',
    "tuples": "(组织, 小米)\n",
    "brackets and blanks": ")   ",
    "brackets of colons": "投资：A → B（：：：：",
    "lines": "组织：小米\n",
    "relations": "投资：A → B（金额：1）\n",
    "arguments": "- 裁员方：某\n",
    "keys": '"组织": ["小米"], ',
    "answers": '{"组织": ["小米"]}\n',
    "answers in prose": '答案：{"组织": ["小米"]}\n说明：没有。\n',
    "strings in strings": '["[\\"',
    "quotes after commas": '","',
    "escapes": "\\u7406",
    "escapes in strings": '"\\\\u7406", ',
    "half surrogates": "\ud83d",
    "combining characters": "e\u0301",
    "entities of HTML": "&quot;",
    "fences": "```json\n",
    "thoughts": "<think>甲</think>",
    "nothing": "无\n",
    "quoted lines": '"组织：小米"\n',
}
IN_FRONT = {
    "unterminated string": ('{"组织": ["', "小米"),
    "string of escapes": ('{"组织": ["', '\\"'),
    "valid list": ('{"组织": [', '"小米", '),
    "event of many arguments": ("裁员：裁\n", "- 裁员方：某\n"),
    "tuple of many arguments": ("(裁员, 裁", ",裁员方=某"),
    "tuple of many commas": ("(裁员, 裁, 裁员方=某", ",x"),
    "call of many arguments": (
        'Event(type="裁员", arguments=[',
        'Argument(role="裁员方", text="某"), ',
    ),
    "relation of many slots": ("投资：A → B（", "金额：1；"),
    "same key again": ("{", '"组织": ["小米"], '),
    "letter and blanks": ("a", " "),
    "bracket and blanks": (")", " "),
    "name and blanks": ("组织", "\u3000"),
}


def shapes(size: int) -> Iterator[tuple[str, str]]:
    """Yield the name and the answer of each shape, of about so many characters."""
    for name, part in REPEATED.items():
        yield name, part * (size // len(part))
    for name, (front, part) in IN_FRONT.items():
        yield name, front + part * (size // len(part))
    words = [f"小{chr(0x4E00 + at % 5000)}{at}" for at in range(size // 9)]
    yield "sound json of many items", json.dumps({"组织": words}, ensure_ascii=False)
    yield "sound lines of many items", "\n".join(f"组织：{word}" for word in words)
    for name, marks in (("mixture", "".join(REPEATED)), ("letters and marks", LETTERS)):
        # a block again and again, so that both sizes are of one kind
        block = "".join(Random(7).choices(marks, k=BLOCK))
        yield f"seeded {name}", block * (size // BLOCK)


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a piece of work; the best of several rounds where it is short."""
    best = float("inf")
    # the garbage collector walks everything now and then, by leaps
    gc.disable()
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
        if best > LONG:
            break
    gc.enable()
    return best


def parser(size: int) -> Iterator[tuple[str, float, float]]:
    """Time every shape in every form; the questions take turns."""
    turns = zip(shapes(size), shapes(2 * size), strict=True)
    for turn, ((shape, once), (_, twice)) in enumerate(turns):
        for at, name in enumerate(forms()):
            query = QUESTIONS[(turn + at) % len(QUESTIONS)]

            def read(raw: str, query: Query = query, name: str = name) -> None:
                read_answer(raw, query, name, TEXT)

            yield f"{name}: {shape}", cpu(partial(read, once)), cpu(partial(read, twice))


def page(items: int) -> Iterator[tuple[str, float, float]]:
    """Time scoring with the page for one document of many different predicted items."""
    with tempfile.TemporaryDirectory() as folder:
        once, twice = (partial(score_page, Path(folder), size) for size in (items, 2 * items))
        yield "score and page", cpu(once), cpu(twice)


def score_page(folder: Path, items: int) -> None:
    """Score one document with a page, from files as `score --html` does."""
    text = "".join(chr(0x4E00 + at % 5000) for at in range(items))
    found = [{"type": "组织", "text": f"{text[at : at + 3]}{at}"} for at in range(items)]
    gold = {"id": "1", "text": text, "entities": [{"type": "组织", "text": text[:3]}]}
    files = folder / "gold.jsonl", folder / "pred.jsonl"
    for file, row in zip(files, (gold, {"id": "1", "entities": found}), strict=True):
        file.write_bytes(orjson.dumps(row))
    write_page(evaluate(*(read_rows(file, "ner") for file in files)), folder / "page.html")


class Handler(BaseHTTPRequestHandler):
    """Answer each request with as many letters as it asks for tokens."""

    def do_POST(self) -> None:
        """Send a chat completion."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choice = {"message": {"content": '"\\' * (asked["max_tokens"] // 2)}}
        body = orjson.dumps({"choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def client(size: int) -> Iterator[tuple[str, float, float]]:
    """Time fetching an answer from a local server; its CPU time is counted too."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"

        def fetch(length: int) -> None:
            options = EndpointOptions(base_url=url, model="made", max_tokens=length)
            answer = next(iter(Endpoint(options).answers([Prompt("1", "?")])))
            assert len(answer.raw) == length

        yield "endpoint", cpu(partial(fetch, size)), cpu(partial(fetch, 2 * size))
        server.shutdown()


def main(characters: int = CHARACTERS, items: int = ITEMS) -> int:
    """Print a line for each measurement; return 1 where one grows too fast."""
    slow = 0
    for name, once, twice in chain(parser(characters), page(items), client(characters)):
        ratio = twice / max(once, SHORT)
        verdict = "ok" if ratio <= RATIO else "TOO SLOW"
        slow += ratio > RATIO
        print(f"{once:8.3f} {twice:8.3f} {ratio:6.2f} {verdict:8} {name}", flush=True)
    print(f"{slow} grow faster than {RATIO:g} times for twice as much")
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
