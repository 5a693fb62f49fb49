"""Every wording parses, is unique, and shows text and labels."""

from pathlib import Path

import pytest
import yaml

from chinchilla.errors import ConfigError
from chinchilla.prompts.options import PromptOptions
from chinchilla.prompts.render import Prompter
from chinchilla.resources import shipped
from chinchilla.schema import Label, LabelSet, Record
from chinchilla.templates import Template, load_phrases, load_templates, template_hashes

VALUES = {
    "text": "〔文本〕",
    "labels": "〔标签〕",
    "label_lines": "〔标签〕",
    "format": "〔格式〕",
    "head": "〔头〕",
    "tail": "〔尾〕",
    "event_type": "〔类型〕",
    "trigger": "〔触发词〕",
}


@pytest.mark.parametrize("template", load_templates(), ids=lambda template: template.id)
def test_a_rendered_prompt_holds_text_and_labels(template: Template) -> None:
    prompt = "".join(template.render(VALUES))
    for name in set(template.variables):
        assert prompt.count(VALUES[name]) == 1
    assert ("〔标签〕" in prompt) == template.closed
    assert "{" not in prompt


def test_ids_and_wordings_are_unique() -> None:
    templates = load_templates()
    assert len({template.id for template in templates}) == len(templates)
    assert len({template.render(VALUES) for template in templates}) == len(templates)


def test_each_sub_task_has_enough_wordings() -> None:
    for subtask in ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"):
        mine = [template for template in load_templates() if template.subtask == subtask]
        assert sum(one.closed and not one.held_out for one in mine) >= 20
        assert sum(not one.closed for one in mine) >= 8
        assert sum(one.closed and one.held_out for one in mine) == 4


def test_the_answer_forms_are_described_for_every_sub_task() -> None:
    phrases = load_phrases()
    for form in ("json", "lines", "code", "tuple"):
        for subtask in ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"):
            assert len(set(phrases.format(form, subtask))) >= 3


@pytest.mark.parametrize("form", ["json", "lines", "code", "tuple"])
def test_every_sentence_on_an_answer_form_says_what_to_write_for_nothing(form: str) -> None:
    for subtask in ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"):
        nothing = {"json": "[]" if subtask == "re-pair" else "{}", "code": "[]"}
        for sentence in load_phrases().format(form, subtask):
            assert nothing.get(form, "“{{ empty }}”") in sentence
    for sentence in load_phrases().format(form, "re-pair", closed=False):
        assert {"json": "[]", "code": "[]"}.get(form, "“{{ empty }}”") in sentence


@pytest.mark.parametrize("form", ["json", "lines", "code", "tuple"])
def test_a_query_that_shows_no_labels_speaks_of_no_candidates(form: str) -> None:
    for subtask in ("ner", "re", "re-pair", "ee", "ee-trigger", "ee-argument"):
        sentences = load_phrases().format(form, subtask, closed=False)
        assert len(set(sentences)) >= 3
        assert not [one for one in sentences if "候选" in one]


GOOD = {
    "subtask": "ner",
    "labels": "closed",
    "wordings": [{"id": "a", "instruction": "找{{ labels }}。{{ format }}", "input": "{{ text }}"}],
}
BAD = [
    ("input", "{{ txt }}", "#a: {{ text }} is used 0 times; use it exactly once"),
    (
        "instruction",
        "{{ labels }}{{ format }}{{ head }}",
        "#a: 'head' is undefined; variables are format, label_lines, labels, text",
    ),
    (
        "instruction",
        "{{ format }}",
        "#a: {{ labels }} or {{ label_lines }} is used 0 times; use one of them once",
    ),
    (
        "instruction",
        "{{ labels | upper }}{{ format }}",
        "#a: a filter in the template; use plain variables only: {{ text }}",
    ),
    (
        "instruction",
        "{{ labels {{ format }}",
        "#a: line 1: expected token 'end of print statement', got '{'; "
        "write variables as {{ name }}",
    ),
    (
        "instruction",
        "",
        ": wordings.0.instruction: is empty; see docs/en/templates.md for the fields of a template",
    ),
]


@pytest.mark.parametrize(("field", "words", "message"), BAD)
def test_a_bad_wording_is_named_when_it_is_read(tmp_path, field, words, message) -> None:
    path = tmp_path / "ner" / "mine.yaml"
    path.parent.mkdir()
    wording = GOOD["wordings"][0] | {field: words}
    path.write_text(yaml.safe_dump(GOOD | {"wordings": [wording]}), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_templates(tmp_path)
    assert str(caught.value) == f"{path}{message}"


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ner" / "mine.yaml"
    path.parent.mkdir()
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_templates(tmp_path)
    assert str(caught.value).startswith(f"{path}: not YAML (")


def test_the_whole_prompt_of_a_record_is_as_written_out_here() -> None:
    labels = LabelSet(
        source="x",
        task="re",
        labels=(
            Label(key="注资", name="注资", description="甲向乙投入资金", head="企业", tail="企业"),
            Label(key="合作", name="合作"),
        ),
    )
    record = Record(
        id="x-train-000001",
        source="x",
        split="train",
        task="re",
        text="甲向乙注资",
        title="快讯",
        relations=[{"predicate": "注资", "head": "甲", "tail": "乙"}],
    )
    options = PromptOptions(shuffle_labels=False)
    [row] = Prompter(labels, seed=0, options=options).rows(record)
    template = next(one for one in load_templates() if one.id == row.template)
    phrases = load_phrases()
    shown = {
        "labels": "注资（企业→企业）、合作",
        "label_lines": "- 注资（企业→企业）：甲向乙投入资金\n- 合作",
        "text": "标题：快讯\n正文：甲向乙注资",
    }
    prompts = [template.render(shown | {"format": words}) for words in phrases.format("json", "re")]
    assert (row.instruction, row.input) in prompts
    assert row.output == '{"注资":[{"head":"甲","tail":"乙"}]}'
    assert (row.id, row.record_id, row.labels) == (
        "x-train-000001.0",
        "x-train-000001",
        ("注资", "合作"),
    )


def test_the_hashes_cover_every_file_that_words_a_prompt_or_reads_an_answer(tmp_path) -> None:
    root = shipped("templates")
    hashes = template_hashes()
    names = {path.relative_to(root).as_posix() for path in root.rglob("*.yaml")}
    assert set(hashes) == names | {"repair.yaml"}
    assert {"forms.yaml", "ner/closed.yaml"} <= names
    (tmp_path / "forms.yaml").write_bytes((root / "forms.yaml").read_bytes())
    (tmp_path / "repair.yaml").write_text("empty: [嗯]", encoding="utf-8")
    changed = template_hashes(tmp_path)
    assert changed["forms.yaml"] == hashes["forms.yaml"]
    assert changed["repair.yaml"] != hashes["repair.yaml"]


def test_templates_travel_with_the_package() -> None:
    assert (shipped("templates") / "forms.yaml").is_file()
    assert (shipped("samples") / "finre" / "train.txt").is_file()
