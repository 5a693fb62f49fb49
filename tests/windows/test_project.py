"""Gold goes to the windows that hold it, is counted where none does, and comes back."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from window_cases import merge_windows

from chinchilla.answers import Content, Query, answer_format, target
from chinchilla.corpus import find as catalogue
from chinchilla.schema import Argument, Entity, Event, Record, Relation
from chinchilla.spans import occurrences
from chinchilla.tally import Tally
from chinchilla.windows.merge import Answered, merge_answers
from chinchilla.windows.project import WindowedRecord, window_records
from chinchilla.windows.split import characters, cut_windows

TEXT = "王芳入职甲公司。李雷离开乙公司。昨日甲公司裁员，涉及李雷。"
HALVES = [(0, 16), (16, 29)]


def record(**fields) -> Record:
    known = {"id": "x-train-000001", "source": "x", "split": "train", "task": "ee", "text": TEXT}
    return Record.model_validate({**known, **fields})


def layoff(trigger_start: int | None = 21, **fields) -> dict:
    arguments = [
        {"role": "公司", "text": "甲公司", "start": 18, "end": 21},
        {"role": "离职", "text": "王芳", "start": 0, "end": 2},
        {"role": "标题", "text": "快讯", "where": "title"},
    ]
    known = {"event_type": "裁员", "trigger": "裁员", "trigger_start": trigger_start}
    return {**known, "arguments": arguments, **fields}


def told(windowed: WindowedRecord) -> list[list[list[str | None]]]:
    """List the events of each window: trigger, then arguments."""
    return [
        [[event.trigger, *(one.text for one in event.arguments)] for event in window.record.events]
        for window in windowed.windows
    ]


def test_a_located_item_goes_to_the_window_that_has_its_place() -> None:
    first = {"type": "公司", "text": "甲公司", "start": 4, "end": 7}
    second = {"type": "公司", "text": "甲公司", "start": 18, "end": 21}
    windowed = window_records(record(entities=[first, second]), HALVES, "keep")
    assert [window.record.text for window in windowed.windows] == [TEXT[:16], TEXT[16:]]
    assert [window.record.entities for window in windowed.windows] == [
        (Entity(**first),),
        (Entity(type="公司", text="甲公司", start=2, end=5),),
    ]
    assert windowed.counts == Counter()


def test_an_item_without_offsets_goes_to_every_window_it_occurs_in() -> None:
    entities = [{"type": "公司", "text": "甲公司"}, {"type": "人", "text": "王芳"}]
    windowed = window_records(record(entities=entities), HALVES, "keep")
    assert [[one.text for one in window.record.entities] for window in windowed.windows] == [
        ["甲公司", "王芳"],
        ["甲公司"],
    ]
    assert [window.origins.entities for window in windowed.windows] == [(0, 1), (0,)]


def test_an_item_in_a_shared_sentence_is_in_both_windows() -> None:
    entity = {"type": "人", "text": "李雷", "start": 8, "end": 10}
    windowed = window_records(record(entities=[entity]), [(0, 16), (8, 29)], "keep")
    assert [window.record.entities[0].start for window in windowed.windows] == [8, 0]
    assert merge_windows(windowed.windows).entities == (Entity(**entity),)


@pytest.mark.parametrize("key", ["relations", "na_pairs"])
def test_a_relation_goes_where_its_ends_and_slots_are(key: str) -> None:
    name = {"relations": "relation", "na_pairs": "na-pair"}[key]
    together = {"predicate": "离开", "head": "李雷", "tail": "乙公司", "tail_start": 12}
    slots = {"predicate": "入职", "head": "王芳", "tail": "甲公司", "tail_slots": {"日": "昨日"}}
    cut = {"predicate": "入职", "head": "芳入职甲", "head_start": 1, "tail": "甲公司"}
    items = [together, slots, cut]
    windowed = window_records(record(**{key: items}), [(0, 3), (3, 16), (16, 29)], "keep")
    assert [getattr(window.origins, key) for window in windowed.windows] == [(), (0,), ()]
    assert getattr(windowed.windows[1].record, key)[0].tail_start == 9
    assert windowed.counts == {f"{name}-apart": 1, f"{name}-cut": 1}


def test_an_entity_across_a_cut_is_counted() -> None:
    entity = {"type": "公司", "text": "甲公司", "start": 4, "end": 7}
    windowed = window_records(record(entities=[entity]), [(0, 5), (5, 29)], "keep")
    assert windowed.counts == {"entity-cut": 1}


POLICIES = [
    ("keep", layoff(), [[], [["裁员", "甲公司", "快讯"]]], {"event-kept": 1, "argument-apart": 1}),
    (
        "split",
        layoff(),
        [[[None, "王芳", "快讯"]], [["裁员", "甲公司", "快讯"]]],
        {"event-split": 1},
    ),
    (
        "drop",
        layoff(),
        [[], []],
        {"event-dropped": 1, "argument-dropped": 3, "trigger-dropped": 1},
    ),
]


@pytest.mark.parametrize(("policy", "event", "expected", "counts"), POLICIES)
def test_an_event_over_two_windows_is_handled_as_asked(policy, event, expected, counts) -> None:
    windowed = window_records(record(title="快讯", events=[event]), HALVES, policy)
    assert told(windowed) == expected
    assert windowed.counts == counts
    assert [window.record.title for window in windowed.windows] == ["快讯", "快讯"]


def test_an_event_without_located_trigger_is_kept_where_most_arguments_are() -> None:
    arguments = [{"role": "人", "text": name} for name in ("王芳", "乙公司", "昨日")]
    event = layoff(None, arguments=arguments)
    windowed = window_records(record(events=[event]), HALVES, "keep")
    assert told(windowed) == [[[None, "王芳", "乙公司"]], []]
    assert windowed.counts == {"event-kept": 1, "argument-apart": 1, "trigger-apart": 1}


def test_an_event_that_one_window_holds_whole_is_in_no_other() -> None:
    arguments = [{"role": "公司", "text": "甲公司"}, {"role": "人", "text": "李雷"}]
    windowed = window_records(record(events=[layoff(None, arguments=arguments)]), HALVES, "split")
    assert told(windowed) == [[], [["裁员", "甲公司", "李雷"]]]


def test_an_event_of_which_nothing_fits_is_counted() -> None:
    event = layoff(arguments=[{"role": "标题", "text": "快讯", "where": "title"}])
    windowed = window_records(record(title="快讯", events=[event]), [(0, 22), (22, 29)], "split")
    assert told(windowed) == [[], []]
    assert windowed.counts == {"event-cut": 1, "argument-cut": 1, "trigger-cut": 1}


@st.composite
def quotes(draw, text: str, located: bool | None = None) -> tuple[str, int | None, int | None]:
    """Draw a string of the text, with its offsets or without."""
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, min(len(text), start + 3)))
    keep = draw(st.booleans()) if located is None else located
    return text[start:end], start if keep else None, end if keep else None


@st.composite
def events(draw, text: str, located: bool | None) -> Event:
    words, start, _ = draw(quotes(text, located))
    named = draw(st.booleans())
    drawn = draw(st.lists(quotes(text, located), max_size=4))
    roles = st.sampled_from(["甲", "乙"])
    arguments = [Argument(role=draw(roles), text=w, start=s, end=e) for w, s, e in drawn]
    if draw(st.booleans()):
        arguments.append(Argument(role="题", text="题目", where="title"))
    return Event(
        event_type=draw(roles),
        trigger=words if named else None,
        trigger_start=start if named else None,
        arguments=tuple(arguments),
    )


@st.composite
def relations(draw, text: str, located: bool | None) -> Relation:
    head, tail = draw(quotes(text, located)), draw(quotes(text, located))
    slots = {"槽": draw(quotes(text, False))[0]} if draw(st.booleans()) else {}
    return Relation(
        predicate=draw(st.sampled_from(["甲", "乙"])),
        head=head[0],
        head_start=head[1],
        tail=tail[0],
        tail_start=tail[1],
        tail_slots=slots,
    )


@st.composite
def records(draw, located: bool | None = None) -> Record:
    text = draw(st.text("一二三。，", min_size=1, max_size=30))
    spans = draw(st.lists(quotes(text, located), max_size=5))
    return record(
        text=text,
        title="题目",
        entities=[Entity(type="甲", text=w, start=s, end=e) for w, s, e in spans],
        relations=draw(st.lists(relations(text, located), max_size=4)),
        na_pairs=draw(st.lists(relations(text, located), max_size=2)),
        events=draw(st.lists(events(text, located), max_size=4)),
    )


BUDGETS = st.tuples(st.integers(3, 12), st.integers(0, 11)).map(
    lambda both: (both[0], both[1] % both[0])
)
RULES = st.sampled_from(["keep", "split", "drop"])


def windowed_at(record: Record, budget: tuple[int, int], policy) -> WindowedRecord:
    return window_records(record, cut_windows(record.text, *budget, characters), policy)


def gold(record: Record) -> Content:
    return Content(record.entities, record.relations, record.events)


def strings(events) -> tuple[int, int]:
    """Count the arguments and the triggers of events."""
    arguments = sum(len(event.arguments) for event in events)
    return arguments, sum(event.trigger is not None for event in events)


def assert_nothing_lost(record: Record, windowed: WindowedRecord) -> None:
    """Assert that what is not in a window is in the counts, to the last argument."""
    counts, merged = windowed.counts, merge_windows(windowed.windows)

    def lost(kind: str) -> int:
        return sum(times for reason, times in counts.items() if reason.rpartition("-")[0] == kind)

    assert len(merged.entities) + lost("entity") == len(record.entities)
    assert len(merged.relations) + lost("relation") == len(record.relations)
    pairs = {place for window in windowed.windows for place in window.origins.na_pairs}
    assert len(pairs) + lost("na-pair") == len(record.na_pairs)
    gone = counts["event-cut"] + counts["event-dropped"]
    assert len(merged.events) + gone == len(record.events)
    arguments, triggers = strings(record.events)
    assert strings(merged.events) == (arguments - lost("argument"), triggers - lost("trigger"))


@given(records(), BUDGETS, RULES)
def test_what_no_window_holds_is_counted(record: Record, budget, policy) -> None:
    assert_nothing_lost(record, windowed_at(record, budget, policy))


@given(records(), BUDGETS, RULES)
def test_merging_the_windows_gives_the_gold_again(record: Record, budget, policy) -> None:
    windowed = windowed_at(record, budget, policy)
    merged, whole = merge_windows(windowed.windows), gold(record)
    lost = {reason for reason, times in windowed.counts.items() if times}
    if lost <= {"event-split"}:
        assert merged == whole
    origins = [window.origins for window in windowed.windows]
    kept = sorted({place for one in origins for place in one.entities})
    assert merged.entities == tuple(whole.entities[place] for place in kept)
    kept = sorted({place for one in origins for place in one.relations})
    assert merged.relations == tuple(whole.relations[place] for place in kept)
    kept = sorted({place for one in origins for place in one.events})
    for place, event in zip(kept, merged.events, strict=True):
        original = whole.events[place]
        assert event.event_type == original.event_type
        assert event.trigger in (None, original.trigger)
        rest = iter(original.arguments)
        assert all(argument in rest for argument in event.arguments)


@given(records(), BUDGETS, RULES)
def test_every_window_that_holds_an_item_has_it(record: Record, budget, policy) -> None:
    for window in windowed_at(record, budget, policy).windows:
        for place, entity in enumerate(record.entities):
            here = range(window.start, window.end - len(entity.text) + 1)
            seen = entity.text in window.record.text
            assert (place in window.origins.entities) == (
                seen if entity.start is None else entity.start in here
            )


def answers(windowed: WindowedRecord) -> list[Answered]:
    return [Answered(one.start, one.end, gold(one.record)) for one in windowed.windows]


def bag(items) -> Counter[str]:
    """Count items, whatever the order in which an event has its arguments."""
    return Counter(
        repr(item.model_copy(update={"arguments": sorted(item.arguments, key=repr)}))
        if isinstance(item, Event)
        else repr(item)
        for item in items
    )


def assert_same(merged: Content, expected: Content) -> None:
    assert [bag(items) for items in merged] == [bag(items) for items in expected]


@given(records(located=True), BUDGETS, st.sampled_from(["keep", "drop"]))
def test_located_gold_as_answers_merges_to_the_gold(record: Record, budget, policy) -> None:
    windowed = windowed_at(record, budget, policy)
    merged = merge_answers(record.text, answers(windowed), policy)
    assert_same(merged, merge_windows(windowed.windows))


@given(records(located=False), BUDGETS, st.sampled_from(["keep", "drop"]))
def test_gold_without_offsets_as_answers_merges_to_the_gold(record, budget, policy) -> None:
    windowed = windowed_at(record, budget, policy)
    merged = merge_answers(record.text, answers(windowed), policy, mentions=False)
    assert_same(merged, merge_windows(windowed.windows))


@given(st.text("一二三。，", min_size=1, max_size=30), BUDGETS)
def test_mentions_told_without_offsets_are_counted_once(text: str, budget) -> None:
    marked = [(words, at) for words in ("一", "二三") for at in occurrences(text, words)]
    spans = [Entity(type="甲", text=w, start=at, end=at + len(w)) for w, at in marked]
    windowed = windowed_at(record(text=text, entities=spans), budget, "keep")
    told = [
        Answered(one.start, one.end, Content(tuple(map(stripped, one.record.entities))))
        for one in windowed.windows
    ]
    expected = map(stripped, merge_windows(windowed.windows).entities)
    assert bag(merge_answers(text, told, "keep").entities) == bag(expected)


def stripped(item):
    """Return an entity or an argument as an answer has it: type or role, and string."""
    fields = {"start": None, "end": None} | ({"where": None} if isinstance(item, Argument) else {})
    return item.model_copy(update=fields)


def event(trigger: str | None, *arguments: str) -> Event:
    found = tuple(Argument(role=one[0], text=one[1:]) for one in arguments)
    return Event(event_type="裁员", trigger=trigger, arguments=found)


JOINS = [
    ([[event("裁员", "甲一")], [event(None, "乙二")]], [event("裁员", "甲一", "乙二")]),
    ([[event(None, "乙二")], [event("裁员", "甲一")]], [event("裁员", "乙二", "甲一")]),
    ([[event("裁员", "甲一")], [event("解雇", "乙二")]], "apart"),
    ([[event("裁员", "甲一")], [event("裁员", "甲二")]], "apart"),
    ([[event("裁员", "甲一"), event("裁员", "乙二")]], "apart"),
    (
        [[event("裁员", "乙一"), event("裁员", "甲二")], [event("裁员", "甲二", "丙三")]],
        [event("裁员", "乙一"), event("裁员", "甲二", "丙三")],
    ),
]


@pytest.mark.parametrize(("told", "expected"), JOINS)
def test_parts_of_a_split_event_are_joined(told, expected) -> None:
    windows = [Answered(8 * n, 8 * n + 8, Content(events=tuple(e))) for n, e in enumerate(told)]
    wanted = [one for events in told for one in events] if expected == "apart" else expected
    assert merge_answers(TEXT, windows, "split").events == tuple(wanted)


@pytest.mark.real
@pytest.mark.parametrize("policy", ["keep", "split", "drop"])
@pytest.mark.parametrize("overlap", [0, 60])
def test_every_published_event_is_in_a_window_or_counted(published, policy, overlap) -> None:
    card = catalogue.load_card("duee_fin", published)
    found = catalogue.find(card, published, None, samples=False)
    assert found is not None
    labels = found.card.label_set(found.edition.name).labels
    seen = 0
    for one in catalogue.records(found, "dev", Tally()):
        windowed = windowed_at(one, (300, overlap), policy)
        assert_nothing_lost(one, windowed)
        assert all(window.end - window.start <= 300 for window in windowed.windows)
        assert {b.start <= a.end for a, b in pairwise(windowed.windows)} <= {True}
        seen += len(one.events)
        if policy != "split":
            assert_answers_merge(one, windowed, policy, labels)
    assert seen == 1538


def assert_answers_merge(one: Record, windowed: WindowedRecord, policy, labels) -> None:
    """Assert that gold written as answers and read back merges to the gold."""
    json, query = answer_format("json"), Query("ee", tuple(labels))
    told = [
        Answered(
            w.start,
            w.end,
            json.parse(json.dump(target(w.record, query), query), query),
        )
        for w in windowed.windows
    ]
    expected = [
        event.model_copy(
            update={"trigger_where": None, "arguments": tuple(map(stripped, event.arguments))}
        )
        for event in merge_windows(windowed.windows).events
    ]
    assert bag(merge_answers(one.text, told, policy).events) == bag(expected)
