"""A name in the configuration that there is not is one line, before anything is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chinchilla.dataset.config import read_config
from chinchilla.dataset.plan import make_plan
from chinchilla.errors import ConfigError
from chinchilla.predict.extract import rendering_of

SOURCES = "the known ones are boson, duee, duee_fin, duie, finre, iree, msra, sanwen"
TASKS = "the known ones are ner, re, ee"
UNKNOWN = [
    ('hold_out.sources = ["typo"]', f"hold_out.sources: no source 'typo'; {SOURCES}"),
    ('hold_out.labels.typo = ["a"]', f"hold_out.labels: no source 'typo'; {SOURCES}"),
    (
        'hold_out.labels.boson = ["time", "a"]',
        "hold_out.labels.boson: no label 'a'; the known ones are "
        "person_name, location, time, product_name, org_name, company_name",
    ),
    ('editions.typo = "bio"', f"editions: no source 'typo'; {SOURCES}"),
    (
        'editions.msra = "typo"',
        "--edition typo: msra has none of it; use word-tag, bio",
    ),
    (
        'prompts.hard_negatives.typo = "hard.json"',
        f"prompts.hard_negatives: no source 'typo'; {SOURCES}",
    ),
    ("mix.sources.weights.typo = 2.0", f"mix.sources.weights: no source 'typo'; {SOURCES}"),
    ("mix.sources.caps.typo = 2", f"mix.sources.caps: no source 'typo'; {SOURCES}"),
    ("mix.tasks.weights.typo = 2.0", f"mix.tasks.weights: no task 'typo'; {TASKS}"),
    ("mix.tasks.caps.typo = 2", f"mix.tasks.caps: no task 'typo'; {TASKS}"),
]


@pytest.mark.parametrize(("line", "message"), UNKNOWN)
def test_a_name_that_no_card_bears_is_named_with_the_known_ones(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "build.toml"
    path.write_text(f'sources = ["finre"]\n{line}\n', encoding="utf-8")
    config = read_config(path, {})
    with pytest.raises(ConfigError) as caught:
        make_plan(tmp_path / "raw", config)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'prompts.subtasks = ["re", "nope"]',
            "prompts.subtasks.1: is none of 'ner', 're', 're-pair', 'ee', 'ee-trigger', "
            "'ee-argument'; ",
        ),
        (
            'prompts.forms = ["json", "nope"]',
            "prompts.forms.1: no answer format 'nope', there are code, json, lines, tuple; ",
        ),
    ],
)
def test_an_unknown_subtask_or_answer_form_is_refused_when_settings_are_read(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "build.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_subtask_that_a_prediction_cannot_ask_is_named() -> None:
    config = {"prompts": {}, "windows": {}, "seed": 0}
    with pytest.raises(ConfigError) as caught:
        rendering_of(config, {}, {}, ("nope",))
    assert str(caught.value) == (
        "--subtask: no sub-task 'nope'; "
        "the known ones are ner, re, re-pair, ee, ee-trigger, ee-argument"
    )


def test_a_name_may_be_that_of_a_source_of_the_user_or_of_one_not_read(
    tmp_path: Path, put: Callable[[str, str], Path]
) -> None:
    put(
        "mine/card.toml",
        'title = "x"\ntask = "ner"\n[[editions]]\nsplits.train = ["t.json"]\n'
        '[labels]\nA = { name = "甲" }\n',
    )
    path = tmp_path / "build.toml"
    lines = ['sources = ["finre"]', "[hold_out]", 'sources = ["sanwen", "mine"]']
    lines += ["[hold_out.labels]", 'mine = ["A"]', 'duee_fin = ["亏损"]']
    path.write_text("\n".join(lines), encoding="utf-8")
    plan = make_plan(tmp_path / "raw", read_config(path, {}))
    assert [found.card.source for found in plan.sources] == ["finre"]
