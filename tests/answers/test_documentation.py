import re
from pathlib import Path

import pytest
from answer_cases import QUESTIONS

from chinchilla.answers import SUBTASKS, answer_format, format_names
from chinchilla.prompts.options import PromptOptions

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    language: (ROOT / "docs" / language / "answer-forms.md").read_text(encoding="utf-8")
    for language in ("zh", "en")
}
BLOCK = re.compile(r"^```(\S+) (\S+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
EXAMPLES = sorted({example for page in PAGES.values() for example in BLOCK.findall(page)})


@pytest.mark.parametrize("language", PAGES)
def test_the_page_shows_every_form_and_sub_task(language):
    shown = {(name, subtask) for name, subtask, _ in BLOCK.findall(PAGES[language])}
    assert shown == {(name, subtask) for name in format_names() for subtask in SUBTASKS}


@pytest.mark.parametrize(("name", "subtask", "answer"), EXAMPLES)
def test_an_example_is_what_is_written(name, subtask, answer):
    query = QUESTIONS[subtask]
    assert answer_format(name).dump(answer_format(name).parse(answer, query), query) == answer


@pytest.mark.parametrize("language", PAGES)
def test_the_page_names_the_setting_that_chooses_a_form(language):
    [name] = set(re.findall(r"`prompts\.(\w+)`", PAGES[language]))
    assert PromptOptions.model_fields[name].default == ("json",)


def test_every_note_is_explained():
    import chinchilla.answers.repair as repair

    source = [*ROOT.glob("chinchilla/answers/**/*.py")]
    texts = [path.read_text(encoding="utf-8") for path in source]
    noted = {name for text in texts for name in re.findall(r'(?:notes|here)\["(\w+)"\]', text)}
    kinds = {
        name for text in texts for name in re.findall(r'yield .*, "(\w+)"$', text, re.MULTILINE)
    }
    assert not {name for name in noted | kinds if name not in (repair.__doc__ or "")}
