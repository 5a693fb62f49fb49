"""Batches: their order, their tensors, and a loss that does not depend on either."""

from contextlib import nullcontext
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen3Config, Qwen3ForCausalLM

from chinchilla.train.batching import (
    IGNORED,
    Encoded,
    LengthGroups,
    Packed,
    Padded,
    TokenExample,
    order,
)
from chinchilla.train.trainer import AnswerHead, answer_loss, takes


def model() -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=50,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
        )
    ).eval()


def example(tokens: list[int], answer: int) -> TokenExample:
    return TokenExample("row", np.array(tokens, dtype=np.int32), answer)


EXAMPLES = [
    example([5, 6, 7, 8, 9, 1], 4),
    example([11, 12, 13, 1], 1),
    example([20, 21, 22, 23, 24, 25, 26, 1], 6),
]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300), st.integers(1, 16))
def test_an_order_holds_every_row_once(lengths: list[int], batch: int) -> None:
    assert sorted(order(lengths, lengths, batch, Random(0))) == list(range(len(lengths)))


def test_the_batch_with_the_longest_row_comes_first() -> None:
    rng = Random(1)
    lengths = [rng.randint(1, 100) for _ in range(1000)]
    lengths[700] = 5000
    for epoch in range(5):
        assert 700 in order(lengths, lengths, 16, Random(epoch))[:16]


def test_the_batch_with_most_to_learn_comes_second() -> None:
    rng = Random(1)
    lengths = [rng.randint(101, 200) for _ in range(1000)]
    answers = [rng.randint(1, 20) for _ in range(1000)]
    lengths[700], answers[300] = 5000, 100_000
    for epoch in range(5):
        found = order(lengths, answers, 16, Random(epoch))
        assert 300 in found[:32]
        assert (300 in found[:16]) == (set(found[:16]) >= {300, 700})


def test_a_batch_holds_rows_of_like_length() -> None:
    rng = Random(1)
    lengths = [rng.randint(1, 400) for _ in range(1600)]
    found = order(lengths, lengths, 16, Random(0))
    batches = [[lengths[one] for one in found[at : at + 16]] for at in range(0, 1600, 16)]
    wasted = sum(max(one) * 16 - sum(one) for one in batches)
    assert wasted / sum(lengths) < 0.05


def test_epochs_differ_and_a_seed_repeats_them() -> None:
    encoded = Encoded(examples=[example([7] * length, 1) for length in range(2, 201)])
    one, other = (LengthGroups(encoded, 8, 3) for _ in range(2))
    first = list(one)
    one.set_epoch(1)
    other.set_epoch(1)
    assert list(one) == list(other) != first
    assert len(one) == 199


def test_rows_are_padded_on_the_left_and_only_answers_are_labels() -> None:
    batch = Padded(0)(EXAMPLES)
    assert batch["input_ids"].tolist() == [
        [0, 0, 5, 6, 7, 8, 9, 1],
        [0, 0, 0, 0, 11, 12, 13, 1],
        [20, 21, 22, 23, 24, 25, 26, 1],
    ]
    assert batch["position_ids"].tolist()[1] == [0, 0, 0, 0, 0, 1, 2, 3]
    assert batch["logits_to_keep"] == 4
    assert batch["labels"].tolist() == [
        [IGNORED, IGNORED, 9, 1],
        [IGNORED, 12, 13, 1],
        [IGNORED, IGNORED, 26, 1],
    ]


@torch.inference_mode()
def test_the_loss_is_that_of_each_row_alone_however_it_is_batched() -> None:
    net = model()
    total, items = 0.0, 0
    for one in EXAMPLES:
        logits = net(input_ids=torch.from_numpy(one.tokens).long()[None]).logits[0].double()
        wanted = torch.from_numpy(one.tokens[one.answer :]).long()
        said = logits[one.answer - 1 : -1].log_softmax(-1)
        total -= float(said[torch.arange(len(wanted)), wanted].sum())
        items += len(wanted)
    alone = total / items
    for collate in (Padded(0), Padded(0, keeps=False), Packed()):
        batch = collate(EXAMPLES)
        labels = batch.pop("labels")
        found = float(answer_loss(net(**batch), labels))
        assert found == pytest.approx(alone, rel=1e-5), collate


@pytest.mark.parametrize("collate", [Padded(0), Padded(0, keeps=False), Packed()])
def test_logits_are_computed_for_labels_alone_and_the_loss_and_its_gradient_stay(
    collate: Padded | Packed,
) -> None:
    net, batch = model(), collate(EXAMPLES)
    labels = batch.pop("labels")
    losses, gradients, shapes = [], [], []
    for head in (None, AnswerHead(net)):
        with head.only(labels) if head else nullcontext():
            out = net(**batch)
        loss = answer_loss(out, labels)
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(net.model.layers[0].self_attn.q_proj.weight.grad.clone())
        shapes.append(out.logits.shape)
        net.zero_grad()
    assert shapes[1][:2] == (1, 2 + 3 + 2)
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert torch.allclose(*gradients, atol=1e-7)
    assert net(**batch).logits.shape == shapes[0]


def test_the_arguments_of_a_forward_are_known() -> None:
    assert takes(model(), "logits_to_keep")
    assert not takes(model(), "no_such_argument")
