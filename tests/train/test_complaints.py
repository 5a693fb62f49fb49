"""Promises against what users of other trainers complain of.

The complaints are public: LLaMA-Factory #908, #9482; TRL #862, #1623, #6668, #805; Qwen3 #1522,
LLaMA-Factory #7978, #10596, #9051, #1299; unsloth #3699; peft #859, #2898; Soup #354.
"""

import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from commands import read_run
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils.import_utils import is_flash_attn_2_available

from chinchilla.errors import ConfigError, EngineError, LengthError, TrainError
from chinchilla.predict.chat_template import ChatTemplate
from chinchilla.predict.engine import Prompt, room_for
from chinchilla.predict.inputs import Defaults, read_inputs
from chinchilla.predict.local import LocalEngine
from chinchilla.predict.model_loading import ModelSource, find_model, load_model, load_tokenizer
from chinchilla.predict.postprocess import prompt_of
from chinchilla.runs import folder as runs
from chinchilla.runs.model import EngineOptions, open_engine
from chinchilla.runs.parts import MODEL
from chinchilla.schema import InstructionRow
from chinchilla.tally import Tally
from chinchilla.templates import template_hashes
from chinchilla.train.batching import IGNORED, Encoded, LengthGroups, Padded, encode
from chinchilla.train.callbacks import TrainingMoment
from chinchilla.train.config import TrainConfig, read_train_config
from chinchilla.train.data import (
    check_templates,
    dev_eval_sets,
    open_data,
    split_records,
    split_rows,
)
from chinchilla.train.estimate import estimate
from chinchilla.train.fit import dev_scores, fit, make_trainer
from chinchilla.train.model import Base, make_trainable
from chinchilla.train.prepare import Prepared, begin, check_packing, prepare


def rows_of(built: Path, split: str) -> list[InstructionRow]:
    return list(split_rows(open_data(built, "re", ()), split))


def chat_of(run: Path) -> ChatTemplate:
    return ChatTemplate(load_tokenizer(ModelSource(str(run / MODEL))))


def test_f1_is_shown_at_each_evaluation_and_the_best_is_kept(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    folder = begin(prepared, tmp_path, datetime(2026, 1, 1), "")
    seen: list[TrainingMoment] = []
    done = fit(prepared, folder, seen.append)
    judged = [moment for moment in seen if moment.evaluated]
    assert [moment.step for moment in judged] == [3, 6]
    assert all(moment.f1 is not None for moment in judged)
    assert done.best is not None
    assert done.best.eval_f1 == max(moment.f1 or 0 for moment in judged)


def test_logits_are_computed_for_the_tokens_of_answers_alone(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    model = make_trainable(prepared.base, prepared.config)
    seen: list[tuple[int, ...]] = []
    model.get_output_embeddings().register_forward_hook(
        lambda head, states, logits: seen.append(tuple(logits.shape))
    )
    args = prepared.arguments(tmp_path)
    trainer = make_trainer(prepared, model, args, lambda moment: None)
    some = prepared.encoded.examples[:4]
    trainer.compute_loss(model, Padded(prepared.base.chat.pad)(some))
    answers = sum(len(one.tokens) - one.answer for one in some)
    assert seen == [(1, answers, model.config.vocab_size)]
    assert answers < sum(len(one.tokens) for one in some) / 4


def test_the_end_of_an_answer_is_a_label(full_run: Path, built: Path) -> None:
    chat = chat_of(full_run)
    assert chat.pad not in chat.stops
    for one in encode(rows_of(built, "train"), chat, 2048).examples:
        labels = Padded(chat.pad)([one])["labels"][0]
        assert int(labels[-1]) == chat.end
        assert int((labels != IGNORED).sum()) == len(one.tokens) - one.answer


def test_the_end_is_a_label_where_padding_and_end_are_one_token() -> None:
    bare = Tokenizer(models.BPE({"a": 0, "b": 1, "<end>": 2}, []))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>", pad_token="<end>")
    chat = ChatTemplate(tokenizer)
    assert chat.answers(["a"]) == [[0, 2]]
    assert chat.pad not in chat.stops


def test_a_training_without_a_row_that_fits_is_an_error(
    built: Path, settings: Callable[..., TrainConfig]
) -> None:
    with pytest.raises(TrainError, match=r"all [0-9]+ rows are longer than 16 tokens"):
        prepare(open_data(built, "re", ()), "re", settings(max_tokens=16), print)


def test_answers_alone_are_labels_without_a_generation_block(full_run: Path, built: Path) -> None:
    chat = chat_of(full_run)
    assert "{% generation %}" not in chat.tokenizer.chat_template
    row = rows_of(built, "train")[0]
    [one] = encode([row], chat, 2048).examples
    assert chat.tokenizer.decode(one.tokens[one.answer :]) == f"{row.output}<|end|>"


QWEN3 = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)


def test_a_template_that_can_think_is_rendered_without_thinking(full_run: Path) -> None:
    tokenizer = load_tokenizer(ModelSource(str(full_run / MODEL)))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = QWEN3
    chat = ChatTemplate(tokenizer)
    shown = chat.text("问")
    assert shown == "<|im_start|>user\n问<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert tokenizer.decode(chat.prompts(["问"])[0]) == shown
    assert chat.end == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_templates_that_changed_since_training_are_refused(full_run: Path) -> None:
    run = runs.read_run(full_run)
    now = template_hashes()
    check_templates("trained", run.data.templates, now)
    with pytest.raises(TrainError) as found:
        check_templates("trained", run.data.templates, now | {"forms.yaml": "0"})
    assert str(found.value) == (
        "templates: trained with other wordings than those here (forms.yaml changed); "
        "put the templates back as they were, or build and train again"
    )


@pytest.mark.skipif(is_flash_attn_2_available(), reason="FlashAttention keeps them apart here")
def test_packing_needs_flash_attention() -> None:
    with pytest.raises(TrainError, match="packing needs FlashAttention, which is not here"):
        check_packing()


def test_a_batch_gives_the_answers_of_one_prompt_at_a_time(full_run: Path, built: Path) -> None:
    prompts = [Prompt(row.id, row.prompt) for row in rows_of(built, "train")]
    answers = []
    for size in (1, 7):
        engine, _ = open_engine(str(full_run), EngineOptions(batch_size=size), print)
        answers.append({one.id: one for one in engine.answers(prompts)})
    assert answers[0] == answers[1]
    assert len(answers[0]) == len(prompts) > 40


def test_the_first_weights_of_an_adapter_depend_on_the_seed_alone(
    built: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(method="lora"), print)
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        model = make_trainable(prepared.base, prepared.config)
        found.append({name: one.clone() for name, one in model.named_parameters()})
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    other = make_trainable(prepared.base, prepared.config.model_copy(update={"seed": 1}))
    assert any(
        not torch.equal(one, found[0][name])
        for name, one in other.named_parameters()
        if "lora_A" in name
    )


def test_the_longest_rows_come_first(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig]
) -> None:
    prepared = prepare(open_data(built, "re", ()), "re", settings(), print)
    model = make_trainable(prepared.base, prepared.config)
    args = prepared.arguments(tmp_path)
    trainer = make_trainer(prepared, model, args, lambda moment: None)
    first = next(iter(trainer.get_train_dataloader()))
    assert first["input_ids"].shape[1] == max(prepared.encoded.lengths)
    assert isinstance(trainer._get_train_sampler(), LengthGroups)


def test_a_checkpoint_has_the_state_of_optimizer_schedule_and_rng(full_run: Path) -> None:
    # the losses of a resumed run are compared in test_runs; here, that its state is kept
    names = {path.name for path in (full_run / "checkpoints" / "checkpoint-3").iterdir()}
    assert names >= {"optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"}


@pytest.mark.filterwarnings("error")
def test_no_deprecated_argument_of_a_library_is_used(
    built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    # every deprecation of transformers, peft and accelerate on our way is an error in this suite
    assert train(built, tmp_path, max_steps=1, eval={"rows": 0}).state == "done"


def test_an_adapter_adds_no_tokens(lora_run: Path) -> None:
    words = [len(load_tokenizer(ModelSource(str(lora_run / part)))) for part in ("base", MODEL)]
    assert words[0] == words[1]
    config = orjson.loads((lora_run / MODEL / "adapter_config.json").read_bytes())
    assert config["modules_to_save"] is None
    size = (lora_run / MODEL / "adapter_model.safetensors").stat().st_size
    assert size < (lora_run / "base" / "model.safetensors").stat().st_size


def test_texts_without_gold_are_read(full_run: Path, built: Path) -> None:
    data = open_data(built, "re", ())
    defaults = Defaults(None, data.labels)
    [record] = read_inputs(
        [b'{"text": "\xe7\x94\xb2\xe6\xb3\xa8\xe8\xb5\x84"}'], "-", defaults, Tally()
    )
    assert (record.id, record.source, record.task) == ("line-000001", "finre", "re")
    assert record.relations == record.entities == ()


def test_answers_cut_at_the_limit_are_counted(full_run: Path, built: Path, tmp_path: Path) -> None:
    engine, _ = open_engine(str(full_run), EngineOptions(), print)
    assert isinstance(engine, LocalEngine)
    assert engine.max_new_tokens == room_for(read_run(full_run)["longest_answer"])
    data = open_data(built, "re", ())
    [eval_set] = dev_eval_sets(data, 8, 0)
    config = TrainConfig(base="tiny", eval={"batch_size": 4})
    base = Base(engine.chat, None, None)
    prepared = Prepared(data, "re", config, base, Encoded(), [eval_set], longest_answer=1)
    scores = dev_scores(prepared, tmp_path, engine.model, 3)
    lines = (tmp_path / "step-000003" / eval_set.name / "answers.jsonl").read_bytes().splitlines()
    cut = [orjson.loads(line)["cut"] for line in lines]
    assert scores["cut"] == cut.count(True) > 0
    assert len(cut) == 8


def test_rows_longer_than_the_model_allows_are_refused_before_training(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig], full_run: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(full_run / MODEL, base)
    lengths = encode(rows_of(built, "train"), chat_of(full_run), 2048).lengths
    data = open_data(built, "re", ())
    found = {}
    for places in (max(lengths) + 100, sorted(lengths)[len(lengths) // 2]):
        config = orjson.loads((base / "config.json").read_bytes())
        (base / "config.json").write_bytes(
            orjson.dumps(config | {"max_position_embeddings": places})
        )
        unjudged = settings(base=str(base), eval={"rows": 0})
        found[places] = prepare(data, "re", unjudged, print).encoded
        assert found[places].limit == places
        assert found[places].refused.times == sum(length > places for length in lengths)
    with pytest.raises(LengthError, match=r"of answer, the model has [0-9]+; build with"):
        prepare(data, "re", settings(base=str(base)), print)


@pytest.mark.filterwarnings("error")
def test_recomputing_activations_changes_no_weight(
    built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    for method in ("full", "lora"):
        weights = [
            load_file(
                next(
                    train(
                        *(built, tmp_path / f"{method}-{checkpointing}"),
                        method=method,
                        max_steps=2,
                        eval={"rows": 0},
                        checkpointing=checkpointing,
                    ).folder.glob(f"{MODEL}/*.safetensors")
                )
            )
            for checkpointing in ("off", "on")
        ]
        assert weights[0].keys() == weights[1].keys()
        assert all(torch.allclose(one, weights[1][key]) for key, one in weights[0].items())


def test_nothing_is_downloaded_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    said: list[str] = []
    with pytest.raises(EngineError) as found:
        find_model("no-such-owner/no-such-model", trusted=False, say=said.append)
    assert str(found.value) == (
        "model no-such-owner/no-such-model: not in the local cache, and https://huggingface.co "
        "cannot be reached; pass the path of a model on disk, or train with --base tiny, a small "
        "demo model"
    )
    assert said == []


@pytest.mark.parametrize(
    "line", ["epochs = inf", "learning_rate = inf", "seed = 5000000000", "threads = 100000"]
)
def test_a_setting_out_of_bounds_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"{line.split()[0]}: (inf is no number|is not) "):
        read_train_config(path, {})


def test_a_training_that_diverged_is_an_error(
    built: Path, tmp_path: Path, train: Callable[..., Any]
) -> None:
    with pytest.raises(TrainError) as found:
        train(built, tmp_path, learning_rate=1e6, max_steps=20, eval={"rows": 0})
    assert re.fullmatch(
        r"train: the loss is (nan|inf) at step [0-9]+; lower learning_rate, lengthen warmup, "
        r"or set precision = 'fp32'",
        str(found.value),
    )
    [folder] = (tmp_path / "re").iterdir()
    assert read_run(folder)["state"] == "running"


def test_a_token_without_embedding_is_named_before_training(
    built: Path, tmp_path: Path, settings: Callable[..., TrainConfig], full_run: Path
) -> None:
    base = tmp_path / "base"
    model = load_model(ModelSource(str(full_run / MODEL)), "fp32")
    model.resize_token_embeddings(300)
    model.save_pretrained(base)
    chat_of(full_run).tokenizer.save_pretrained(base)
    prepared = prepare(open_data(built, "re", ()), "re", settings(base=str(base)), print)
    folder = begin(prepared, tmp_path, datetime(2026, 1, 1), "")
    for work in (lambda: fit(prepared, folder, print), lambda: estimate(prepared)):
        with pytest.raises(TrainError, match=r"base: its tokenizer writes the token [0-9]+, the"):
            work()


def test_a_misspelt_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text("learnig_rate = 1\n", encoding="utf-8")
    with pytest.raises(Exception, match="learnig_rate: is not known here"):
        read_train_config(path, {})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("learning_rate = 1", "trainer: learning_rate is the setting learning_rate here"),
        ("report_to = 'wandb'", "trainer: report_to is the setting tracker here"),
        ("output_dir = 'x'", "trainer: output_dir is not to be changed"),
        ("activation_checkpointing = true", "is the setting checkpointing here"),
        ("label_smoothing_factor = 0.1", "trainer: label_smoothing_factor has no effect here"),
    ],
)
def test_an_argument_that_has_a_setting_here_is_refused(
    tmp_path: Path, line: str, words: str
) -> None:
    path = tmp_path / "train.toml"
    path.write_text(f"[trainer]\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_train_config(path, {})


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (
            {"nonsense": 1},
            "nonsense is no argument of transformers' TrainingArguments; correct that",
        ),
        ({"optim": "nope"}, "nope is not a valid OptimizerNames"),
    ],
)
def test_an_argument_the_library_does_not_know_is_named(
    built: Path, tmp_path: Path, train: Callable[..., Any], argument: dict[str, Any], words: str
) -> None:
    with pytest.raises(TrainError, match=words):
        train(built, tmp_path / "runs", trainer=argument)
    assert not (tmp_path / "runs").exists()


def test_constrained_answers_are_labels_asked(full_run: Path, built: Path) -> None:
    data = open_data(built, "re", ())
    records = {record.id: record for record in split_records(data, "dev")}
    rows = rows_of(built, "dev")[:6]
    engine, _ = open_engine(str(full_run), EngineOptions(constrained=True), print)
    labels = data.labels["finre"]
    prompts = [prompt_of(row, records[row.record_id], labels, limited=True) for row in rows]
    names = {label.name for label in (*labels, labels.na) if label is not None}
    for answer in engine.answers(prompts):
        assert answer.cut or set(answer.raw.split("\n")) <= names
