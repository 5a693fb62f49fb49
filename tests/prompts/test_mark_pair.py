"""Marks around the pair of re-pair."""

import pytest

from chinchilla.prompts.render import mark_pair

MARKS = {"head_begin": "[", "head_end": "]", "tail_begin": "<", "tail_end": ">"}
CASES = [
    ("甲向乙注资", "甲", "乙", "[甲]向<乙>注资"),
    ("乙由甲控股，甲乙合并", "甲", "乙", "<乙>由[甲]控股，[甲]<乙>合并"),
    ("京东方与京东无关", "京东", "京东方", "<京东方>与[京东]无关"),
    ("甲甲甲", "甲甲", "丙", "[甲甲]甲"),
    ("自己说自己", "自己", "自己", "[自己]说[自己]"),
    ("没有它们", "甲", "乙", "没有它们"),
]


@pytest.mark.parametrize(("text", "head", "tail", "marked"), CASES)
def test_every_mention_of_the_pair_is_marked_once(
    text: str, head: str, tail: str, marked: str
) -> None:
    assert mark_pair(text, head, tail, MARKS) == marked
