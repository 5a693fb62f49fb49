"""A prompt and an answer as tokens: what a template writes, and what ends an answer."""

from pathlib import Path

import orjson
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.model_loading import ModelSource, load_chat

GEMMA = (
    "{% for message in messages %}<start_of_turn>{{ message['role'] }}\n"
    "{{ message['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a tokenizer whose turn ends in a token that is special only among the added ones."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    bare = Tokenizer(
        models.BPE({letter: index for index, letter in enumerate(sorted(letters))}, [])
    )
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bare, eos_token="<eos>", pad_token="<pad>", chat_template=GEMMA
    )
    turns = ("<start_of_turn>", "<end_of_turn>")
    bare = [AddedToken(one, special=True, normalized=False) for one in turns]
    tokenizer.add_tokens(bare, special_tokens=True)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_the_end_of_a_turn_may_be_special_only_as_an_added_token(
    folder: Path,
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    turn = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    chat = ChatTemplate(tokenizer)
    assert turn not in tokenizer.all_special_ids
    assert chat.answers(["a"]) == [[tokenizer.convert_tokens_to_ids("a"), turn]]
    assert chat.stops == (turn, tokenizer.eos_token_id)


EOS, START, TURN, TEXT = 256, 258, 259, 7
SETTINGS: list[tuple[dict[str, object], tuple[int, ...]]] = [
    ({"generation_config.json": START}, (TURN, EOS, START)),
    ({"generation_config.json": [START, EOS], "config.json": TEXT}, (TURN, EOS, START)),
    ({"generation_config.json": None, "config.json": START}, (TURN, EOS)),
    ({"config.json": START}, (TURN, EOS, START)),
    ({"generation_config.json": [START, TEXT]}, (TURN, EOS, START)),
]


@pytest.mark.parametrize(("settings", "stops"), SETTINGS)
def test_what_generation_settings_name_ends_an_answer_too_unless_it_is_text(
    folder: Path, settings: dict[str, object], stops: tuple[int, ...]
) -> None:
    for name, eos in settings.items():
        (folder / name).write_bytes(orjson.dumps({"eos_token_id": eos, "model_type": "llama"}))
    chat = load_chat(ModelSource(str(folder)))
    assert chat.stops == stops
    assert chat.read([TEXT, stops[-1], TEXT])[1:] == (1, False)
    assert load_chat(ModelSource(str(folder)), ModelSource(str(folder / "base"))).stops == (
        TURN,
        EOS,
    )


LLAMA = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}"
    "{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}"
    "Today Date: {{ date_string }}\n{{ messages[0]['content'] }}"
)
DAYS = [
    (LLAMA, "Today Date: 26 Jul 2024\na"),
    ("{{ strftime_now('%Y-%m-%d') }} {{ messages[0]['content'] }}", "2024-07-26 a"),
    ("{{ strftime_now('%-d.%-m.%Y') }} {{ messages[0]['content'] }}", "26.7.2024 a"),
    (
        "{% if strftime_now is defined %}{{ strftime_now('%A, %B %d') }}{% endif %}",
        "Friday, July 26",
    ),
]


@pytest.mark.parametrize(("template", "shown"), DAYS)
def test_a_row_has_the_same_prompt_on_every_day(folder: Path, template: str, shown: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    assert ChatTemplate(tokenizer).text("a") == shown


THINKS = (
    "{% if enable_thinking is defined and enable_thinking is false %}<no>{% else %}<yes>{% endif %}"
    "{{ messages[0]['content'] }}{% if add_generation_prompt %}:{% endif %}"
)


BLANK = [
    "\n{{ messages[0]['content'] }}",
    "  {% for message in messages %}{{ message['content'] }}{% endfor %}",
    "  {% for message in messages %}{{ strftime_now('%Y') }}{% endfor %}",
]


@pytest.mark.parametrize("template", [GEMMA, THINKS, *(one for one, _ in DAYS), *BLANK])
def test_a_saved_template_renders_as_here_without_any_values(folder: Path, template: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    chat = ChatTemplate(tokenizer)
    chat.save(folder / "once")
    assert tokenizer.chat_template == template
    served = AutoTokenizer.from_pretrained(folder / "once")
    turns = [{"role": "user", "content": "问"}]
    shown = served.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert shown == chat.text("问") == ChatTemplate(served).text("问")
    if "strftime_now" not in template:
        asked = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
        assert shown == tokenizer.apply_chat_template(turns, **asked)
    ChatTemplate(served).save(folder / "twice")
    assert AutoTokenizer.from_pretrained(folder / "twice").chat_template == served.chat_template


def test_a_server_may_still_switch_thinking_on(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = THINKS
    ChatTemplate(tokenizer).save(folder)
    served = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": "user", "content": "问"}]
    assert served.apply_chat_template(turns, tokenize=False, enable_thinking=True) == "<yes>问"


def test_every_one_of_several_templates_is_saved_so(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = {"default": THINKS, "tool_use": THINKS}
    ChatTemplate(tokenizer).save(folder)
    served = AutoTokenizer.from_pretrained(folder)
    turns = [{"role": "user", "content": "问"}]
    for name in ("default", "tool_use"):
        shown = served.apply_chat_template(turns, tokenize=False, chat_template=name)
        assert shown == "<no>问"
