"""Every published record, dumped and parsed back, in every form and sub-task."""

import os
from pathlib import Path

import pytest
from answer_cases import counted

from chinchilla.answers import Query, answer_format, format_names, target
from chinchilla.answers.repair import read_answer
from chinchilla.corpus import find as catalogue
from chinchilla.tally import Tally

SHARED = Path(os.environ.get("CHINCHILLA_SHARED", Path(__file__).resolve().parents[3] / "shared"))
DATA = SHARED / "data"


def make(subtask, first, second, labels):
    if subtask == "re-pair":
        return Query(subtask, labels.labels, labels.na, "无", first, second)
    if subtask == "ee-argument":
        return Query(subtask, (), empty="无", event=labels.by_key[first], trigger=second)
    return Query(subtask, labels.labels, empty="无")


def queries(record, labels, known):
    """Yield what is asked of a record; `known` keeps questions that come again."""

    def ask(*parts):
        if parts not in known:
            known[parts] = make(*parts, labels)
        return known[parts]

    yield ask(record.task, None, None)
    if record.task == "ee":
        yield ask("ee-trigger", None, None)
        for key, trigger in sorted({(e.event_type, e.trigger) for e in record.events}):
            yield ask("ee-argument", key, trigger)
    if record.task == "re":
        pairs = sorted({(r.head, r.tail) for r in record.relations + record.na_pairs})
        for head, tail in pairs:
            yield make("re-pair", head, tail, labels)


@pytest.mark.real
@pytest.mark.parametrize("source", sorted(catalogue.card_paths(DATA)))
def test_the_gold_of_every_record_can_be_read_back(source):
    if not DATA.is_dir():
        pytest.skip(f"no published data: {DATA} (set CHINCHILLA_SHARED)")
    card = catalogue.load_card(source, DATA)
    found = catalogue.find(card, DATA, samples=False)
    if found is None:
        pytest.skip(f"{source} is not under {DATA}")
    labels = card.label_set(found.edition.name)
    done, known = 0, {}
    for split in found.files:
        for record in catalogue.records(found, split, Tally(forgiving=True)):
            if not record.labelled:
                continue
            for query in queries(record, labels, known):
                done += 1
                check(record, query, thorough=done % 50 == 0)
    assert done


def check(record, query, thorough):
    gold = target(record, query)
    wanted = counted(gold)
    if not wanted and not thorough:
        return  # nothing found reads the same everywhere; test_forms writes it out
    for name in format_names():
        answer = answer_format(name).dump(gold, query)
        assert counted(answer_format(name).parse(answer, query)) == wanted, (
            record.id,
            name,
            answer,
        )
        if thorough:
            text = f"{record.title}\n{record.text}" if record.title else record.text
            reading = read_answer(answer, query, name, text)
            assert counted(reading.content) == wanted, (record.id, name, answer)
            assert reading.status == ("ok" if wanted else "ok_empty"), (record.id, name, answer)
