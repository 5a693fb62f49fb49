"""A chat template of others: bounded in time, memory and what it writes."""

import threading

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from chinchilla.errors import EngineError
from chinchilla.predict.chat_template import ChatTemplate, TooMuchError, bounded

DOUBLED = (
    "{% set ns = namespace(x='aa') %}"
    "{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
)
TEMPLATES = [
    ("{{ 'a' * 10**11 }}", "takes too much memory"),
    ("{{ 'a'|center(10**11) }}", "takes too much memory"),
    ("{{ '%100000000000d' % 1 }}", "takes too much memory"),
    (DOUBLED, "takes too much memory"),
    ("{{ messages[0].content * 90000 }}", "writes 180,000 characters around one prompt"),
    ("{% for i in range(10**9) %}{% endfor %}", "cannot be used (Range too big."),
    ("{{ ''.__class__.__mro__ }}", "cannot be used (access to attribute '__class__'"),
    ("{{ cycler.__init__.__globals__ }}", "cannot be used (access to attribute '__init__'"),
    ("{{ messages.append(1) }}", "cannot be used (access to attribute 'append'"),
    ("{% include '/etc/passwd' %}", "cannot be used (no loader for this environment"),
    ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "cannot be used (maximum recursion"),
    ("{{ 1 / 0 }}", "cannot be used (division by zero)"),
    ("{{ messages[0].content", "cannot be used (unexpected end of template"),
    ("{{ raise_exception('no\nuser') }}", "cannot be used (no)"),
]


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})))


@pytest.mark.parametrize(("template", "what"), TEMPLATES, ids=[what for _, what in TEMPLATES])
def test_a_template_that_does_more_than_word_a_prompt_is_refused_in_one_line(
    tokenizer: PreTrainedTokenizerFast, template: str, what: str
) -> None:
    tokenizer.chat_template = template
    with pytest.raises(EngineError) as caught:
        ChatTemplate(tokenizer).text("你好")
    assert str(caught.value).startswith(f"tokenizer: its chat template {what}")
    assert str(caught.value).endswith("; put the template of the published model there")


LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
POWER = "{{ 9 ** (9 ** 9) > 1 }}"


@pytest.mark.parametrize("template", [LOOPS, POWER])
def test_what_takes_long_is_stopped(template: str) -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    with pytest.raises(TooMuchError), bounded(seconds=0.2):
        ImmutableSandboxedEnvironment().from_string(template).render()


def test_what_takes_long_in_a_template_is_refused_in_one_line(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chinchilla.predict.chat_template.SECONDS", 0.2)
    tokenizer.chat_template = LOOPS
    with pytest.raises(EngineError, match=r"it takes more than 0\.2 seconds of work"):
        ChatTemplate(tokenizer).text("你好")


def test_limits_end_with_what_they_bound(tokenizer: PreTrainedTokenizerFast) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)
    tokenizer.chat_template = "{{ messages[0].content }}"
    assert ChatTemplate(tokenizer).text("你好") == "你好"
    after = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGVTALRM)
    assert (before, signal.getitimer(signal.ITIMER_VIRTUAL)) == (after, (0.0, 0.0))


def test_a_template_is_rendered_on_any_thread(tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer.chat_template = "{{ messages[0].content }}"
    texts: list[str] = []
    thread = threading.Thread(target=lambda: texts.append(ChatTemplate(tokenizer).text("你好")))
    thread.start()
    thread.join()
    assert texts == ["你好"]
