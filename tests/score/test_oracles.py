"""seqeval and nervaluate agree on flat data."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate.evaluator import Evaluator
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from chinchilla.score.counts import ScoreOptions
from chinchilla.score.metrics import METRICS
from chinchilla.score.pairing import Pair
from chinchilla.score.rows import Row, ScoredEntity

LENGTH = 14


@st.composite
def flat(draw: st.DrawFn) -> list[ScoredEntity]:
    """Entities that do not overlap."""
    edges = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=8)))
    spans = zip(edges[::2], edges[1::2], strict=False)
    return [ScoredEntity(draw(st.sampled_from("AB")), "x" * (b - a), a, b) for a, b in spans]


DOCUMENTS = st.lists(st.tuples(flat(), flat()), min_size=1, max_size=5)


def mine(name: str, documents) -> tuple[float, float, float]:
    pairs = [
        Pair(Row(str(at), entities=tuple(gold)), Row(str(at), entities=tuple(pred)))
        for at, (gold, pred) in enumerate(documents)
    ]
    counted = METRICS[name].tally(pairs, ScoreOptions())
    return tuple(counted.rate(counted.columns.sum(axis=0)).tolist())


def tags(items: list[ScoredEntity]) -> list[str]:
    found = ["O"] * LENGTH
    for item in items:
        found[item.start : item.end] = [f"I-{item.type}"] * (item.end - item.start)
        found[item.start] = f"B-{item.type}"
    return found


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_span_set_is_seqeval_on_flat_data(documents) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = precision_recall_fscore_support(
            [tags(gold) for gold, _ in documents],
            [tags(pred) for _, pred in documents],
            average="micro",
        )
    assert mine("ner_span_set", documents) == pytest.approx([float(x) for x in wanted[:3]])


def overlaps(one: ScoredEntity, other: ScoredEntity) -> bool:
    return one.start < other.end and other.start < one.end


def lonely(document) -> bool:
    """Each entity overlaps at most one of the other side: no order can matter."""
    gold, pred = document
    return all(sum(overlaps(a, b) for b in pred) < 2 for a in gold) and all(
        sum(overlaps(a, b) for a in gold) < 2 for b in pred
    )


def spans(items: list[ScoredEntity]) -> list[dict[str, object]]:
    # its ends are inclusive
    return [{"label": one.type, "start": one.start, "end": one.end - 1} for one in items]


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("ner_span", "strict"),
        ("ner_exact", "exact"),
        ("ner_partial", "partial"),
        ("ner_type", "ent_type"),
    ],
)
@settings(max_examples=80, deadline=None)
@given(documents=st.lists(st.tuples(flat(), flat()).filter(lonely), min_size=1, max_size=5))
def test_overlap_metrics_are_nervaluate_where_order_is_without_effect(
    name: str, strategy: str, documents
) -> None:
    golds = [spans(gold) for gold, _ in documents]
    preds = [spans(pred) for _, pred in documents]
    evaluator = Evaluator(golds, preds, tags=["A", "B"], loader="dict")
    found = evaluator.evaluate()["overall"][strategy]
    right = found.correct + (0.5 * found.partial if strategy == "partial" else 0)
    precision = right / found.actual if found.actual else 0
    recall = right / found.possible if found.possible else 0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    assert mine(name, documents) == pytest.approx((precision, recall, f1))


def test_overlap_metrics_are_the_same_for_every_order() -> None:
    gold = [ScoredEntity("A", "xxxx", 0, 4), ScoredEntity("B", "xxxx", 4, 8)]
    pred = [ScoredEntity("B", "xxxx", 2, 6), ScoredEntity("A", "xx", 0, 2)]
    for one in (gold, gold[::-1]):
        for other in (pred, pred[::-1]):
            assert mine("ner_type", [(one, other)]) == (1, 1, 1)
            # both overlap: 2 x 0.5 of 2
            assert mine("ner_partial", [(one, other)]) == (0.5, 0.5, 0.5)
