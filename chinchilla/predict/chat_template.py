"""A prompt as tokens: the same in training, in prediction and on a server."""

import mmap
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from chinchilla.errors import EngineError

SECONDS = 10.0
"""Time that a template may take for one prompt; those of published models take milliseconds."""
ROOM = 1 << 30
"""Bytes of memory it may take beside what is in use."""
_MARK = "ANSWER"
_OTHER_TEMPLATE = "put the template of the published model there"
_COPIES, _FRAME = 2, 100_000
"""How often a template may write a prompt, and how many characters besides."""
_DAY = date(2024, 7, 26)
"""The day that every template gets: the one LLaMA's own fall back to."""
_VALUES: dict[str, Any] = {"enable_thinking": False, "date_string": _DAY.strftime("%d %b %Y")}
"""The values that every chat template gets: no thinking, and the same day always."""
# `strftime_now('%d %b')` of a template becomes the filters
# '%d %b'|replace('%a', 'Fri')|replace('%b', 'Jul')|replace('%d', '26')... : 26 Jul, on every day
_CLOCK = "".join(f"|replace('%{code}', '{_DAY:%{code}}')" for code in "aAbBdHIjmMpSUwWyY")
_CLOCK += "".join(f"|replace('%-{code}', '{int(_DAY.strftime(f'%{code}'))}')" for code in "dHIjmMS")
# the newline behind a tag is not written, and what follows it begins a line as before
_FIXED_CLOCK = f"{{% macro strftime_now(form) %}}{{{{ form{_CLOCK} }}}}{{% endmacro %}}\n"
"""Put before a template, it replaces the clock that transformers would let it read."""
_DEFAULTS = "".join(
    f"{{% set {name} = {name} | default({orjson.dumps(value).decode()}) %}}\n"
    for name, value in _VALUES.items()
)
"""Put before a template that is saved, it gives the values that a server does not."""


@dataclass(frozen=True)
class ChatTemplate:
    """Prompts and answers as tokens of one tokenizer.

    A chat template is rendered without thinking (`enable_thinking` false, as Qwen3 names it) and
    always for the same day, so that a row has the same tokens in training and prediction; without
    a template a prompt is followed by a newline. Prompt and answer are encoded apart, so that no
    token covers both. `ends` are further tokens that end an answer, by the model's own generation
    settings.
    """

    tokenizer: Any
    ends: tuple[int, ...] = ()

    def text(self, prompt: str) -> str:
        """Return a prompt as it is before the answer begins."""
        if not self.tokenizer.chat_template:
            return f"{prompt}\n"
        turns = [{"role": "user", "content": prompt}]
        return self._render(turns, add_generation_prompt=True)

    def prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each prompt, up to where the answer begins."""
        encoded = self._encode([self.text(prompt) for prompt in prompts])
        return [self._start + ids for ids in encoded]

    def answers(self, answers: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each answer, and the end of the turn."""
        return [[*ids, self.end] for ids in self._encode(answers)]

    def read(self, ids: Sequence[int]) -> tuple[str, int, bool]:
        """Return the text of generated tokens, their number, and whether they were cut."""
        stop = next((index for index, token in enumerate(ids) if token in self.stops), None)
        answer = list(ids[:stop])
        text = self.tokenizer.decode(
            answer, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text, len(answer), stop is None

    def save(self, folder: Path) -> None:
        """Write the tokenizer to a folder, with a template that renders as `text` for any server.

        The values that a server does not give are our own: no thinking, the same day.
        """
        own = self.tokenizer.chat_template
        try:
            if isinstance(own, dict):
                self.tokenizer.chat_template = {
                    name: _with_defaults(template) for name, template in own.items()
                }
            elif own:
                self.tokenizer.chat_template = _with_defaults(own)
            self.tokenizer.save_pretrained(folder)
        finally:
            self.tokenizer.chat_template = own

    @cached_property
    def end(self) -> int:
        """The token that ends an answer: that of the template, else the tokenizer's."""
        turn = self._end_of_turn()
        end = self.tokenizer.eos_token_id if turn is None else turn
        if end is None:
            todo = "set eos_token in its tokenizer_config.json"
            raise EngineError(self._name, "the tokenizer has no end-of-sequence token", todo)
        return int(end)

    @cached_property
    def stops(self) -> tuple[int, ...]:
        """The tokens that end an answer when one is generated, `end` first."""
        eos = self.tokenizer.eos_token_id
        # settings may name an ordinary token by mistake, which would cut answers short
        ends = [token for token in self.ends if self._special(token)]
        return tuple(dict.fromkeys([self.end, *([] if eos is None else [int(eos)]), *ends]))

    @cached_property
    def pad(self) -> int:
        """A token to pad with that ends no answer; padding is masked besides."""
        names = ("pad_token_id", "unk_token_id", "bos_token_id")
        own = [getattr(self.tokenizer, name) for name in names]
        tokens = (*own, *range(len(self.stops) + 1))
        return next(int(id_) for id_ in tokens if id_ is not None and id_ not in self.stops)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def _start(self) -> list[int]:
        """The token that begins a text, where no template writes it."""
        bos = self.tokenizer.bos_token_id
        written = self.tokenizer("")["input_ids"][:1] == [bos]
        return [bos] if written and not self.tokenizer.chat_template else []

    @property
    def _name(self) -> str:
        return str(getattr(self.tokenizer, "name_or_path", "") or "tokenizer")

    def _render(self, turns: list[dict[str, str]], **more: Any) -> str:
        """Return turns as the template renders them, which is a program of others.

        transformers runs it in a sandbox; here its time, memory and output are bounded.
        """
        try:
            with bounded():
                rendered: str = self.tokenizer.apply_chat_template(
                    turns,
                    chat_template=_with_fixed_clock(self.tokenizer.get_chat_template()),
                    tokenize=False,
                    **_VALUES,
                    **more,
                )
        except MemoryError as error:
            what = "its chat template takes too much memory"
            raise EngineError(self._name, what, _OTHER_TEMPLATE) from error
        except (Exception, TooMuchError) as error:
            first = next((line for line in str(error).split("\n") if line.strip()), repr(error))
            what = f"its chat template cannot be used ({first})"
            raise EngineError(self._name, what, _OTHER_TEMPLATE) from error
        longest = sum(len(turn["content"]) for turn in turns) * _COPIES + _FRAME
        if len(rendered) > longest:
            what = f"its chat template writes {len(rendered):,} characters around one prompt"
            raise EngineError(self._name, what, _OTHER_TEMPLATE)
        return rendered

    def _end_of_turn(self) -> int | None:
        """Return the special token that the template writes behind an answer."""
        if not self.tokenizer.chat_template:
            return None
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
        ids = self._encode([self._render(turns).rpartition(_MARK)[2]])[0]
        return ids[0] if ids and self._special(ids[0]) else None

    def _special(self, token: int) -> bool:
        """Whether a token is no text: a special one, be it only among the added tokens."""
        added = self.tokenizer.added_tokens_decoder.get(token)
        return token in self.tokenizer.all_special_ids or bool(added and added.special)


def _with_fixed_clock(template: str) -> str:
    has_clock = "strftime_now" in template and _FIXED_CLOCK not in template
    return _FIXED_CLOCK + template if has_clock else template


def _with_defaults(template: str) -> str:
    if template.startswith(_DEFAULTS):
        return template
    return _DEFAULTS + _with_fixed_clock(template)


class TooMuchError(BaseException):
    """Raised in code that takes too long; no Exception, which jinja's compiler swallows."""


@contextmanager
def bounded(seconds: float | None = None) -> Iterator[None]:
    """Raise TooMuchError after `seconds` of work, MemoryError beyond `ROOM` further bytes.

    Time is kept on the main thread of a POSIX system, memory on Linux.
    """
    with _within_room(), _until(SECONDS if seconds is None else seconds):
        yield


@contextmanager
def _until(seconds: float) -> Iterator[None]:
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooMuchError(f"it takes more than {seconds:g} seconds of work")

    before = signal.signal(signal.SIGVTALRM, stop)
    left, again = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left, again)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _within_room() -> Iterator[None]:
    used = None
    with suppress(OSError, ValueError):  # where there is no /proc
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        used = mmap.PAGESIZE * int(pages)
    if used is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [limit for limit in (used + ROOM, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
