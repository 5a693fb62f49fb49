"""Answer prompts with vLLM in this process, with a LoRA adapter and grammars if wanted.

Checked against vLLM's documented interface (0.12 and later: LLM.chat, LLM.generate,
StructuredOutputsParams, LoRARequest; docs.vllm.ai); the checks of this project do not install
vLLM. All but `load` is plain values.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import orjson

from chinchilla.errors import ConfigError, EngineError
from chinchilla.predict.answer_log import Job
from chinchilla.predict.chat_template import TOLD
from chinchilla.predict.engine import Answer, Limits, Prompt

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values vLLM takes for max_lora_rank (docs.vllm.ai/en/latest/api/vllm/config/lora)."""

_MERGE = "merge it with chinchilla merge and pass the merged folder"


@dataclass(frozen=True)
class VllmOptions:
    """Which model to load and how to ask it, greedily.

    `stops` are tokens that end an answer, beside those that vLLM knows of the model.
    `batch` prompts are answered before the first of them is yielded: what a break can lose.
    `arguments` go to vllm.LLM as they are (tensor_parallel_size, max_model_len, ...).
    Raises ConfigError for a value that cannot be used.
    """

    model: str
    adapter: Path | None = None
    max_tokens: int = 512
    seed: int = 0
    batch: int = 512
    stops: tuple[int, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that answer nothing."""
        for name in ("max_tokens", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(name, f"{getattr(self, name)} is too few", "use 1 or more")

    def job(self, *, constrained: bool) -> Job:
        """Return what of these decides the answers, for the header of their journal."""
        options = {
            "adapter": str(self.adapter) if self.adapter else None,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "arguments": dict(self.arguments),
        }
        return Job("vllm", self.model, options, constrained)


class Completion(Protocol):
    """What of vllm.outputs.CompletionOutput is read."""

    text: str
    token_ids: Sequence[int]
    finish_reason: str | None


class Output(Protocol):
    """What of vllm.RequestOutput is read."""

    outputs: Sequence[Completion]


Request = dict[str, Any]
"""`messages` or `prompt_token_ids`, and under `sampling` what SamplingParams is made of."""
Generate = Callable[[list[Request]], Sequence[Output]]
Grammar = Callable[[Limits], str]
Encode = Callable[[str], list[int]]


class Vllm:
    """An engine on vLLM; `generate` is `load(options, ...)`, or anything that acts like it.

    With `encode`, the tokens of a prompt are made by it; else by the model's chat template,
    without thinking.
    """

    def __init__(
        self,
        options: VllmOptions,
        generate: Generate,
        grammar: Grammar | None = None,
        encode: Encode | None = None,
    ) -> None:
        """Keep the loaded model and the ways to ask it."""
        self._options, self._generate = options, generate
        self._grammar, self._encode = grammar, encode

    def answers(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Yield the answers in the order of the prompts, batch by batch."""
        source = iter(prompts)
        while batch := list(islice(source, self._options.batch)):
            requests = [self._request(prompt) for prompt in batch]
            for prompt, output in zip(batch, self._generate(requests), strict=True):
                yield to_answer(prompt.id, output)

    def _request(self, prompt: Prompt) -> Request:
        grammar = self._grammar(prompt.limits) if self._grammar and prompt.limits else None
        sampling = to_sampling(self._options, grammar)
        if self._encode:
            return {"prompt_token_ids": self._encode(prompt.text), "sampling": sampling}
        return {"messages": to_messages(prompt), "sampling": sampling}


def to_messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the conversation of a prompt."""
    return [{"role": "user", "content": prompt.text}]


def to_sampling(options: VllmOptions, grammar: str | None) -> dict[str, Any]:
    """Return the fields of SamplingParams; a grammar stands as a plain string."""
    fields: dict[str, Any] = {"temperature": 0.0, "max_tokens": options.max_tokens}
    fields["seed"] = options.seed
    if options.stops:
        fields["stop_token_ids"] = list(options.stops)
    return fields if grammar is None else {**fields, "grammar": grammar}


def to_answer(id_: str, output: Output) -> Answer:
    """Return the answer to a prompt: the first and only completion."""
    first = output.outputs[0]
    return Answer(id_, first.text, len(first.token_ids), first.finish_reason == "length")


def to_arguments(options: VllmOptions, *, constrained: bool) -> dict[str, Any]:
    """Return the arguments of vllm.LLM; raise EngineError for an adapter it cannot load."""
    arguments: dict[str, Any] = {"model": options.model, "seed": options.seed}
    if options.adapter:
        arguments |= {"enable_lora": True, "max_lora_rank": adapter_rank(options.adapter)}
    if constrained:
        # our grammars are in llguidance's syntax, which the other backends do not read
        arguments["structured_outputs_config"] = {"backend": "guidance"}
    return arguments | dict(options.arguments)


def adapter_rank(folder: Path) -> int:
    """Return the least rank vLLM can be told that holds a PEFT adapter; raise EngineError."""
    path = folder / "adapter_config.json"
    try:
        config = orjson.loads(path.read_bytes())
        rank = max(config["r"], *(config.get("rank_pattern") or {}).values(), 0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EngineError(str(path), "not an adapter", "pass the folder of a run") from error
    for name in ("use_dora", "modules_to_save"):
        if config.get(name):
            raise EngineError(str(path), f"vLLM cannot load an adapter with {name}", _MERGE)
    fitting = [known for known in _RANKS if known >= rank]
    if not fitting:
        raise EngineError(str(path), f"rank {rank} is more than vLLM takes", _MERGE)
    return fitting[0]


def load(options: VllmOptions, *, constrained: bool) -> Generate:
    """Load the model and return the function that answers; raise EngineError if it cannot."""
    arguments = to_arguments(options, constrained=constrained)
    try:
        from vllm import LLM, SamplingParams
        from vllm.lora.request import LoRARequest
        from vllm.sampling_params import StructuredOutputsParams
    except ImportError as error:
        what = f"cannot be imported ({error})"
        raise EngineError("vllm", what, "pip install 'chinchilla[vllm]'") from error
    try:
        model = LLM(**arguments)
    except (OSError, ValueError, RuntimeError) as error:
        todo = "check the model and its options"
        if "trust_remote_code" in str(error) or "trust-remote-code" in str(error):
            todo = "read that code, then pass --trust-remote-code"
        raise EngineError(options.model, str(error), todo) from error
    adapter = LoRARequest("adapter", 1, str(options.adapter)) if options.adapter else None

    def sampling(fields: dict[str, Any]) -> Any:
        rest = {name: value for name, value in fields.items() if name != "grammar"}
        if "grammar" in fields:
            rest["structured_outputs"] = StructuredOutputsParams(grammar=fields["grammar"])
        return SamplingParams(**rest)

    def generate(requests: list[Request]) -> Sequence[Output]:
        settings = [sampling(request["sampling"]) for request in requests]
        how = {"sampling_params": settings, "lora_request": adapter, "use_tqdm": False}
        try:
            if "messages" in requests[0]:
                talks = [request["messages"] for request in requests]
                return list(model.chat(talks, chat_template_kwargs=dict(TOLD), **how))
            tokens = [{"prompt_token_ids": request["prompt_token_ids"]} for request in requests]
            return list(model.generate(tokens, **how))
        except (ValueError, RuntimeError) as error:
            todo = "run the command again to go on from here"
            raise EngineError(options.model, str(error), todo) from error

    return generate
