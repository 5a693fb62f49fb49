"""A prompt as the tokens a model is shown: the same when it is trained, asked and served."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from chinchilla.errors import EngineError
from chinchilla.predict.bounds import TooMuchError, bounded

_MARK = "ANSWER"
_OTHER_TEMPLATE = "put the template of the published model there"
_COPIES, _FRAME = 2, 100_000
"""How often a template may write a prompt, and how many characters besides."""
_DAY = date(2024, 7, 26)
"""The day that templates are told: the one LLaMA's own fall back to."""
TOLD: dict[str, Any] = {"enable_thinking": False, "date_string": _DAY.strftime("%d %b %Y")}
"""What every chat template is told, as plain values: no thinking, and the same day always."""
_CLOCK = "".join(f"|replace('%{one}', '{_DAY:%{one}}')" for one in "aAbBdHIjmMpSUwWyY")
_CLOCK += "".join(f"|replace('%-{one}', '{int(_DAY.strftime(f'%{one}'))}')" for one in "dHIjmMS")
# the newline behind a tag is not written, and what follows it begins a line as before
_STOPPED = f"{{% macro strftime_now(form) %}}{{{{ form{_CLOCK} }}}}{{% endmacro %}}\n"
"""Put before a template, it stands for the clock that transformers would let it read."""
_UNASKED = "".join(
    f"{{% set {name} = {name} | default({orjson.dumps(value).decode()}) %}}\n"
    for name, value in TOLD.items()
)
"""Put before a template that is saved, it tells what nobody else tells it."""


@dataclass(frozen=True)
class Chat:
    """Put prompts and answers into tokens of one tokenizer.

    A tokenizer with a chat template is asked by it, without thinking (`enable_thinking` false,
    as Qwen3 names it) and always on the same day, so that a row has the same tokens whenever it
    is trained or asked; another one is shown the prompt and a newline. Prompt and answer are
    encoded apart, so that no token covers both. `ends` are further tokens that end an answer,
    as the model's own generation settings name them.
    """

    tokenizer: Any
    ends: tuple[int, ...] = ()

    def text(self, prompt: str) -> str:
        """Return what stands before the answer."""
        if not self.tokenizer.chat_template:
            return f"{prompt}\n"
        turns = [{"role": "user", "content": prompt}]
        return self._written(turns, add_generation_prompt=True)

    def prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of prompts, up to where the answer begins."""
        encoded = self._encode([self.text(prompt) for prompt in prompts])
        return [self._start + ids for ids in encoded]

    def answers(self, answers: Sequence[str]) -> list[list[int]]:
        """Return the tokens of answers, the end of the turn behind each."""
        return [[*ids, self.end] for ids in self._encode(answers)]

    def read(self, ids: Sequence[int]) -> tuple[str, int, bool]:
        """Return the text of generated tokens, how many they are, whether they lack their end."""
        stop = next((place for place, one in enumerate(ids) if one in self.stops), None)
        said = list(ids if stop is None else ids[:stop])
        words = self.tokenizer.decode(
            said, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return words, len(said), stop is None

    def save(self, folder: Path) -> None:
        """Write the tokenizer to a folder, its template such that a server asks as we do.

        Told nothing, the template writes what `text` writes: it does not think, on the same day.
        """
        own = self.tokenizer.chat_template
        try:
            if isinstance(own, dict):
                self.tokenizer.chat_template = {name: _settled(one) for name, one in own.items()}
            elif own:
                self.tokenizer.chat_template = _settled(own)
            self.tokenizer.save_pretrained(folder)
        finally:
            self.tokenizer.chat_template = own

    @cached_property
    def end(self) -> int:
        """Return the token that ends an answer: that of the template, else the tokenizer's."""
        found = self._end_of_turn()
        if found is None:
            found = self.tokenizer.eos_token_id
        if found is None:
            todo = "set eos_token in its tokenizer_config.json"
            raise EngineError(self._name, "the tokenizer has no end-of-sequence token", todo)
        return int(found)

    @cached_property
    def stops(self) -> tuple[int, ...]:
        """Return the tokens that end an answer when one is generated."""
        # settings may name an ordinary token by mistake, which would cut answers short
        named = [one for one in self.ends if self._special(one)]
        own = self.tokenizer.eos_token_id
        return tuple(dict.fromkeys([self.end, self.end if own is None else int(own), *named]))

    @cached_property
    def pad(self) -> int:
        """Return a token to pad with that ends no answer; what is padded is masked besides."""
        tokenizer = self.tokenizer
        candidates = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id)
        known = [one for one in (*candidates, *range(len(self.stops) + 1)) if one is not None]
        return next(int(one) for one in known if one not in self.stops)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def _start(self) -> list[int]:
        """Return the token a text begins with, where no template writes it."""
        first = self.tokenizer.bos_token_id
        begun = self.tokenizer("")["input_ids"][:1] == [first] and not self.tokenizer.chat_template
        return [first] if begun else []

    @property
    def _name(self) -> str:
        return str(getattr(self.tokenizer, "name_or_path", "") or "tokenizer")

    def _written(self, turns: list[dict[str, str]], **more: Any) -> str:
        """Return turns as the template writes them, which is a stranger's program.

        The library runs it in a sandbox; here its time, its memory and what it writes are bounded.
        """
        try:
            with bounded():
                written: str = self.tokenizer.apply_chat_template(
                    turns,
                    chat_template=_stopped(self.tokenizer.get_chat_template()),
                    tokenize=False,
                    **TOLD,
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
        if len(written) > longest:
            what = f"its chat template writes {len(written):,} characters around one prompt"
            raise EngineError(self._name, what, _OTHER_TEMPLATE)
        return written

    def _end_of_turn(self) -> int | None:
        if not self.tokenizer.chat_template:
            return None
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
        whole = self._written(turns)
        ids = self._encode([whole.rpartition(_MARK)[2]])[0]
        return ids[0] if ids and self._special(ids[0]) else None

    def _special(self, token: int) -> bool:
        """Tell whether a token is no text, be it special only among the tokens that were added."""
        added = self.tokenizer.added_tokens_decoder.get(token)
        return token in self.tokenizer.all_special_ids or bool(added and added.special)


def _stopped(template: str) -> str:
    """Return a template whose clock stands still."""
    runs = "strftime_now" in template and _STOPPED not in template
    return _STOPPED + template if runs else template


def _settled(template: str) -> str:
    """Return a template that needs to be told nothing."""
    return template if template.startswith(_UNASKED) else _UNASKED + _stopped(template)
