"""DuIE's aliases and titles, pair classification, NA."""

from pathlib import Path

import pytest

from chinchilla.errors import InputError
from chinchilla.score.counts import ScoreOptions
from chinchilla.score.metrics import METRICS
from chinchilla.score.metrics.duie import normal, read_alias
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredRelation


def pair(
    gold: list[ScoredRelation],
    pred: list[ScoredRelation],
    negatives: tuple[ScoredRelation, ...] = (),
) -> Pair:
    return Pair(
        Row("a", relations=tuple(gold), na_pairs=negatives), Row("a", relations=tuple(pred))
    )


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("《Ab》", "ab"),
        ("《《x》》", "《x》"),
        ("《x", "《x"),
        ("x》", "x》"),
        ("《》", ""),
        ("Ａ", "ａ"),
    ],
)
def test_titles_lose_one_pair_of_marks_and_case(words: str, wanted: str) -> None:
    assert normal(words) == wanted


def alias_file(folder: Path, lines: str) -> dict[str, frozenset[str]]:
    path = folder / "alias.tsv"
    path.write_text(lines, encoding="utf-8")
    return read_alias(path)


ONE_WAY, TWO_WAY = "big\tlarge\n", "big\tlarge\nlarge\tbig\n"
ALIASES = [
    # subject by alias: precision looks up the predicted name, recall the gold one
    (ONE_WAY, ScoredRelation("p", "Big", "t"), ScoredRelation("p", "large", "t"), (0, 1)),
    (ONE_WAY, ScoredRelation("p", "large", "t"), ScoredRelation("p", "Big", "t"), (1, 0)),
    (TWO_WAY, ScoredRelation("p", "Big", "t"), ScoredRelation("p", "large", "t"), (1, 1)),
    # objects must be known both ways
    (ONE_WAY, ScoredRelation("p", "h", "big"), ScoredRelation("p", "h", "large"), (0, 0)),
    (TWO_WAY, ScoredRelation("p", "h", "big"), ScoredRelation("p", "h", "large"), (1, 1)),
    (TWO_WAY, ScoredRelation("p", "h", "big"), ScoredRelation("q", "h", "large"), (0, 0)),
]


@pytest.mark.parametrize(("lines", "gold", "pred", "wanted"), ALIASES)
def test_aliases_count_as_the_script_counts_them(tmp_path, lines, gold, pred, wanted) -> None:
    options = ScoreOptions(alias=alias_file(tmp_path, lines))
    found = METRICS["duie_official"].tally([pair([gold], [pred])], options)
    assert (found.totals.tp, found.more["tp_recall_side"]) == wanted


def test_aliases_of_one_triple_are_duplicates(tmp_path: Path) -> None:
    options = ScoreOptions(alias=alias_file(tmp_path, TWO_WAY))
    pred = [ScoredRelation("p", "big", "t"), ScoredRelation("p", "large", "t")]
    found = METRICS["duie_official"].tally([pair(pred[:1], pred)], options)
    assert found.totals == (1, 1, 1)


def test_a_missing_or_further_slot_is_wrong() -> None:
    full = ScoredRelation("p", "h", "t", tail_slots={"inWork": "《W》"})
    same = ScoredRelation("p", "h", "t", tail_slots={"inWork": "w"})
    bare = ScoredRelation("p", "h", "t", tail_slots={})
    tally = METRICS["duie_official"].tally
    assert tally([pair([full], [same])], ScoreOptions()).totals == (1, 1, 1)
    assert tally([pair([full], [bare])], ScoreOptions()).totals == (0, 1, 1)
    assert tally([pair([bare], [full])], ScoreOptions()).totals == (0, 1, 1)


def test_of_a_name_twice_in_the_alias_file_the_last_line_holds(tmp_path: Path) -> None:
    found = alias_file(tmp_path, "big\tlarge\n\nBIG\tHuge\tvast\n")
    assert found == {"big": frozenset({"huge", "vast"})}


def test_an_alias_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_alias(tmp_path / "none.tsv")


def guess(label: str, head: str, score: float | None = None) -> ScoredRelation:
    return ScoredRelation(label, head, "t", score=score)


def test_pair_classification_counts_instances() -> None:
    gold = [guess("p", "a"), guess("q", "a"), guess("p", "b"), guess("unknown", "c")]
    negatives = (guess("unknown", "d"),)
    pred = [guess("q", "a", 0.9), guess("q", "b", 0.8), guess("p", "c", 0.7), guess("p", "d", 0.6)]
    found = METRICS["chinese_nre_official"].tally([pair(gold, pred, negatives)], ScoreOptions())
    # right: a; predicted: a b c d; gold: a b
    assert found.totals == (1, 4, 2)
    # points (recall, precision): (.5, 1) (.5, .5) (.5, .33) (.5, .25): no width, no area
    assert found.more == {"auc": 0.0, "accuracy": 0.25}


def test_the_area_is_that_of_trapezoids_from_the_first_point_on() -> None:
    gold = [guess("p", head) for head in "abcd"]
    pred = [guess("p", "a", 0.9), guess("q", "b", 0.8), guess("p", "c", 0.7), guess("p", "d", 0.6)]
    found = METRICS["chinese_nre_official"].tally([pair(gold, pred)], ScoreOptions())
    # (1/4, 1) (1/4, 1/2) (2/4, 2/3) (3/4, 3/4): (1/2 + 2/3) / 2 / 4 + (2/3 + 3/4) / 2 / 4
    assert found.more["auc"] == pytest.approx((1 / 2 + 2 / 3) / 8 + (2 / 3 + 3 / 4) / 8)


def test_the_area_is_null_where_a_score_is_missing() -> None:
    found = METRICS["chinese_nre_official"].tally(
        [pair([guess("p", "a")], [guess("p", "a")])], ScoreOptions()
    )
    assert found.more == {"auc": None, "accuracy": 1.0}


def test_na_is_no_triple_on_either_side() -> None:
    one = pair([guess("p", "a"), guess("none", "b")], [guess("none", "b"), guess("p", "a")])
    for name in ("re_boundary", "re_boundary_set", "re_strict", "re_strict_set"):
        assert METRICS[name].tally([one], ScoreOptions(na="none")).totals == (1, 1, 1)
