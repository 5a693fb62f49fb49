"""Options of the prompts of a build; every description is also documentation."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from chinchilla.answers import Subtask, format_names
from chinchilla.schema import Frozen, Task

Size = Annotated[int, Field(ge=0)]


def _known_form(name: str) -> str:
    if name not in format_names():
        raise ValueError(f"no answer format {name!r}, there are {', '.join(format_names())}")
    return name


FormName = Annotated[str, AfterValidator(_known_form)]


class PromptOptions(Frozen):
    """The table [prompts] of build.toml."""

    subtasks: tuple[Subtask, ...] = Field(
        default=("ner", "re", "ee"),
        description="sub-tasks to write; those of other tasks are ignored",
    )
    forms: tuple[FormName, ...] = Field(
        default=("json",), min_length=1, description="answer formats, one drawn for each row"
    )
    templates: Literal["train", "held-out"] = Field(
        default="train", description="templates of dev and test; train never uses held-out ones"
    )
    wordings: tuple[str, ...] = Field(
        default=(),
        description="template ids to use (ner/closed#list); a kind of which none is named uses all",
    )
    format_sentences: Literal["all", "first"] = Field(
        default="all",
        description="describe the answer format in any of its sentences, or the first",
    )
    open_share: float = Field(
        default=0.0, ge=0, le=1, description="share of records asked once without labels (train)"
    )
    open_everywhere: bool = Field(
        default=False, description="ask dev and test without labels too, in the same share"
    )
    labels_per_prompt: Size | dict[Task, Size] = Field(
        default=0, description="labels in one prompt, also by task; 0 asks all of them at once"
    )
    roles_per_prompt: int = Field(
        default=0, ge=0, description="roles of an event type in one prompt; 0 asks all of them"
    )
    shuffle_labels: bool = Field(
        default=True, description="ask the labels in an order drawn for each record"
    )
    negatives: int | None = Field(
        default=None,
        ge=0,
        description="negative labels asked for each record (train), more to fill a prompt; "
        "none means all",
    )
    negative_ratio: float | None = Field(
        default=None,
        ge=0,
        description="negative labels asked for each label present (train), more to fill a prompt",
    )
    hard_negatives: dict[str, str] = Field(
        default_factory=dict,
        description="file of confusable labels by source, from chinchilla mine",
    )
    null_share: float | None = Field(
        default=None, ge=0, lt=1, description="share of train rows whose answer is empty"
    )
    descriptions: Literal["on", "off", "sampled"] = Field(
        default="on", description="show label descriptions where a template has room for them"
    )
    label_dropout: float = Field(
        default=0.0, ge=0, le=1, description="chance that a label present is not asked (train)"
    )
    renaming: Literal["code", "paraphrase"] = Field(
        default="code", description="rename labels to LABEL_k, or to an alias of their card"
    )
    label_renaming: float = Field(
        default=0.0, ge=0, le=1, description="chance that the labels of a row are renamed (train)"
    )
    mark_pairs: bool = Field(
        default=False, description="mark head and tail in the text where a pair is given"
    )
    demonstrations: int = Field(
        default=0, ge=0, le=16, description="examples in each prompt, drawn from train"
    )

    def batch_size(self, task: Task) -> int:
        """Return how many labels are in one prompt of a task; 0 means all."""
        size = self.labels_per_prompt
        return size if isinstance(size, int) else size.get(task, 0)

    @property
    def keeps_labels(self) -> bool:
        """Tell whether train leaves no label out of what is asked."""
        few = self.negatives is not None or self.negative_ratio is not None
        return not (few or self.label_dropout)

    @model_validator(mode="after")
    def _one_way_to_say_negatives(self) -> "PromptOptions":
        if self.negatives is not None and self.negative_ratio is not None:
            raise ValueError("negatives and negative_ratio exclude each other")
        return self


class WindowOptions(Frozen):
    """The table [windows] of build.toml."""

    max_chars: int = Field(
        default=0, ge=0, description="longest prompt in characters; 0 sets no limit"
    )
    max_tokens: int = Field(
        default=0, ge=0, description="longest prompt in tokens of the tokenizer; 0 sets no limit"
    )
    tokenizer: str = Field(default="", description="tokenizer.json, or the folder that holds it")
    overlap: int = Field(
        default=0, ge=0, description="text that neighbouring windows share, in the same unit"
    )
    events: Literal["keep", "split", "drop"] = Field(
        default="keep", description="an event over several windows: in one, in each, or left out"
    )

    @model_validator(mode="after")
    def _one_unit(self) -> "WindowOptions":
        if self.max_chars and self.max_tokens:
            raise ValueError("max_chars and max_tokens exclude each other")
        if self.max_tokens and not self.tokenizer:
            raise ValueError("max_tokens needs a tokenizer")
        return self


class HoldOut(Frozen):
    """The table [hold_out] of build.toml: what train must never show."""

    sources: tuple[str, ...] = Field(default=(), description="sources left out of train")
    labels: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="raw labels of a source left out of every train prompt"
    )
