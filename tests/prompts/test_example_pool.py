"""Examples come from train, balanced, and are never the record nor nearly the record."""

import pickle
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.corpus import find as catalogue
from chinchilla.errors import ConfigError
from chinchilla.prompts.few_shot import (
    NEAR_DUPLICATE,
    DemonstrationPool,
    PoolSize,
    jaccard,
    trigrams,
)
from chinchilla.prompts.queries import labels_of
from chinchilla.schema import Entity, Label, Record
from chinchilla.tally import Tally

TYPES = ["人名", "地名", "机构"]
LABELS = [Label(key=name, name=name) for name in TYPES]


def words(seed: int, length: int = 20) -> str:
    """Return random Chinese characters, so that no two texts are near-duplicates."""
    rng = Random(seed)
    return "".join(chr(0x4E00 + rng.randrange(8000)) for _ in range(length))


def record(number: int, types: Sequence[str] = (), text: str | None = None, **fields) -> Record:
    text = words(number) if text is None else text
    entities = [Entity(type=name, text=text[0], start=0, end=1) for name in types]
    known = {"id": f"x-train-{number:06d}", "source": "x", "split": "train", "task": "ner"}
    return Record.model_validate({**known, "text": text, "entities": entities, **fields})


def many(count: int = 120) -> list[Record]:
    """Return records with one label, two labels and none, in turn."""
    kinds = [TYPES[:1], TYPES[1:2], TYPES[2:], TYPES[:2], []]
    return [record(number, kinds[number % 5]) for number in range(count)]


def ids(records: Sequence[Record]) -> list[str]:
    return [one.id for one in records]


def test_the_same_chance_draws_the_same_examples_whatever_the_order_of_the_records() -> None:
    size = PoolSize(per_label=8)
    pool = DemonstrationPool(many(), 7, size)
    backwards = DemonstrationPool(reversed(many()), 7, size)
    drawn = ids(pool.draw(record(900), LABELS, 5, Random("1-x")))
    assert len(set(drawn)) == 5
    for other in (backwards, pickle.loads(pickle.dumps(pool))):
        assert ids(other.draw(record(900), LABELS, 5, Random("1-x"))) == drawn
    assert ids(pool.draw(record(900), LABELS, 5, Random("2-x"))) != drawn
    other_seed = DemonstrationPool(many(), 8, size)
    assert ids(other_seed.draw(record(900), LABELS, 5, Random("1-x"))) != drawn


def test_a_pool_keeps_no_more_records_than_it_may() -> None:
    assert len(DemonstrationPool(many(1000), 1, PoolSize(per_label=8))) <= 4 * 8
    assert len(DemonstrationPool(many(), 1, PoolSize(per_label=1000))) == 120


def test_every_record_has_the_same_chance_to_be_kept() -> None:
    kept = Counter[str]()
    everything = [record(number, ["人名"]) for number in range(40)]
    for seed in range(200):
        pool = DemonstrationPool(everything, seed, PoolSize(per_label=10))
        kept.update(ids(pool.draw(record(900), LABELS, 40, Random(seed))))
    assert len(kept) == 40
    assert kept.total() == 200 * 10
    assert 20 < min(kept.values()) <= max(kept.values()) < 85


def test_long_texts_are_counted_and_short_ones_preferred() -> None:
    texts = [record(number, ["人名"], words(number, 10 + number)) for number in range(100)]
    pool = DemonstrationPool(texts, 1, PoolSize(per_label=200, length=79))
    assert (len(pool), pool.too_long) == (70, 30)
    drawn = [pool.draw(record(900), LABELS, 1, Random(seed))[0] for seed in range(50)]
    assert sum(len(one.text) for one in drawn) / 50 < 35
    assert len({one.id for one in drawn}) > 10


def test_labels_are_shown_equally_often() -> None:
    pool = DemonstrationPool(many(), 1)
    for seed in range(30):
        shown = Counter(
            label
            for one in pool.draw(record(900), LABELS, 7, Random(seed))
            for label in labels_of(one)
        )
        assert set(shown) == set(TYPES)
        assert max(shown.values()) - min(shown.values()) <= 2


@pytest.mark.parametrize(("k", "nothing"), [(1, 0), (2, 0), (3, 1), (6, 1)])
def test_of_three_or_more_one_has_nothing_to_find(k: int, nothing: int) -> None:
    pool = DemonstrationPool(many(), 1)
    for seed in range(20):
        drawn = pool.draw(record(900), LABELS[:2], k, Random(seed))
        assert len(drawn) == k
        assert sum(not set(labels_of(one)) & set(TYPES[:2]) for one in drawn) == nothing


def test_a_record_with_other_labels_can_be_the_one_with_nothing_to_find() -> None:
    pool = DemonstrationPool([one for one in many() if one.entities], 1)
    drawn = pool.draw(record(900), LABELS[:1], 3, Random(1))
    assert sum("人名" not in labels_of(one) for one in drawn) == 1


def test_a_label_without_examples_leaves_room_for_the_others() -> None:
    pool = DemonstrationPool([record(1, ["人名"]), record(2, ["人名"])], 1)
    assert sorted(ids(pool.draw(record(900), LABELS, 5, Random(1)))) == [
        "x-train-000001",
        "x-train-000002",
    ]
    assert pool.draw(record(900), LABELS[1:2], 2, Random(1)) == []
    assert DemonstrationPool([], 1).draw(record(900), LABELS, 5, Random(1)) == []


SENTENCE = "昨日公司董事会宣布张三出任总经理，任期三年。"
NEARLY = [
    SENTENCE,
    SENTENCE.replace("董", " \u3000董\n"),
    SENTENCE + "完",
    SENTENCE.replace("三年", "四年"),
]


@pytest.mark.parametrize("text", NEARLY)
def test_a_near_duplicate_is_not_drawn(text: str) -> None:
    pool = DemonstrationPool([record(1, ["人名"], text), record(2, ["人名"])], 1)
    drawn = pool.draw(record(900, ["人名"], SENTENCE), LABELS, 2, Random(1))
    assert ids(drawn) == ["x-train-000002"]


def test_the_record_itself_is_not_drawn_nor_a_window_of_it() -> None:
    whole = record(1, ["人名"], SENTENCE * 2 + words(1, 60))
    pool = DemonstrationPool([whole], 1)
    assert pool.draw(whole, LABELS, 2, Random(1)) == []
    assert pool.draw(record(1, ["人名"], SENTENCE), LABELS, 2, Random(1)) == []


def test_two_examples_are_no_near_duplicates() -> None:
    texts = [record(number, ["人名"], text) for number, text in enumerate(NEARLY)]
    assert len(DemonstrationPool(texts, 1).draw(record(900), LABELS, 3, Random(1))) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"split": "dev"}, "demonstration x-train-000002: the record is dev; "),
        (
            {"labelled": False},
            "demonstration x-train-000002: the record is not labelled; ",
        ),
        (
            {"source": "y"},
            "demonstration x-train-000002: a record of y among those of x; ",
        ),
    ],
)
def test_a_record_that_may_not_be_shown_is_an_error(fields: dict, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        DemonstrationPool([record(1), record(2, **fields)], 1)
    todo = "draw demonstrations from the labelled train records of one source"
    assert str(raised.value) == message + todo


def test_trigrams_leave_white_space_out() -> None:
    assert trigrams("一二 三\u3000四") == {"一二三", "二三四"}
    assert trigrams("一二") == {"一二"}
    assert jaccard(trigrams("一二三四"), trigrams("一二三五")) == 1 / 3


@given(
    st.lists(
        st.tuples(st.text("一二三四", min_size=1, max_size=8), st.sets(st.sampled_from(TYPES)))
    ),
    st.integers(0, 6),
    st.integers(0, 99),
)
def test_no_draw_breaks_a_rule(drawn, k: int, seed: int) -> None:
    known = [record(number, sorted(types), text) for number, (text, types) in enumerate(drawn)]
    asked = known[0] if known else record(900)
    picked = DemonstrationPool(known, seed).draw(asked, LABELS[:2], k, Random(seed))
    assert len(picked) <= k
    shown = [asked, *picked]
    assert len({one.id for one in shown}) == len(shown)
    for place, one in enumerate(shown):
        for other in shown[place + 1 :]:
            assert jaccard(trigrams(one.text), trigrams(other.text)) < NEAR_DUPLICATE
    assert sum(not set(labels_of(one)) & set(TYPES[:2]) for one in picked) <= (k >= 3)


@pytest.mark.real
def test_published_records_draw_examples_of_every_label(published) -> None:
    card = catalogue.load_card("duie", published)
    found = catalogue.find(card, published, None, samples=False)
    assert found is not None
    train = list(catalogue.records(found, "train", Tally()))
    labels = card.label_set(found.edition.name).labels
    pool = DemonstrationPool(train, 1)
    for one in train[:100]:
        batch = Random(one.id).sample(labels, 8)
        drawn = pool.draw(one, batch, 4, Random(f"1-{one.id}"))
        assert len(drawn) == 4
        assert one not in drawn
