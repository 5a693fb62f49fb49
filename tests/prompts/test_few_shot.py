"""Examples of what a prompt gives: a pair of the example's own, an event of its own."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from chinchilla.answers import Query, target
from chinchilla.corpus import find as catalogue
from chinchilla.export.round_trip import items
from chinchilla.prompts.few_shot import (
    NEAR_DUPLICATE,
    DemonstrationPool,
    PromptExample,
    draw_examples,
    jaccard,
    trigrams,
    write_example,
)
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.render import Prompter
from chinchilla.schema import Record
from chinchilla.tally import Tally

K = 3
GIVEN = [("finre", "re-pair"), ("sanwen", "re-pair"), ("duie", "re-pair")]
GIVEN += [("duee", "ee-argument"), ("duee_fin", "ee-argument"), ("iree", "ee-argument")]


class Sample:
    """The sample of a source: its records, its train pool, a prompter that shows examples."""

    def __init__(self, raw: Path, source: str, subtask: str) -> None:
        card = catalogue.load_card(source, raw)
        found = catalogue.find(card, raw)
        self.labels = card.label_set(found.edition.name)
        self.train = list(catalogue.records(found, "train", Tally()))
        self.dev = list(catalogue.records(found, "dev", Tally()))
        self.pool = DemonstrationPool(self.train, 1)
        options = PromptOptions(subtasks=(subtask,), demonstrations=K, labels_per_prompt=6)
        self.prompter = Prompter(self.labels, 1, options, pool=self.pool)

    def examples(self, record: Record) -> list[tuple[Query, list[PromptExample]]]:
        return [
            (ask.query, draw_examples(self.pool, record, ask.query, K, Random(ask.id)))
            for ask in self.prompter.queries_of_record(record)
        ]


@pytest.mark.parametrize(("source", "subtask"), GIVEN)
def test_an_example_is_of_train_has_its_own_gold_and_is_not_nearly_the_record(
    tmp_path, source, subtask
) -> None:
    sample = Sample(tmp_path, source, subtask)
    texts = {record.id: record.text for record in sample.train}
    seen = 0
    for record in sample.train[:20] + sample.dev[:20]:
        for query, examples in sample.examples(record):
            shown = [record.text, *(one.record.text for one in examples)]
            for place, text in enumerate(shown):
                for other in shown[place + 1 :]:
                    assert jaccard(trigrams(text), trigrams(other)) < NEAR_DUPLICATE
            for one in examples:
                seen += 1
                assert texts[one.record.id] == one.record.text
                assert one.record.id != record.id
                assert one.query.keys == query.keys
                assert items(one.content) == items(target(one.record, one.query))
    assert seen > 3


@pytest.mark.parametrize("source", ["finre", "sanwen", "duie"])
def test_the_pair_of_an_example_is_in_its_text(tmp_path, source) -> None:
    sample = Sample(tmp_path, source, "re-pair")
    negative = Counter()
    for record in sample.dev[:20]:
        for query, examples in sample.examples(record):
            found = []
            for one in examples:
                assert one.query.head in one.record.text
                assert one.query.tail in one.record.text
                relations = one.record.relations + one.record.na_pairs
                pair = (one.query.head, one.query.tail)
                assert pair in {(item.head, item.tail) for item in relations}
                found += [item.predicate for item in one.content.relations]
            na = [key for key in found if query.na is not None and key == query.na.key]
            negative[len(na)] += 1
            assert max(Counter(found).values(), default=0) <= 2
    # of three examples one is a negative pair, where the source annotates them
    assert set(negative) <= ({0} if sample.labels.na is None else {0, 1})
    assert sample.labels.na is None or negative[1] > negative[0]


@pytest.mark.parametrize("source", ["duee", "duee_fin", "iree"])
def test_the_event_of_an_example_is_of_the_type_asked_for(tmp_path, source) -> None:
    sample = Sample(tmp_path, source, "ee-argument")
    for record in sample.dev[:20]:
        for query, examples in sample.examples(record):
            for one in examples:
                wanted = (query.event.key, one.query.trigger)
                assert wanted in {(e.event_type, e.trigger) for e in one.record.events}


def test_an_example_is_worded_with_what_it_gives(tmp_path: Path) -> None:
    sample = Sample(tmp_path, "finre", "re-pair")
    row = next(map(sample.prompter.row, sample.prompter.queries_of_record(sample.dev[0])))
    intro, *shown = row.instruction.split("\n\n")[-K - 1 :]
    assert intro == "下面是几个做好的例子，供参考："
    for words in shown:
        fields = [line.split("：")[0] for line in words.split("\n")]
        assert fields == ["文本", "头实体", "尾实体", "答案"]
    label = catalogue.load_card("duee", tmp_path).label_set("default").labels[0]
    query = Query("ee-argument", (label,), event=label)
    assert write_example(query, "文", "{}") == (
        f"文本：文\n事件类型：{label.name}\n触发词：未给出\n答案：{{}}"
    )
