"""A source of one's own by a card alone, and the command line that is run on it."""

from pathlib import Path

from click.testing import CliRunner, Result

from chinchilla.cli import cli

CARD = """title = "我的数据"
task = "ner"
[[editions]]
splits.train = ["train.json"]
[mapping]
text = "text"
offsets = "end-exclusive"
entities = { list = "label", type = "2", start = "0", end = "1" }
[labels]
PER = { name = "人名" }
"""
ROW = '{"text": "张三来了", "label": [[0, 2, "PER"]]}\n'


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])
