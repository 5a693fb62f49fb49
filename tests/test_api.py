"""The Python API does what the commands do, on the same data, with the same bytes."""

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from calls import call

import chinchilla as ch
from chinchilla import api
from chinchilla.errors import ConfigError, InputError
from chinchilla.schema import Record

SOURCES = ["boson", "duee", "duee_fin", "duie", "finre", "iree", "msra", "sanwen"]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_all_public_names_are_listed_in_order_and_are_there() -> None:
    assert ch.__all__ == sorted(ch.__all__) == dir(ch)
    for name in ch.__all__:
        assert callable(getattr(ch, name)) or name == "__version__"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ch.nothing  # type: ignore[attr-defined]


def test_the_examples_of_the_docstrings_are_true() -> None:
    tests = doctest.DocTestFinder(exclude_empty=True).find(api, "api")
    examples = [test for test in tests if test.examples]
    public = {name for name in ch.__all__ if name not in ("__version__", "open")}
    assert public <= {test.name.removeprefix("api.") for test in examples}
    for test in examples:
        assert doctest.DocTestRunner().run(test).failed == 0, test.name


def test_every_public_function_says_what_it_takes_returns_and_raises() -> None:
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in ch.__all__:
            text = ast.get_docstring(node) or ""
            assert "Args:" in text and "Raises:" in text, node.name
            assert all(f"{one.arg}:" in text for one in (*node.args.args, *node.args.kwonlyargs))


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, chinchilla; print(sorted(set(sys.modules) & {'pydantic', 'orjson', 'torch'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(api.__file__).parent / "py.typed").is_file()


def test_the_sources_are_those_of_the_command() -> None:
    assert list(ch.sources()) == SOURCES
    assert ch.sources()["duie"].title == "DuIE"


@pytest.mark.parametrize("source", SOURCES)
def test_load_gives_the_records_of_the_command(source: str) -> None:
    dev = ch.load(source, "dev")
    printed = call("records", source, "--split", "dev").out.splitlines()
    assert [record.model_dump_json() for record in dev] == printed
    assert (len(dev), dev[-1], dev[:2].records) == (len(printed), dev.records[-1], dev.records[:2])
    assert dev.sample and dev.labels.source == source


@pytest.mark.parametrize("source", SOURCES)
def test_render_gives_the_rows_of_a_build(source: str, tmp_path: Path) -> None:
    built = ch.build(out=tmp_path / "out", settings={"sources": [source], "seed": 7})
    dev = ch.load(source, "dev")
    task = dev.labels.task
    assert list(ch.render(dev, seed=7)) == list(built.rows(task, "dev"))
    assert list(dev) == list(built.records(task, "dev"))
    assert built.labels == {source: dev.labels}
    assert built.manifest == ch.open(tmp_path / "out").manifest


@pytest.mark.parametrize("form", ["json", "lines", "code", "tuple"])
@pytest.mark.parametrize("source", SOURCES)
def test_parse_reads_back_what_render_wrote(source: str, form: str) -> None:
    for row in ch.render(ch.load(source, "dev"), form=form):
        parsed = ch.parse(row.output, row)
        assert parsed.status in ("ok", "ok_empty")
        assert parsed.notes == {}
        assert bool(parsed.items) == (parsed.status == "ok")


def test_parse_says_what_it_repaired() -> None:
    row = next(ch.render(ch.load("finre", "dev")))
    parsed = ch.parse(f"好的：\n```json\n{row.output}\n```", row)
    assert (parsed.items, parsed.status) == (ch.parse(row.output, row).items, "repaired")
    assert parsed.notes == {"fence": 1, "prose": 1}
    assert ch.parse("我不知道", row).items == ()


@pytest.mark.parametrize("source", SOURCES)
def test_gold_scored_against_itself_is_100(source: str) -> None:
    dev = ch.load(source, "dev")
    result = ch.score(dev, dev)
    assert result.f1 == result.precision == result.recall == 1.0
    assert "100.0" in str(result) and f"task:{dev.labels.task}" in str(result)


def test_score_takes_records_dicts_and_paths(tmp_path: Path) -> None:
    dev = ch.load("finre", "dev")
    some = [record.model_copy(update={"relations": record.relations[:1]}) for record in dev]
    path = tmp_path / "pred.jsonl"
    path.write_text("".join(f"{record.model_dump_json()}\n" for record in some), encoding="utf-8")
    dicts = [record.model_dump() for record in some]
    scores = [ch.score(dev, predicted).f1 for predicted in (some, dicts, path, str(path))]
    assert len(set(scores)) == 1 and 0 < scores[0] < 1


def test_records_without_labels_are_not_rendered_in_silence() -> None:
    record = Record.model_validate(
        {"id": "a", "source": "x", "split": "dev", "task": "ner", "text": "甲"}
    )
    with pytest.raises(ConfigError, match="labels of these records are not known"):
        ch.render([record])


def test_some_of_the_records_keep_their_labels() -> None:
    dev = ch.load("finre", "dev")
    assert list(ch.render(dev[:2])) == list(ch.render(dev))[:2]
    assert ch.score(dev[:3], dev[:3]).f1 == 1.0


WRONG = {
    "source": lambda dev, row: ch.load(3, "dev"),
    "split": lambda dev, row: ch.load("finre", "validation"),
    "on_error": lambda dev, row: ch.load("finre", "dev", on_error="skip"),
    "missing": lambda dev, row: ch.load("finre", "dev", raw="missing"),
    "missing ": lambda dev, row: ch.sources("missing"),
    "missing  ": lambda dev, row: ch.build("missing", "out"),
    "raw": lambda dev, row: ch.sources(5),
    "labels": lambda dev, row: ch.render(dev, labels=["持股"]),
    "prompts": lambda dev, row: ch.render(dev, prompts="x"),
    "prompts.null_share": lambda dev, row: ch.render(dev, prompts={"null_share": 0.2}),
    "prompts.demonstrations": lambda dev, row: ch.render(dev, prompts={"demonstrations": 2}),
    "prompts.wordings": lambda dev, row: ch.render(dev, prompts={"wordings": ["x"]}),
    "command line ": lambda dev, row: ch.render(dev, form="xml"),
    "command line": lambda dev, row: ch.render(dev, seed="a"),
    "records, item 1": lambda dev, row: list(ch.render([{}], labels=dev.labels)),
    "render": lambda dev, row: ch.render(None),
    "answer": lambda dev, row: ch.parse(None, row),
    "row": lambda dev, row: ch.parse("", dict(row)),
    "text": lambda dev, row: ch.parse("", row, text=5),
    "task": lambda dev, row: ch.score(dev, dev, task="NER"),
    "score": lambda dev, row: ch.score(dev, dev, metrics=None),
    "score ": lambda dev, row: ch.score(dev, dev, by="labels"),
    "score  ": lambda dev, row: ch.score(dev, dev, sede=1),
    "bootstrap": lambda dev, row: ch.score(dev, dev, bootstrap=-1),
    "predicted": lambda dev, row: ch.score(dev, None),
    "predicted ": lambda dev, row: ch.score(dev, dev[0].model_dump()),
    "predicted, item 1": lambda dev, row: ch.score(dev, [ch.parse(row.output, row)]),
    "predicted, item 1 ": lambda dev, row: ch.score(dev, [row.output]),
    "folder": lambda dev, row: ch.open(None),
    "config": lambda dev, row: ch.build(config=5),
    "settings": lambda dev, row: ch.build(settings=["finre"]),
    "out": lambda dev, row: ch.build(out=None),
}


@pytest.mark.parametrize("where", WRONG)
def test_an_argument_that_is_none_is_one_line_of_ours(where: str) -> None:
    dev = ch.load("finre", "dev")
    row = next(ch.render(dev))
    with pytest.raises(ConfigError) as caught:
        WRONG[where](dev, row)
    assert caught.value.where == where.strip() or where.strip() in caught.value.where
    assert caught.value.todo and "\n" not in str(caught.value)


def test_what_is_not_there_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "raw" / "finre").mkdir(parents=True)
    (tmp_path / "raw" / "finre" / "train.txt").write_text(
        "甲\t乙\t合作\t甲和乙合作\n", encoding="utf-8"
    )
    for wrong in (
        lambda: ch.load("fnre", "dev"),
        lambda: ch.load("finre", "dev"),
        lambda: ch.load("msra", "dev", edition="none"),
        lambda: ch.open(tmp_path),
        lambda: ch.build(settings={"sede": 1}),
        lambda: list(ch.render(ch.load("finre", "train"), form="xml")),
    ):
        with pytest.raises((ConfigError, InputError)) as caught:
            wrong()
        assert caught.value.todo and "\n" not in str(caught.value)
