"""Questions and contents that the tests of the answer forms share."""

from collections import Counter

from hypothesis import strategies as st

from chinchilla.answers import Content, Query
from chinchilla.schema import Argument, Entity, Event, Label, Relation, Role, Slot

NER = (
    Label(key="ORG", name="组织"),
    Label(key="LOC", name="地点"),
    Label(key="PER", name="人物"),
)
RE = (
    Label(key="invest", name="投资", slots=(Slot(key="amount", name="金额"),)),
    Label(key="join", name="合作"),
)
NA = Label(key="unknown", name="无关系")
ROLES = (Role(key="who", name="裁员方"), Role(key="when", name="时间"))
EE = (
    Label(key="组织关系-裁员", name="裁员", roles=ROLES),
    Label(key="财经/交易-出售/收购", name="出售/收购"),
)

QUESTIONS = {
    "ner": Query("ner", NER, empty="无"),
    "re": Query("re", RE, empty="无"),
    "re-pair": Query("re-pair", RE, na=NA, empty="无", head="甲", tail="乙"),
    "ee": Query("ee", EE, empty="无"),
    "ee-trigger": Query("ee-trigger", EE, empty="无"),
    "ee-argument": Query("ee-argument", EE, empty="无", event=EE[0], trigger="裁员"),
}


def items(content: Content) -> list[tuple[object, ...]]:
    """List the items of a content, without what no answer tells."""
    entities = [(item.type, item.text) for item in content.entities]
    relations = [
        (item.predicate, item.head, item.tail, tuple(sorted(item.tail_slots.items())))
        for item in content.relations
    ]
    events = [
        (event.event_type, event.trigger, tuple((one.role, one.text) for one in event.arguments))
        for event in content.events
    ]
    return [*entities, *relations, *events]


def regrouped(content: Content, query: Query) -> list[tuple[object, ...]]:
    """List the items as an answer holds them: labels, and roles, in the order asked."""
    places = {label.key: at for at, label in enumerate(query.known)}
    roles = {role.key: at for label in query.known for at, role in enumerate(label.roles)}

    def in_order(event: Event) -> Event:
        arguments = sorted(event.arguments, key=lambda one: roles[one.role])
        return event.model_copy(update={"arguments": tuple(arguments)})

    ordered = Content(content.entities, content.relations, tuple(map(in_order, content.events)))
    if query.subtask == "ee-argument":
        return items(ordered)
    return sorted(items(ordered), key=lambda item: places[str(item[0])])


def counted(content: Content) -> Counter[tuple[object, ...]]:
    """Count the items, arguments without their order: what scorers compare."""
    events = [
        (event.event_type, event.trigger, tuple(sorted((a.role, a.text) for a in event.arguments)))
        for event in content.events
    ]
    return Counter([*items(content._replace(events=())), *events])


_MARKS = """： : → ， , ; ； 、 " ' \\ - （ ） ( ) = “ ” []
{} 无 ``` （注：乙） 出售/收购 甲 1,000 😀 head null"""
_BLANKS = [" ", "\n", "\r\n", "\u3000", "\t", "\u2028", "\x85", "\x00", " → ", ", ", "- ", "\\n"]
_PIECES = st.sampled_from([*_MARKS.split(), *_BLANKS])
WORDS = st.one_of(
    st.lists(_PIECES, min_size=1, max_size=5).map("".join), st.text(min_size=1, max_size=6)
)
EMPTY = st.sampled_from(["无", "没有可标的成分", "甲：无", "(甲, 无)", "话里都没提。"])


@st.composite
def label_sets(draw: st.DrawFn) -> tuple[Label, ...]:
    """Draw labels with awkward names, two slots and two roles each."""
    names = draw(st.lists(WORDS, min_size=2, max_size=4, unique=True))
    parts = draw(st.lists(WORDS, min_size=2, max_size=2, unique=True))
    roles = tuple(Role(key=f"r{at}", name=name) for at, name in enumerate(parts))
    slots = tuple(
        Slot(key=f"s{at}", name="某" if name in ("head", "tail") else name)
        for at, name in enumerate(parts)
    )
    return tuple(
        Label(key=f"k{at}", name=name, slots=slots, roles=roles) for at, name in enumerate(names)
    )


@st.composite
def asked(draw: st.DrawFn, subtask: str) -> tuple[Content, Query]:
    """Draw a question of a sub-task and a content that answers it."""
    *labels, last = draw(label_sets())
    given = {"head": "甲", "tail": "乙", "na": last} if subtask == "re-pair" else {}
    if subtask == "ee-argument":
        given = {"event": last, "trigger": draw(st.none() | WORDS)}
    query = Query(subtask, (*labels,), empty=draw(EMPTY), **given)
    return draw(contents(query)), query


@st.composite
def contents(draw: st.DrawFn, query: Query) -> Content:
    """Draw a content for a question; items come twice now and then."""
    keys = st.sampled_from([label.key for label in query.known])
    few = {"max_size": 4}
    arguments = st.lists(
        st.builds(Argument, role=st.sampled_from(["r0", "r1"]), text=WORDS), **few
    ).map(tuple)
    if query.subtask == "ner":
        found = draw(st.lists(st.builds(Entity, type=keys, text=WORDS), **few))
        return Content(entities=tuple(found + found[:1]))
    if query.subtask == "re":
        slots = st.dictionaries(st.sampled_from(["s0", "s1"]), WORDS)
        one = st.builds(Relation, predicate=keys, head=WORDS, tail=WORDS, tail_slots=slots)
        return Content(relations=tuple(draw(st.lists(one, **few))))
    if query.subtask == "re-pair":
        pair = st.builds(Relation, predicate=keys, head=st.just("甲"), tail=st.just("乙"))
        return Content(relations=tuple(draw(st.lists(pair, **few))))
    if query.subtask == "ee-argument":
        found_arguments = draw(arguments)
        event = Event(event_type=query.event.key, trigger=query.trigger)
        whole = event.model_copy(update={"arguments": found_arguments})
        return Content(events=(whole,) if found_arguments else ())
    held = st.just(()) if query.subtask == "ee-trigger" else arguments
    one = st.builds(Event, event_type=keys, trigger=st.none() | WORDS, arguments=held)
    return Content(events=tuple(draw(st.lists(one, **few))))
